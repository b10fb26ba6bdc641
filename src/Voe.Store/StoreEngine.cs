using Voe.Store.Chunks;
using Voe.Store.Index;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Store.Volumes;

namespace Voe.Store;

/// <summary>
/// A store that is open: log, index, chunks and volumes, put together. It is replaced as a whole when the log has failed
/// and is recovered, by the same steps as a start.
/// </summary>
internal sealed class StoreEngine
{
    private const int MaxOpenPacks = 256;

    private readonly PackSet _packs;
    private readonly Checkpointer _checkpointer;

    private StoreEngine(
        PackSet packs,
        StoreIndex index,
        ChunkStore chunks,
        VolumeCatalog catalog,
        Checkpointer checkpointer,
        LogWriter log,
        RecoveryReport report)
    {
        _packs = packs;
        Index = index;
        Chunks = chunks;
        Catalog = catalog;
        _checkpointer = checkpointer;
        Log = log;
        Report = report;
        WriteBatches = new ScratchPool<VolumeWriteBatch>(() => new VolumeWriteBatch(index, chunks));
        ReadScratch = new ScratchPool<VolumeReadScratch>(static () => new VolumeReadScratch());
    }

    /// <summary>The index.</summary>
    public StoreIndex Index { get; }

    /// <summary>The chunks.</summary>
    public ChunkStore Chunks { get; }

    /// <summary>The volumes.</summary>
    public VolumeCatalog Catalog { get; }

    /// <summary>The log's end.</summary>
    public LogWriter Log { get; }

    /// <summary>What opening found and did.</summary>
    public RecoveryReport Report { get; }

    /// <summary>Batches for writers.</summary>
    public ScratchPool<VolumeWriteBatch> WriteBatches { get; }

    /// <summary>Lists for readers.</summary>
    public ScratchPool<VolumeReadScratch> ReadScratch { get; }

    /// <summary>Opens what is in the directory.</summary>
    public static StoreEngine Open(IStorageDirectory packDirectory, string indexPath, in Superblock superblock, StoreOptions options)
    {
        var packs = new PackSet(packDirectory, MaxOpenPacks);
        StoreIndex? index = null;
        ChunkStore? chunks = null;
        try
        {
            index = OpenIndex(indexPath, options, out bool wasDamaged);
            chunks = new ChunkStore(packs, index, options, superblock.HashAlgorithm);
            return Open(packs, index, chunks, superblock, options, wasDamaged);
        }
        catch
        {
            chunks?.Dispose();
            index?.Dispose();
            packs.Dispose();
            throw;
        }
    }

    /// <summary>Returns when RocksDB has everything that was applied when it was called.</summary>
    public void Checkpoint() => _checkpointer.Checkpoint();

    /// <summary>What the store holds.</summary>
    public StoreUsage GetUsage()
    {
        long packBytes = 0;
        List<uint> ids = _packs.ListIds();
        foreach (uint id in ids)
        {
            using PackSet.Lease lease = _packs.Acquire(id);
            packBytes += lease.File.Length;
        }

        long mapped = 0;
        long size = 0;
        foreach (VolumeState volume in Catalog.List())
        {
            mapped += Index.GetMappedChunks(volume.Record.Id) * volume.Record.ChunkSize;
            size += volume.Record.Size;
        }

        long stored = 0;
        long referenced = 0;
        long chunks = 0;
        long live = 0;
        foreach (PackUsage usage in Index.GetPackUsage().Values)
        {
            stored += usage.StoredBytes;
            referenced += usage.ReferencedBytes;
            chunks += usage.StoredChunks;
            live += Math.Min(usage.StoredBytes, usage.ReferencedBytes);
        }

        return new StoreUsage(ids.Count, packBytes, stored, referenced, mapped, size, chunks, live);
    }

    /// <summary>Where the log and the caches are.</summary>
    public StoreActivity GetActivity()
    {
        ChunkCacheStatistics cache = Chunks.Cache.Statistics;
        (ulong checkpointLsn, long bytesSinceCheckpoint) = _checkpointer.Progress;
        return new StoreActivity(
            Log.AppliedLsn, Log.DurableLsn, checkpointLsn, bytesSinceCheckpoint, Chunks.Cache.ReservedBytes, cache.UsedBytes, cache.Hits,
            cache.Misses, Log.Failure?.Message);
    }

    /// <summary>
    /// Makes everything durable, brings RocksDB up to date, and closes. No operation may be running. When something of
    /// that fails, the store is closed all the same, and the first error is thrown: what was flushed before is safe.
    /// </summary>
    public void Close()
    {
        try
        {
            Log.Flush();
            Log.MarkEnd();
            Checkpoint();
            _checkpointer.Stop();
            Log.Close();
        }
        finally
        {
            Abandon();
        }
    }

    /// <summary>Frees everything without writing a byte. No operation may be running.</summary>
    public void Abandon()
    {
        Log.Dispose();
        _checkpointer.Stop();
        Index.Dispose();
        Chunks.Dispose();
        _packs.Dispose();
    }

    private static StoreEngine Open(
        PackSet packs, StoreIndex index, ChunkStore chunks, in Superblock superblock, StoreOptions options, bool wasDamaged)
    {
        var catalog = new VolumeCatalog();
        LogPosition start = RestoreCheckpoint(index, catalog);
        var logOptions = new LogOptions
        {
            HashAlgorithm = superblock.HashAlgorithm,
            StoreId = superblock.StoreId,
            PackSize = options.PackSize,
            IsSynchronous = options.IsSynchronous,
            KnownDurableLsn = options.KnownDurableLsn,
        };
        bool hasCheckpoint = !index.CheckpointState.IsEmpty;
        var replay = new IndexReplay(index, catalog, isRebuild: !hasCheckpoint, options.Progress);
        RecoveredLog recovered = LogRecovery.Run(packs, logOptions, start, replay.Apply, replay.ReportProgress);
        long bytesWithoutCheckpoint = recovered.ReplayedBytes;
        if (!hasCheckpoint)
        {
            replay.Checkpoint(recovered.End); // so that the next start need not rebuild again
            bytesWithoutCheckpoint = 0;
        }

        var checkpointer = new Checkpointer(index, catalog, options.CheckpointInterval, options.IsSynchronous);
        var log = new LogWriter(packs, logOptions, recovered.End, recovered.LastPackId, recovered.Unsealed, checkpointer);
        checkpointer.Start(log, bytesWithoutCheckpoint, hasCheckpoint ? start.LastLsn : recovered.End.LastLsn);
        var report = new RecoveryReport(
            IsNew: recovered.LastPackId == 0,
            IsIndexRebuilt: wasDamaged || (!hasCheckpoint && recovered.LastPackId > 0),
            recovered.ReplayedBatches,
            recovered.ReplayedBytes,
            recovered.CutBytes,
            recovered.CutPacks);
        return new StoreEngine(packs, index, chunks, catalog, checkpointer, log, report);
    }

    // The index holds nothing that the packs do not: a damaged one is dropped and rebuilt.
    private static StoreIndex OpenIndex(string path, StoreOptions options, out bool wasDamaged)
    {
        var indexOptions = new IndexOptions { Memory = options.IndexMemory, RocksDbMemory = options.RocksDbMemory };
        wasDamaged = false;
        try
        {
            return StoreIndex.Open(path, indexOptions);
        }
        catch (StoreDamagedException)
        {
            wasDamaged = true;
            Directory.Delete(path, recursive: true);
            return StoreIndex.Open(path, indexOptions);
        }
    }

    private static LogPosition RestoreCheckpoint(StoreIndex index, VolumeCatalog catalog)
    {
        if (index.CheckpointState.IsEmpty)
        {
            return default;
        }

        if (!Checkpointer.TryDecodeState(index.CheckpointState.Span, out LogPosition position, out uint nextVolumeId, out bool hasLosses))
        {
            throw new StoreFormatException(
                "the index was written by another version of this program: delete the index directory, it is rebuilt from the packs");
        }

        foreach ((uint id, byte[] body) in index.VolumeRecords)
        {
            if (!NamedRecordCodec.TryDecodeVolume(body, out VolumeRecord record) || record.Id != id)
            {
                throw new StoreDamagedException($"the index's record of volume {id} is damaged: delete the index "
                    + "directory, it is rebuilt from the packs");
            }

            catalog.Put(record);
        }

        catalog.RestoreNextId(nextVolumeId);
        catalog.HasLosses = hasLosses;
        return position;
    }
}
