using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Volumes;

namespace Voe.Store.Verify;

/// <summary>How a store that is in use is verified.</summary>
public sealed record ScrubOptions
{
    /// <summary>The rate unless told otherwise: 100 GiB an hour, and next to nothing of a disk or a processor.</summary>
    public const long DefaultBytesPerSecond = 32L << 20;

    /// <summary>The most bytes of packs that are read in a second; 0 for no limit.</summary>
    public long MaxBytesPerSecond { get; init; } = DefaultBytesPerSecond;

    /// <summary>Told bytes done and bytes in all; or null.</summary>
    public Action<StoreProgress>? Progress { get; init; }

    /// <summary>Ends it.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>
/// Verifies the packs of a store while clients use it: everything that was durable when it began, read past the page cache, so
/// that it is the disk that is verified and clients keep what is cached of theirs. One thread, one pack at a time.
/// </summary>
/// <remarks>
/// The index is in use and not compared; it serves to tell which volumes hold a damaged chunk. Chunks that are found damaged count
/// as unknown from then on, so that the next write of the same bytes stores them again.
/// </remarks>
internal sealed class StoreScrubber : IChunkSink
{
    private const int MaxDamaged = 1 << 16;
    private const int MapPiece = 1024; // chunks of a map that are looked at in one operation

    private readonly IStorageDirectory _packDirectory;
    private readonly Superblock _superblock;
    private readonly Func<StoreOperation> _enter;
    private readonly ScrubOptions _options;
    private readonly FindingList _findings = new();
    private readonly List<DamagedChunk> _damaged = [];
    private readonly RateLimit _limit;
    private long _total;

    /// <summary>A scrubber to be run once.</summary>
    /// <param name="packDirectory">The packs.</param>
    /// <param name="superblock">The store.</param>
    /// <param name="enter">Begins an operation on it; short ones, since a store that has to recover waits for their end.</param>
    /// <param name="clock">Time.</param>
    /// <param name="options">How.</param>
    public StoreScrubber(
        IStorageDirectory packDirectory, in Superblock superblock, Func<StoreOperation> enter, TimeProvider clock, ScrubOptions options)
    {
        _packDirectory = packDirectory;
        _superblock = superblock;
        _enter = enter;
        _options = options;
        _limit = new RateLimit(options.MaxBytesPerSecond, clock, options.Cancellation, Report);
    }

    /// <summary>Does it.</summary>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public VerifyResult Run()
    {
        using var packs = new PackSet(_packDirectory, maxOpenFiles: 2, isForScan: true);
        LiveLog live;
        using (StoreOperation operation = _enter())
        {
            ulong durable = operation.Engine.Log.DurableLsn;
            live = new LiveLog(durable, packs.ListIds() is [.., uint last] ? last : 0);
        }

        var survey = new LogSurvey(packs, _superblock, null, _findings, _options.Cancellation, live, _limit);
        survey.Run(static (_, _) => { });
        PackSurvey[] read = [.. survey.Packs.Where(static pack => !pack.IsSkipped && pack.Runs.Count > 0)];
        _total = read.Sum(static pack => pack.Length);
        var verifier = new PackVerifier(_superblock.HashAlgorithm, this, _findings, _limit);
        foreach (PackSurvey pack in read)
        {
            Verify(packs, verifier, pack, live.DurableLsn);
        }

        ReportDamaged();
        (IReadOnlyList<Finding> findings, long omitted) = _findings.ToResult();
        return new VerifyResult(findings, read.Length, survey.Batches, survey.Chunks, _total) { OmittedFindings = omitted };
    }

    /// <inheritdoc/>
    public void Add(ReadOnlySpan<VerifiedChunk> chunks)
    {
        // Whole ones are of no interest.
    }

    /// <inheritdoc/>
    public void AddDamaged(in DamagedChunk chunk)
    {
        if (_damaged.Count < MaxDamaged)
        {
            _damaged.Add(chunk);
        }
    }

    private void Report(long done) => _options.Progress?.Invoke(new StoreProgress("scrubbing", Math.Min(done, _total), _total));

    private void Verify(PackSet packs, PackVerifier verifier, PackSurvey pack, ulong durableLsn)
    {
        try
        {
            using PackSet.Lease lease = packs.Acquire(pack.Id);
            verifier.Verify(pack, lease.File, pack.Footer is null ? durableLsn : ulong.MaxValue);
        }
        catch (StoreIOException e)
        {
            _findings.Add(FindingCode.PackUnreadable, pack.Id, 0, $"cannot be read: {e.Message}");
        }
    }

    private void ReportDamaged()
    {
        var places = _damaged.Select(static chunk => (chunk.PackId, chunk.Offset)).ToHashSet();
        var hurt = new Dictionary<ChunkHash, RangeCollector>();
        var codes = new List<FindingCode?>();
        foreach (DamagedChunk chunk in _damaged)
        {
            using StoreOperation operation = _enter();
            ChunkLocation known = operation.Engine.Chunks.Find(chunk.Hash);
            bool hasOther = !known.IsNone && !known.IsLost && !places.Contains((known.PackId, known.Offset));
            codes.Add(chunk.IsLost ? hasOther ? null : FindingCode.ChunkLost
                : hasOther ? FindingCode.ChunkCopyDamaged : FindingCode.ChunkDamaged);
            if (!hasOther)
            {
                hurt.TryAdd(chunk.Hash, new RangeCollector());
                operation.Engine.Chunks.MarkDamaged(chunk.Hash);
            }
        }

        Dictionary<uint, VolumeRecord> volumes = hurt.Count > 0 ? FindVolumes(hurt) : [];
        for (int i = 0; i < _damaged.Count; i++)
        {
            DamagedChunk chunk = _damaged[i];
            if (codes[i] is { } code)
            {
                (IReadOnlyList<AffectedRange> ranges, long more) =
                    hurt.TryGetValue(chunk.Hash, out RangeCollector? held) ? held.ToRanges(volumes) : ([], 0);
                _findings.Add(new Finding(code, chunk.PackId, chunk.Offset, chunk.Reason)
                {
                    Chunk = chunk.Hash,
                    Affected = ranges,
                    MoreBytes = more,
                });
            }
        }
    }

    // Which volumes hold those chunks now.
    private Dictionary<uint, VolumeRecord> FindVolumes(Dictionary<ChunkHash, RangeCollector> hurt)
    {
        Dictionary<uint, VolumeRecord> volumes;
        using (StoreOperation operation = _enter())
        {
            volumes = operation.Engine.Catalog.List().ToDictionary(static state => state.Record.Id, static state => state.Record);
        }

        var entries = new MapEntry[MapPiece];
        foreach (VolumeRecord volume in volumes.Values)
        {
            ulong end = (ulong)((volume.Size + volume.ChunkSize - 1) / volume.ChunkSize);
            for (ulong chunk = 0; chunk < end;)
            {
                _options.Cancellation.ThrowIfCancellationRequested();
                chunk = FindInPiece(volume, chunk, end, entries, hurt);
            }
        }

        return volumes;
    }

    private ulong FindInPiece(
        VolumeRecord volume, ulong first, ulong end, MapEntry[] entries, Dictionary<ChunkHash, RangeCollector> hurt)
    {
        using StoreOperation operation = _enter();
        first = operation.Engine.Index.FindMapped(volume.Id, first, end);
        int count = (int)Math.Min(end - first, (ulong)entries.Length);
        if (count > 0)
        {
            operation.Engine.Index.ReadMap(volume.Id, first, entries.AsSpan(0, count));
        }

        for (int i = 0; i < count; i++)
        {
            if (!entries[i].IsHole && hurt.TryGetValue(entries[i].Hash, out RangeCollector? ranges))
            {
                ranges.Add(volume, first + (ulong)i);
            }
        }

        return first + (ulong)count;
    }
}
