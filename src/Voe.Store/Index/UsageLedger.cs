using System.Buffers.Binary;

namespace Voe.Store.Index;

/// <summary>
/// The usage counters: what each pack holds, what each volume refers to in each pack, how many chunks each volume has. Totals
/// are in memory (some 40 bytes a pack, 640 KiB for a TiB of packs of 64 MiB); what a volume refers to in a pack is read when it changes.
/// </summary>
/// <remarks>
/// Invariants after every checkpoint: a pack's references are the sum of the volumes' references to it, a volume's count
/// is the sum of its references, and both are what counting the rows gives. Counters change in the batch that changes the rows.
/// </remarks>
internal sealed class UsageLedger
{
    private readonly RocksDatabase _database;
    private readonly RocksReader _reader;
    private readonly Lock _totalsLock = new();

    // Both guarded by _totalsLock.
    private readonly Dictionary<uint, PackUsage> _packs = [];
    private readonly Dictionary<uint, long> _volumes = [];

    // What the batch that is being written makes of the totals; the checkpoint's thread alone.
    private readonly Dictionary<uint, PackUsage> _nextPacks = [];
    private readonly Dictionary<uint, long> _nextVolumes = [];

    /// <summary>Loads the totals.</summary>
    public UsageLedger(RocksDatabase database, RocksReader reader)
    {
        _database = database;
        _reader = reader;
        foreach (var (key, value) in reader.ReadAll(database.PackStats, [IndexKeys.PackUsageKind]))
        {
            _packs[ReadNumber(key)] = IndexKeys.ReadPackUsage(value);
        }

        foreach (var (key, value) in reader.ReadAll(database.PackStats, [IndexKeys.VolumeCountKind]))
        {
            _volumes[ReadNumber(key)] = value.Length == IndexKeys.VolumeCountSize
                ? BinaryPrimitives.ReadInt64LittleEndian(value)
                : throw IndexKeys.Damaged("the count of a volume", value);
        }
    }

    /// <summary>A copy of the packs' usage, as of the last checkpoint. Any thread.</summary>
    public IReadOnlyDictionary<uint, PackUsage> GetPackUsage()
    {
        lock (_totalsLock)
        {
            return new Dictionary<uint, PackUsage>(_packs);
        }
    }

    /// <summary>Chunks of a volume that are not holes, as of the last checkpoint. Any thread.</summary>
    public long GetMappedChunks(uint volume)
    {
        lock (_totalsLock)
        {
            return _volumes.GetValueOrDefault(volume);
        }
    }

    /// <summary>What a volume refers to, pack by pack, as RocksDB has it.</summary>
    public IEnumerable<(uint Pack, long Chunks, long Bytes)> ReadReferences(uint volume)
    {
        byte[] prefix = new byte[IndexKeys.VolumeCountKeySize];
        IndexKeys.WriteKey(prefix, IndexKeys.ReferenceKind, volume);
        foreach (var (key, value) in _reader.ReadAll(_database.PackStats, prefix))
        {
            (long chunks, long bytes) = IndexKeys.ReadReference(value);
            yield return (BinaryPrimitives.ReadUInt32BigEndian(key.AsSpan(IndexKeys.VolumeCountKeySize)), chunks, bytes);
        }
    }

    /// <summary>Adds the new counters to the batch that changes the rows; <see cref="Apply"/> follows once that is written.</summary>
    public void Write(RocksBatch batch, Delta frozen, UsageChanges changes)
    {
        _nextPacks.Clear();
        _nextVolumes.Clear();
        foreach (var ((volume, pack), (chunks, bytes)) in changes.References)
        {
            WriteReference(batch, volume, pack, chunks, bytes);
            var usage = GetNext(pack);
            _nextPacks[pack] = usage with
            {
                ReferencedChunks = usage.ReferencedChunks + chunks,
                ReferencedBytes = usage.ReferencedBytes + bytes,
            };
            _nextVolumes[volume] = _nextVolumes.GetValueOrDefault(volume, GetMappedChunks(volume)) + chunks;
        }

        foreach (uint pack in frozen.RemovedPacks)
        {
            _nextPacks[pack] = GetNext(pack) with { StoredChunks = 0, StoredBytes = 0 };
        }

        foreach (var (pack, (chunks, bytes)) in frozen.GetStored())
        {
            var usage = GetNext(pack);
            _nextPacks[pack] = usage with { StoredChunks = usage.StoredChunks + chunks, StoredBytes = usage.StoredBytes + bytes };
        }

        WriteTotals(batch);
    }

    /// <summary>Takes over the totals of the last <see cref="Write"/>, whose batch is in RocksDB now.</summary>
    public void Apply()
    {
        lock (_totalsLock)
        {
            foreach (var (pack, usage) in _nextPacks)
            {
                SetOrRemove(_packs, pack, usage);
            }

            foreach (var (volume, count) in _nextVolumes)
            {
                SetOrRemove(_volumes, volume, count);
            }
        }
    }

    private static void SetOrRemove<T>(Dictionary<uint, T> totals, uint number, T value)
        where T : struct, IEquatable<T>
    {
        if (value.Equals(default))
        {
            totals.Remove(number);
        }
        else
        {
            totals[number] = value;
        }
    }

    private static uint ReadNumber(byte[] key) => key.Length == IndexKeys.PackUsageKeySize
        ? BinaryPrimitives.ReadUInt32BigEndian(key.AsSpan(1))
        : throw IndexKeys.Damaged("the key of a usage counter", key);

    private static void PutOrDelete(RocksBatch batch, nint family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (value.ContainsAnyExcept((byte)0))
        {
            batch.Put(family, key, value);
        }
        else
        {
            batch.Delete(family, key);
        }
    }

    private PackUsage GetNext(uint pack)
    {
        if (_nextPacks.TryGetValue(pack, out var usage))
        {
            return usage;
        }

        lock (_totalsLock)
        {
            return _packs.GetValueOrDefault(pack);
        }
    }

    private void WriteReference(RocksBatch batch, uint volume, uint pack, long chunks, long bytes)
    {
        Span<byte> key = stackalloc byte[IndexKeys.ReferenceKeySize];
        Span<byte> value = stackalloc byte[IndexKeys.ReferenceSize];
        IndexKeys.WriteReferenceKey(key, volume, pack);
        if (_reader.Get(_database.PackStats, key) is { } found)
        {
            var (oldChunks, oldBytes) = IndexKeys.ReadReference(found);
            chunks += oldChunks;
            bytes += oldBytes;
        }

        IndexKeys.WriteReference(value, chunks, bytes);
        PutOrDelete(batch, _database.PackStats, key, value);
    }

    private void WriteTotals(RocksBatch batch)
    {
        Span<byte> key = stackalloc byte[IndexKeys.PackUsageKeySize];
        Span<byte> value = stackalloc byte[IndexKeys.PackUsageSize];
        foreach (var (pack, usage) in _nextPacks)
        {
            IndexKeys.WriteKey(key, IndexKeys.PackUsageKind, pack);
            IndexKeys.WritePackUsage(value, in usage);
            PutOrDelete(batch, _database.PackStats, key, value);
        }

        foreach (var (volume, count) in _nextVolumes)
        {
            IndexKeys.WriteKey(key, IndexKeys.VolumeCountKind, volume);
            BinaryPrimitives.WriteInt64LittleEndian(value, count);
            PutOrDelete(batch, _database.PackStats, key, value[..IndexKeys.VolumeCountSize]);
        }
    }
}
