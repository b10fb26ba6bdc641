using System.Runtime.InteropServices;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// The changes of one generation: between one <see cref="StoreIndex.Freeze"/> and the next. One writer, readers without
/// locks; once frozen it no longer changes.
/// </summary>
/// <remarks>
/// For the map, the table wins over the zero ranges: a range that is added makes holes of the table's entries inside it, and
/// an entry that is set later is in the table.
/// </remarks>
internal sealed class Delta : IDisposable
{
    /// <summary>Ranges up to this many chunks become entries of the table; longer ones are kept as ranges.</summary>
    public const int LongestRangeInTable = 64;

    /// <summary>From how many zero ranges on the delta counts as full. Adding one copies them all.</summary>
    public const int FullRangeCount = 2048;

    // Slots whose memory accesses overlap: about as many as a processor has in flight.
    private const int PrefetchCount = 16;

    // By the low bits of the volume's id: whether the table may have an entry of it. Spares most zero ranges a search.
    private readonly bool[] _volumesSeen = new bool[256];
    private readonly RegionSet _regionsSeen = new();
    private readonly Dictionary<uint, (long Chunks, long Bytes)> _stored = [];
    private ZeroRanges _zeroRanges = ZeroRanges.Empty;
    private nint[]? _sortedMap;
    private uint _storedPack;
    private long _storedChunks;
    private long _storedBytes;

    /// <summary>A delta whose two tables take at most <paramref name="memory"/> bytes.</summary>
    public Delta(long memory)
    {
        Chunks = new SlotTable<ChunkKey>(memory / 2);
        Map = new SlotTable<MapKey>(memory / 2);
    }

    /// <summary>Chunks added (or moved), and removed ones with the default location.</summary>
    public SlotTable<ChunkKey> Chunks { get; }

    /// <summary>Entries set, holes among them.</summary>
    public SlotTable<MapKey> Map { get; }

    /// <summary>Ranges that became holes; entries of <see cref="Map"/> are newer.</summary>
    public ZeroRanges ZeroRanges => Volatile.Read(ref _zeroRanges);

    /// <summary>Volume records that were put, and with null deleted. The writer alone, then the checkpoint.</summary>
    public Dictionary<uint, byte[]?> Volumes { get; } = [];

    /// <summary>Root records that were put, and with null deleted. The writer alone, then the checkpoint.</summary>
    public Dictionary<byte[], byte[]?> Roots { get; } = new(ByteArrayComparer.Instance);

    /// <summary>Packs that no longer exist. The writer alone, then the checkpoint.</summary>
    public HashSet<uint> RemovedPacks { get; } = [];

    /// <summary>The state that these changes lead to; set when frozen.</summary>
    public byte[] State { get; set; } = [];

    /// <summary>How far the checkpoint of this delta has come. The checkpoint alone.</summary>
    public CheckpointProgress Progress { get; set; }

    /// <summary>Whether it is time to freeze.</summary>
    public bool IsFull => Chunks.Count >= Chunks.FullCount || Map.Count >= Map.FullCount || ZeroRanges.Count >= FullRangeCount;

    /// <summary>Adds or moves a chunk, or with the default location removes it.</summary>
    public void SetChunk(in ChunkHash hash, in ChunkLocation location)
    {
        Chunks.Set(new ChunkKey(hash), new MapEntry(hash, location));
        if (location.PackId != _storedPack)
        {
            CountStored();
            _storedPack = location.PackId;
        }

        _storedChunks++;
        _storedBytes += location.StoredLength;
    }

    /// <summary>Adds chunks.</summary>
    public void SetChunks(ReadOnlySpan<ChunkHash> hashes, ReadOnlySpan<ChunkLocation> locations)
    {
        for (int i = 0; i < hashes.Length; i += PrefetchCount)
        {
            int end = Math.Min(i + PrefetchCount, hashes.Length);
            for (int k = i; k < end; k++)
            {
                Chunks.PrefetchForSet(new ChunkKey(hashes[k]));
            }

            for (int k = i; k < end; k++)
            {
                SetChunk(in hashes[k], in locations[k]);
            }
        }
    }

    /// <summary>Sets an entry.</summary>
    public void SetEntry(uint volume, ulong chunk, in MapEntry entry)
    {
        if (!entry.IsHole && entry.Location.IsNone)
        {
            throw new ArgumentException($"volume {volume}, chunk {chunk}: chunk {entry.Hash} without a location", nameof(entry));
        }

        _volumesSeen[volume & 0xFF] = true;
        _regionsSeen.Add(volume, chunk);
        Map.Set(new MapKey(volume, chunk), entry.IsHole ? default : entry);
    }

    /// <summary>Sets consecutive entries.</summary>
    public void SetEntries(uint volume, ulong firstChunk, ReadOnlySpan<MapEntry> entries)
    {
        for (int i = 0; i < entries.Length; i += PrefetchCount)
        {
            int end = Math.Min(i + PrefetchCount, entries.Length);
            for (int k = i; k < end; k++)
            {
                Map.PrefetchForSet(new MapKey(volume, firstChunk + (ulong)k));
            }

            for (int k = i; k < end; k++)
            {
                SetEntry(volume, firstChunk + (ulong)k, in entries[k]);
            }
        }
    }

    /// <summary>Makes holes of the chunks <c>[first, end)</c>.</summary>
    public void Zero(uint volume, ulong first, ulong end)
    {
        if (end - first <= LongestRangeInTable)
        {
            for (ulong chunk = first; chunk < end; chunk++)
            {
                SetEntry(volume, chunk, default);
            }

            return;
        }

        // First the range, then the entries: a chunk of the range that is in neither place reads as a hole from here on.
        Volatile.Write(ref _zeroRanges, _zeroRanges.Add(volume, first, end));
        if (!_volumesSeen[volume & 0xFF])
        {
            return;
        }

        if (end - first <= (ulong)Map.Count)
        {
            for (ulong chunk = first; chunk < end; chunk++)
            {
                var key = new MapKey(volume, chunk);
                if (Map.TryGet(in key, key.TableHash, out var entry) && !entry.IsHole)
                {
                    Map.Set(in key, default);
                }
            }

            return;
        }

        ZeroAllOfTable(volume, first, end);
    }

    /// <summary>
    /// The first chunk of <c>[first, end)</c> of which the table may have an entry, or up to which was searched; those before
    /// it have none. Zero ranges do not count.
    /// </summary>
    public ulong FindTouched(uint volume, ulong first, ulong end) =>
        _volumesSeen[volume & 0xFF] ? _regionsSeen.FindTouched(volume, first, end) : end;

    /// <summary>A pack no longer exists: what was added to it in this generation does not count either.</summary>
    public void RemovePack(uint pack)
    {
        CountStored();
        _stored.Remove(pack);
        RemovedPacks.Add(pack);
    }

    /// <summary>What was added to each pack. When frozen.</summary>
    public IReadOnlyDictionary<uint, (long Chunks, long Bytes)> GetStored()
    {
        CountStored();
        return _stored;
    }

    /// <summary>The slots of <see cref="Map"/> in the order of their keys. When frozen; the checkpoint alone.</summary>
    public unsafe ReadOnlySpan<nint> SortedMap
    {
        get
        {
            if (_sortedMap is null)
            {
                nint[] slots = new nint[Map.Count];
                var keys = new UInt128[slots.Length];
                Map.CopySlots(slots);
                for (int i = 0; i < slots.Length; i++)
                {
                    var slot = (IndexSlot*)slots[i];
                    keys[i] = new UInt128(slot->Volume, slot->Chunk);
                }

                keys.AsSpan().Sort(slots.AsSpan());
                _sortedMap = slots;
            }

            return _sortedMap;
        }
    }

    /// <summary>Makes the delta empty. No reader may be inside.</summary>
    public void Clear()
    {
        _sortedMap = null;
        Chunks.Clear();
        Map.Clear();
        Volatile.Write(ref _zeroRanges, ZeroRanges.Empty);
        Volumes.Clear();
        Roots.Clear();
        RemovedPacks.Clear();
        _stored.Clear();
        (_storedPack, _storedChunks, _storedBytes) = (0, 0, 0);
        Array.Clear(_volumesSeen);
        _regionsSeen.Clear();
        State = [];
        Progress = CheckpointProgress.Frozen;
    }

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose()
    {
        Chunks.Dispose();
        Map.Dispose();
    }

    // Apart from Zero, which would allocate the closure at its beginning, for the shortest range too.
    private void ZeroAllOfTable(uint volume, ulong first, ulong end) =>
        Map.SetWhere(key => key.Volume == volume && key.Chunk - first < end - first, default);

    // Chunks come in runs of one pack, so their sums are kept aside and reach the dictionary once a run.
    private void CountStored()
    {
        if (_storedPack != 0 && _storedChunks != 0)
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_stored, _storedPack, out _);
            sum = (sum.Chunks + _storedChunks, sum.Bytes + _storedBytes);
        }

        (_storedChunks, _storedBytes) = (0, 0);
    }
}

/// <summary>How far the checkpoint of a frozen delta has come: what need not be done again after an error.</summary>
internal enum CheckpointProgress
{
    /// <summary>Nothing is written.</summary>
    Frozen,

    /// <summary>Its chunks are in RocksDB, durable.</summary>
    ChunksIngested,

    /// <summary>Everything is in RocksDB, the rest not yet durable.</summary>
    RowsWritten,

    /// <summary>Everything is durable.</summary>
    Durable,
}
