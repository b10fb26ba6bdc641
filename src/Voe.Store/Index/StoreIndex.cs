using System.Buffers.Binary;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Index;

/// <summary>
/// The index of a store: where each chunk lies, and what each chunk of each volume holds. It is derived from the log:
/// what it loses, the log's replay restores.
/// </summary>
/// <remarks>
/// <para>Three layers, newest first: the changes since the last <see cref="Freeze"/> in memory (the active delta), the changes
/// that a checkpoint is writing (the frozen delta), and RocksDB behind bounded caches.</para>
/// <para>Threads: look-ups from any thread at any time; they never wait for changes. Changes and <see cref="Freeze"/> one at
/// a time, in the log's order, by a caller that serialises them. <see cref="WriteFrozen"/> on any one thread, beside both.</para>
/// <para>Durability: changes are durable once the <see cref="WriteFrozen"/> of their delta has returned; whatever was not is
/// gone after <see cref="Dispose"/>, which makes no checkpoint. Replaying a log from any earlier checkpoint gives the same index.</para>
/// <para>Errors: <see cref="StoreFullException"/>, <see cref="StoreIOException"/>, and <see cref="StoreDamagedException"/>
/// when RocksDB's files are damaged: the index directory is then deleted and rebuilt.</para>
/// </remarks>
internal sealed class StoreIndex : IDisposable
{
    private readonly LocalDirectory _directory;
    private readonly RocksDatabase _database;
    private readonly RocksReader _rocks;
    private readonly UsageLedger _ledger;
    private readonly CheckpointWriter _checkpoint;
    private readonly ChunkFilterKeeper _filter;
    private readonly IndexReader _reader;
    private readonly Action<CheckpointStep>? _failPoint;

    // Changed by the caller that serialises changes: the delta that takes them, and the one that is free to be the next.
    private Delta _active;
    private Delta? _spare;

    // The view before the last freeze: readers may still be inside when the frozen delta is given up.
    private IndexView? _viewBeforeFreeze;

    private StoreIndex(LocalDirectory directory, IndexOptions options)
    {
        _directory = directory;
        directory.DeleteFile(CheckpointWriter.ChunkFileName);
        _database = OpenDatabase(directory, Math.Max(options.RocksDbMemory, 4L << 20));
        _rocks = new RocksReader(_database);
        try
        {
            CheckFormat();
            CheckpointState = _rocks.Get(_database.Checkpoint, IndexKeys.StateKey) ?? [];
            VolumeRecords = [.. _rocks.ReadAll(_database.VolumeRecords, []).Select(ReadVolumeRecord)];
            RootRecords = _rocks.ReadAll(_database.Roots, []);
            _ledger = new UsageLedger(_database, _rocks);
        }
        catch
        {
            _rocks.Dispose();
            _database.Dispose();
            throw;
        }

        _failPoint = options.FailPoint;
        _checkpoint = new CheckpointWriter(_database, _rocks, _ledger, directory, _failPoint);
        long part = Math.Max(options.Memory, 1L << 20) / 16;
        _filter = new ChunkFilterKeeper(_database, _rocks, directory, 2 * part);
        _active = new Delta(4 * part);
        _spare = new Delta(4 * part);
        _reader = new IndexReader(_rocks, _filter, new IndexView(_active, null), part, 5 * part);
        IndexReserve.Renew(directory);
    }

    /// <summary>Opens the index in a local directory, which is created when missing.</summary>
    /// <exception cref="StoreDamagedException">RocksDB cannot be opened; the message says what to do.</exception>
    public static StoreIndex Open(string directory, IndexOptions options)
    {
        var files = LocalDirectory.Open(directory, createIfMissing: true);
        try
        {
            return new StoreIndex(files, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreIOException($"index in {directory}: {e.Message}", e);
        }
    }

    /// <summary>What the last durable checkpoint's <see cref="Freeze"/> was given; empty when there is none. As of opening.</summary>
    public ReadOnlyMemory<byte> CheckpointState { get; }

    /// <summary>All volume records of the last durable checkpoint, by id. As of opening.</summary>
    public IReadOnlyList<(uint Id, byte[] Record)> VolumeRecords { get; }

    /// <summary>All root records of the last durable checkpoint, by key in byte order. As of opening.</summary>
    public IReadOnlyList<(byte[] Key, byte[] Value)> RootRecords { get; }

    /// <summary>Looks up many chunks; the default location stands for "no such chunk". Exact.</summary>
    public void FindChunks(ReadOnlySpan<ChunkHash> hashes, Span<ChunkLocation> locations) => _reader.FindChunks(hashes, locations);

    /// <summary>Reads consecutive chunks of a volume's map, from <paramref name="firstChunk"/> on; holes are default entries.</summary>
    public void ReadMap(uint volume, ulong firstChunk, Span<MapEntry> entries) => _reader.ReadMap(volume, firstChunk, entries);

    /// <summary>Reads scattered chunks of a volume's map, in any order; holes are default entries.</summary>
    public void ReadMap(uint volume, ReadOnlySpan<ulong> chunks, Span<MapEntry> entries) => _reader.ReadMap(volume, chunks, entries);

    /// <summary>
    /// Skips holes: the first chunk of <c>[firstChunk, endChunk)</c> that may be mapped, or up to which was searched; those
    /// before it are holes. The range is not empty. Costs as much as some look-ups, however long the range.
    /// </summary>
    public ulong FindMapped(uint volume, ulong firstChunk, ulong endChunk) => _reader.FindMapped(volume, firstChunk, endChunk);

    /// <summary>Adds a chunk, or says that it lies elsewhere now.</summary>
    public void AddChunk(in ChunkHash hash, in ChunkLocation location) => _active.SetChunk(in hash, in location);

    /// <summary>Adds many chunks, hashes and locations by index; cheaper than one by one.</summary>
    public void AddChunks(ReadOnlySpan<ChunkHash> hashes, ReadOnlySpan<ChunkLocation> locations) => _active.SetChunks(hashes, locations);

    /// <summary>Forgets a chunk (its pack goes away); look-ups answer "no such chunk" at once.</summary>
    public void RemoveChunk(in ChunkHash hash) => _active.SetChunk(in hash, default);

    /// <summary>Sets what one chunk of a volume holds; a hole is allowed.</summary>
    public void SetEntry(uint volume, ulong chunk, in MapEntry entry) => _active.SetEntry(volume, chunk, in entry);

    /// <summary>Sets what consecutive chunks of a volume hold; cheaper than one by one.</summary>
    public void SetEntries(uint volume, ulong firstChunk, ReadOnlySpan<MapEntry> entries) =>
        _active.SetEntries(volume, firstChunk, entries);

    /// <summary>Makes holes of any number of consecutive chunks, up to the whole volume; nothing beyond chunk 2^64 - 2 exists.</summary>
    public void ZeroRange(uint volume, ulong firstChunk, ulong count) =>
        _active.Zero(volume, firstChunk, count > ulong.MaxValue - firstChunk ? ulong.MaxValue : firstChunk + count);

    /// <summary>Creates or replaces a volume's record. Opaque bytes.</summary>
    public void PutVolume(uint id, ReadOnlySpan<byte> record) => _active.Volumes[id] = record.ToArray();

    /// <summary>Deletes a volume's record and all its map.</summary>
    public void DeleteVolume(uint id)
    {
        _active.Volumes[id] = null;
        _active.Zero(id, 0, ulong.MaxValue);
    }

    /// <summary>Creates or replaces a root record. Opaque bytes.</summary>
    public void PutRoot(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _active.Roots[key.ToArray()] = value.ToArray();

    /// <summary>Deletes a root record.</summary>
    public void DeleteRoot(ReadOnlySpan<byte> key) => _active.Roots[key.ToArray()] = null;

    /// <summary>Says that a pack no longer exists: nothing counts as stored in it.</summary>
    public void RemovePack(uint pack) => _active.RemovePack(pack);

    /// <summary>Whether the active delta is nearly full: call <see cref="Freeze"/> before <see cref="Headroom"/> more changes.</summary>
    public bool IsFull => _active.IsFull;

    /// <summary>
    /// Changes that still fit when <see cref="IsFull"/> turns true: chunks added, or entries set. A zero range counts as up to 64
    /// entries. Whoever makes more without a freeze gets an <see cref="InvalidOperationException"/>.
    /// </summary>
    public int Headroom => Math.Min(_active.Chunks.Headroom, _active.Map.Headroom);

    /// <summary>Whether <see cref="Freeze"/> is possible: no frozen delta is pending.</summary>
    public bool CanFreeze => Volatile.Read(ref _spare) is not null;

    /// <summary>Freezes the active delta together with the state that it leads to, and starts a fresh one. Takes microseconds.</summary>
    /// <exception cref="InvalidOperationException">A frozen delta is pending.</exception>
    public void Freeze(ReadOnlySpan<byte> checkpointState)
    {
        var next = Volatile.Read(ref _spare) ?? throw new InvalidOperationException("the frozen delta has not been written yet");
        var frozen = _active;
        frozen.State = checkpointState.ToArray();
        _spare = null;
        _active = next;
        _viewBeforeFreeze = _reader.ReplaceView(new IndexView(next, frozen));
    }

    /// <summary>
    /// Writes the frozen delta, if there is one, to RocksDB. Durable on return. The log must be durable up to the frozen state
    /// before. After an exception the frozen delta is still pending and the call can be repeated.
    /// </summary>
    public void WriteFrozen()
    {
        var view = _reader.CurrentView;
        if (view.Frozen is not { } frozen)
        {
            return;
        }

        _checkpoint.Write(frozen);
        IndexReserve.Renew(_directory);
        _failPoint?.Invoke(CheckpointStep.UpdateCaches);
        _reader.UpdateCaches(frozen);
        _failPoint?.Invoke(CheckpointStep.Release);
        _reader.ReplaceView(new IndexView(view.Active, null)).WaitForReaders();
        _viewBeforeFreeze?.WaitForReaders();
        _viewBeforeFreeze = null;
        frozen.Clear();
        Volatile.Write(ref _spare, frozen);
    }

    /// <summary>What each pack holds and how much of it is referred to, as of the last checkpoint. A copy.</summary>
    public IReadOnlyDictionary<uint, PackUsage> GetPackUsage() => _ledger.GetPackUsage();

    /// <summary>Chunks of a volume that are not holes, as of the last checkpoint.</summary>
    public long GetMappedChunks(uint volume) => _ledger.GetMappedChunks(volume);

    /// <summary>Stored bytes of a volume's chunks, each counted as often as it holds it, as of the last checkpoint.</summary>
    public long GetReferencedBytes(uint volume) => _ledger.ReadReferences(volume).Sum(static reference => reference.Bytes);

    /// <summary>Waits until the filter of chunks is filled, which after a crash happens in the background. For tests.</summary>
    internal void WaitUntilFilterIsFilled() => _filter.WaitUntilFilled();

    /// <summary>
    /// Closes RocksDB and frees memory; changes that are not in a checkpoint are gone. No change or checkpoint may be running;
    /// look-ups fail from now on.
    /// </summary>
    public void Dispose()
    {
        if (_reader.Close() is not { } view)
        {
            return;
        }

        _viewBeforeFreeze?.WaitForReaders();
        if (view.Frozen is null)
        {
            _filter.Save();
        }

        _filter.Dispose();
        view.Active.Dispose();
        view.Frozen?.Dispose();
        _spare?.Dispose();
        _reader.Dispose();
        _rocks.Dispose();
        _database.Dispose();
    }

    private static RocksDatabase OpenDatabase(LocalDirectory directory, long memory)
    {
        string path = Path.Combine(directory.Path, "rocksdb");
        try
        {
            return new RocksDatabase(path, memory);
        }
        catch (StoreFullException) when (IndexReserve.Release(directory))
        {
            return new RocksDatabase(path, memory);
        }
    }

    private static (uint Id, byte[] Record) ReadVolumeRecord((byte[] Key, byte[] Value) row) =>
        row.Key.Length == IndexKeys.VolumeRecordKeySize
            ? (BinaryPrimitives.ReadUInt32BigEndian(row.Key), row.Value)
            : throw IndexKeys.Damaged("the key of a volume record", row.Key);

    private void CheckFormat()
    {
        byte[]? version = _rocks.Get(_database.Checkpoint, IndexKeys.FormatKey);
        if (version is null)
        {
            return;
        }

        if (version.Length != sizeof(uint))
        {
            throw IndexKeys.Damaged("the version of the index", version);
        }

        uint found = BinaryPrimitives.ReadUInt32LittleEndian(version);
        if (found != IndexKeys.FormatVersion)
        {
            throw new StoreFormatException(
                $"index in {_database.Path}: format {found} was found, {IndexKeys.FormatVersion} is known; use the program that wrote it, "
                + "or delete this directory: the index is rebuilt from the packs");
        }
    }
}
