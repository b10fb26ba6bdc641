using Voe.Store.Hashing;

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
/// gone after <see cref="Dispose"/>, which writes nothing.</para>
/// <para>Errors: <see cref="StoreFullException"/>, <see cref="StoreIOException"/>, and <see cref="StoreDamagedException"/>
/// when RocksDB's files are damaged: the index directory is then deleted and rebuilt.</para>
/// </remarks>
internal sealed class StoreIndex : IDisposable
{
    /// <summary>Opens the index in a local directory, which is created when missing.</summary>
    /// <exception cref="StoreDamagedException">RocksDB cannot be opened; the message says what to do.</exception>
    public static StoreIndex Open(string directory, IndexOptions options) => throw new NotSupportedException(directory + options);

    /// <summary>What the last durable checkpoint's <see cref="Freeze"/> was given; empty when there is none. As of opening.</summary>
    public ReadOnlyMemory<byte> CheckpointState => throw new NotSupportedException();

    /// <summary>All volume records of the last durable checkpoint, by id. As of opening.</summary>
    public IReadOnlyList<(uint Id, byte[] Record)> VolumeRecords => throw new NotSupportedException();

    /// <summary>All root records of the last durable checkpoint, by key in byte order. As of opening.</summary>
    public IReadOnlyList<(byte[] Key, byte[] Value)> RootRecords => throw new NotSupportedException();

    /// <summary>Looks up many chunks; the default location stands for "no such chunk". Exact.</summary>
    public void FindChunks(ReadOnlySpan<ChunkHash> hashes, Span<ChunkLocation> locations) => throw new NotSupportedException();

    /// <summary>Reads consecutive chunks of a volume's map, from <paramref name="firstChunk"/> on; holes are default entries.</summary>
    public void ReadMap(uint volume, ulong firstChunk, Span<MapEntry> entries) => throw new NotSupportedException();

    /// <summary>Reads scattered chunks of a volume's map, in any order; holes are default entries.</summary>
    public void ReadMap(uint volume, ReadOnlySpan<ulong> chunks, Span<MapEntry> entries) => throw new NotSupportedException();

    /// <summary>Adds a chunk, or says that it lies elsewhere now.</summary>
    public void AddChunk(in ChunkHash hash, in ChunkLocation location) => throw new NotSupportedException();

    /// <summary>Forgets a chunk (its pack goes away); look-ups answer "no such chunk" at once.</summary>
    public void RemoveChunk(in ChunkHash hash) => throw new NotSupportedException();

    /// <summary>Sets what one chunk of a volume holds; a hole is allowed.</summary>
    public void SetEntry(uint volume, ulong chunk, in MapEntry entry) => throw new NotSupportedException();

    /// <summary>Sets what consecutive chunks of a volume hold; cheaper than one by one.</summary>
    public void SetEntries(uint volume, ulong firstChunk, ReadOnlySpan<MapEntry> entries) => throw new NotSupportedException();

    /// <summary>Makes holes of any number of consecutive chunks, up to the whole volume.</summary>
    public void ZeroRange(uint volume, ulong firstChunk, ulong count) => throw new NotSupportedException();

    /// <summary>Creates or replaces a volume's record. Opaque bytes.</summary>
    public void PutVolume(uint id, ReadOnlySpan<byte> record) => throw new NotSupportedException();

    /// <summary>Deletes a volume's record and all its map.</summary>
    public void DeleteVolume(uint id) => throw new NotSupportedException();

    /// <summary>Creates or replaces a root record. Opaque bytes.</summary>
    public void PutRoot(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => throw new NotSupportedException();

    /// <summary>Deletes a root record.</summary>
    public void DeleteRoot(ReadOnlySpan<byte> key) => throw new NotSupportedException();

    /// <summary>Whether the active delta is nearly full: call <see cref="Freeze"/> before many more changes.</summary>
    public bool IsFull => throw new NotSupportedException();

    /// <summary>Changes (chunks added, or entries set) that still fit when <see cref="IsFull"/> turns true.</summary>
    public int Headroom => throw new NotSupportedException();

    /// <summary>Whether <see cref="Freeze"/> is possible: no frozen delta is pending.</summary>
    public bool CanFreeze => throw new NotSupportedException();

    /// <summary>Freezes the active delta together with the state that it leads to, and starts a fresh one. Takes microseconds.</summary>
    public void Freeze(ReadOnlySpan<byte> checkpointState) => throw new NotSupportedException();

    /// <summary>
    /// Writes the frozen delta to RocksDB. Durable on return. The log must be durable up to the frozen state before. After an
    /// exception the frozen delta is still pending and the call can be repeated.
    /// </summary>
    public void WriteFrozen() => throw new NotSupportedException();

    /// <summary>What each pack holds and how much of it is referred to, as of the last checkpoint. A copy.</summary>
    public IReadOnlyDictionary<uint, PackUsage> GetPackUsage() => throw new NotSupportedException();

    /// <summary>Chunks of a volume that are not holes, as of the last checkpoint.</summary>
    public long GetMappedChunks(uint volume) => throw new NotSupportedException();

    /// <summary>Closes RocksDB and frees memory, writing nothing. No other call may be running or follow.</summary>
    public void Dispose()
    {
    }
}
