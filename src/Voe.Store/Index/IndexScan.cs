using System.Buffers.Binary;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// An index that is looked at and not used: as it is on the disk, opened so that no file of it changes. One thread.
/// </summary>
internal sealed class IndexScan : IDisposable
{
    private const long CacheMemory = 32L << 20;
    private const string DatabaseDirectory = "rocksdb";
    private readonly RocksDatabase _database;
    private readonly RocksReader _reader;

    private IndexScan(string directory)
    {
        _database = new RocksDatabase(Path.Combine(directory, DatabaseDirectory), CacheMemory, isReadOnly: true);
        _reader = new RocksReader(_database);
        try
        {
            byte[]? version = _reader.Get(_database.Checkpoint, IndexKeys.FormatKey);
            FormatVersion = version is { Length: sizeof(uint) } ? BinaryPrimitives.ReadUInt32LittleEndian(version) : 0;
            CheckpointState = _reader.Get(_database.Checkpoint, IndexKeys.StateKey) ?? [];
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether a directory holds an index at all.</summary>
    public static bool Exists(string directory) => File.Exists(Path.Combine(directory, DatabaseDirectory, "CURRENT"));

    /// <summary>Opens the index in a local directory.</summary>
    /// <exception cref="StoreDamagedException">RocksDB cannot be opened.</exception>
    /// <exception cref="StoreIOException">The medium refuses.</exception>
    public static IndexScan Open(string directory) => new(directory);

    /// <summary>The version of its layouts; 0 when it holds no checkpoint yet.</summary>
    public uint FormatVersion { get; }

    /// <summary>The state of its last checkpoint; empty when there is none.</summary>
    public ReadOnlyMemory<byte> CheckpointState { get; }

    /// <summary>All volume records, by id.</summary>
    /// <exception cref="StoreDamagedException">A key has not its layout.</exception>
    public IEnumerable<(uint Id, byte[] Record)> ReadVolumeRecords() =>
        _reader.ReadAll(_database.VolumeRecords, []).Select(static row => row.Key.Length == IndexKeys.VolumeRecordKeySize
            ? (BinaryPrimitives.ReadUInt32BigEndian(row.Key), row.Value)
            : throw IndexKeys.Damaged("the key of a volume record", row.Key));

    /// <summary>All root records, by key.</summary>
    public IEnumerable<(byte[] Key, byte[] Value)> ReadRootRecords() => _reader.ReadAll(_database.Roots, []);

    /// <summary>Passes all chunks and their locations to a visitor, in the order of the hashes.</summary>
    /// <exception cref="StoreDamagedException">A row has not its layout, or a block of RocksDB not its checksum.</exception>
    public void ScanChunks(Action<ChunkHash, ChunkLocation> visitor) => _reader.ScanLocations(visitor);

    /// <summary>A cursor over all rows of the maps.</summary>
    public RowCursor OpenRows() => _reader.OpenScan();

    /// <summary>What the counters say each pack holds.</summary>
    public Dictionary<uint, PackUsage> ReadPackUsage() => _reader
        .ReadAll(_database.PackStats, [IndexKeys.PackUsageKind])
        .ToDictionary(static row => ReadNumber(row.Key), static row => IndexKeys.ReadPackUsage(row.Value));

    /// <summary>How many chunks the counters say each volume has.</summary>
    public Dictionary<uint, long> ReadVolumeCounts() => _reader
        .ReadAll(_database.PackStats, [IndexKeys.VolumeCountKind])
        .ToDictionary(static row => ReadNumber(row.Key), static row => row.Value.Length == IndexKeys.VolumeCountSize
            ? BinaryPrimitives.ReadInt64LittleEndian(row.Value)
            : throw IndexKeys.Damaged("the count of a volume", row.Value));

    /// <summary>What the counters say each volume refers to in each pack.</summary>
    public Dictionary<(uint Volume, uint Pack), (long Chunks, long Bytes)> ReadReferences() => _reader
        .ReadAll(_database.PackStats, [IndexKeys.ReferenceKind])
        .ToDictionary(
            static row => row.Key.Length == IndexKeys.ReferenceKeySize
                ? (BinaryPrimitives.ReadUInt32BigEndian(row.Key.AsSpan(1)), BinaryPrimitives.ReadUInt32BigEndian(row.Key.AsSpan(5)))
                : throw IndexKeys.Damaged("the key of a usage counter", row.Key),
            static row => IndexKeys.ReadReference(row.Value));

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _database.Dispose();
    }

    private static uint ReadNumber(byte[] key) => key.Length == IndexKeys.PackUsageKeySize
        ? BinaryPrimitives.ReadUInt32BigEndian(key.AsSpan(1))
        : throw IndexKeys.Damaged("the key of a usage counter", key);
}
