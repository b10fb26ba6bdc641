using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Voe.Store.Index;

/// <summary>
/// A bounded cache of the volumes' maps as RocksDB holds them, in leaves of 64 consecutive chunks: readers take no lock,
/// writers lock one of many stripes. A leaf lives in one set of 8 places; a full set gives up the leaf that was not used
/// since the hand passed it last (the clock algorithm).
/// </summary>
/// <remarks>
/// <para>A leaf is the unit since neighbours are wanted together: a sequential read copies a leaf's entries in one go, and a
/// volume that is read at random has its map in memory after one miss in 64, where a cache of single entries would miss
/// on every first use.</para>
/// <para>Invariant: a cached leaf is what RocksDB has for its 64 chunks, but for those that are in the frozen delta, which is
/// looked at first. A reader that missed notes <see cref="Generation"/> before it asks RocksDB, and <see cref="TryAdd"/>
/// refuses what was asked before the last checkpoint. A checkpoint first makes RocksDB durable, then calls
/// <see cref="BeginUpdate"/>, then puts its changes here, then gives up the frozen delta: so no older entry can come back.</para>
/// </remarks>
internal sealed unsafe class MapLeafCache : IDisposable
{
    /// <summary>Chunks in a leaf; a leaf begins at a multiple of it.</summary>
    public const int LeafSize = 64;

    private const int LeafShift = 6;
    private const int SetSize = 8;
    private const int StripeCount = 256;
    private const int GhostsALeaf = 4;
    private static readonly int LeafBytes = LeafSize * sizeof(MapEntry);

    private readonly NativeRegion _headerRegion;
    private readonly NativeRegion _entryRegion;
    private readonly Header* _headers;
    private readonly byte* _entries;
    private readonly byte[] _hands;
    private readonly uint[] _ghosts; // by hash: another part of the hash of the leaf that was missed last
    private readonly int _setCount;
    private readonly Lock[] _stripes = new Lock[StripeCount];
    private int _generation;

    /// <summary>A cache of at most <paramref name="memory"/> bytes (and at least one set of leaves).</summary>
    public MapLeafCache(long memory)
    {
        long leafCost = LeafBytes + sizeof(Header) + (GhostsALeaf * sizeof(uint));
        _setCount = (int)Math.Clamp(memory / (leafCost * SetSize), 1, 1 << 24);
        _headerRegion = new NativeRegion((long)_setCount * SetSize * sizeof(Header));
        _entryRegion = new NativeRegion((long)_setCount * SetSize * LeafBytes);
        _headers = (Header*)_headerRegion.Start;
        _entries = _entryRegion.Start;
        _hands = new byte[_setCount];
        _ghosts = new uint[_setCount * SetSize * GhostsALeaf];
        for (int i = 0; i < StripeCount; i++)
        {
            _stripes[i] = new Lock();
        }
    }

    /// <summary>Number of the state of RocksDB that may be cached. To be read before RocksDB is.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>The leaf that a chunk is in.</summary>
    public static ulong LeafOf(ulong chunk) => chunk >> LeafShift;

    /// <summary>The first chunk of a leaf.</summary>
    public static ulong FirstOf(ulong leaf) => leaf << LeafShift;

    /// <summary>The place of a chunk in its leaf.</summary>
    public static int PlaceOf(ulong chunk) => (int)(chunk & (LeafSize - 1));

    /// <summary>
    /// Looks up those of up to 64 keys whose bit in <paramref name="wanted"/> is set; returns the bits of those not found.
    /// </summary>
    public ulong FindMany(MapKey* keys, ulong wanted, MapEntry* entries)
    {
        ulong missing = 0;
        for (ulong rest = wanted; rest != 0;)
        {
            ulong run = FirstRun(keys, rest);
            rest &= ~run;
            if (!TryRead(keys, run, entries))
            {
                missing |= run;
            }
        }

        return missing;
    }

    /// <summary>The bits of the first key whose bit is set and of those after it, with set bits, that are in the same leaf.</summary>
    public static ulong FirstRun(MapKey* keys, ulong wanted)
    {
        int first = BitOperations.TrailingZeroCount(wanted);
        uint volume = keys[first].Volume;
        ulong leaf = LeafOf(keys[first].Chunk);
        ulong run = 1UL << first;
        for (ulong rest = wanted & (wanted - 1); rest != 0; rest &= rest - 1)
        {
            int next = BitOperations.TrailingZeroCount(rest);
            if (LeafOf(keys[next].Chunk) != leaf || keys[next].Volume != volume)
            {
                break;
            }

            run |= 1UL << next;
        }

        return run;
    }

    /// <summary>
    /// Notes that the leaf was missed; returns whether it was missed before, not long ago: then it is worth reading whole. A
    /// single chunk of a leaf that no one comes back to is not worth its neighbours.
    /// </summary>
    public bool WasMissedBefore(uint volume, ulong leaf)
    {
        ulong hash = Mix(volume, leaf);
        ref uint ghost = ref _ghosts[(int)((ulong)(uint)hash * (uint)_ghosts.Length >> 32)];
        uint mark = (uint)(hash >> 32) | 1;
        bool isKnown = ghost == mark;
        ghost = mark;
        return isKnown;
    }

    /// <summary>Adds a leaf as RocksDB has it, unless a checkpoint has been made since <paramref name="generation"/> was read.</summary>
    public void TryAdd(uint volume, ulong leaf, ReadOnlySpan<MapEntry> entries, int generation)
    {
        int set = SetOf(volume, leaf);
        lock (_stripes[set & (StripeCount - 1)])
        {
            if (Volatile.Read(ref _generation) == generation)
            {
                Store(set, volume, leaf, entries);
            }
        }
    }

    /// <summary>Begins the update after a checkpoint: from now on nothing older is accepted.</summary>
    public void BeginUpdate() => Interlocked.Increment(ref _generation);

    /// <summary>
    /// Says what a checkpoint has written; after <see cref="BeginUpdate"/>. A leaf that is not cached becomes so if all of it
    /// was written, as after a sequential write.
    /// </summary>
    /// <param name="slots">Slots of a map table that is frozen, in the order of their keys.</param>
    public void Update(ReadOnlySpan<nint> slots)
    {
        Span<MapEntry> whole = stackalloc MapEntry[LeafSize];
        for (int first = 0; first < slots.Length;)
        {
            MapKey key = MapKey.ReadFrom((IndexSlot*)slots[first]);
            ulong leaf = LeafOf(key.Chunk);
            int end = first + 1;
            while (end < slots.Length && ((IndexSlot*)slots[end])->Volume == key.Volume && LeafOf(((IndexSlot*)slots[end])->Chunk) == leaf)
            {
                end++;
                SlotGroups.Prefetch((IndexSlot*)slots[Math.Min(end + SlotGroups.PrefetchDistance, slots.Length - 1)]);
            }

            UpdateLeaf(key.Volume, leaf, slots[first..end], whole);
            first = end;
        }
    }

    /// <summary>Drops all leaves that a range of holes reaches into; after <see cref="BeginUpdate"/>. Looks at every leaf.</summary>
    public void Remove(ZeroRanges ranges)
    {
        for (int place = 0; place < _setCount * SetSize; place++)
        {
            Header* header = _headers + place;
            lock (_stripes[(place / SetSize) & (StripeCount - 1)])
            {
                if (header->IsUsed && ranges.Overlaps(header->Volume, FirstOf(header->Leaf), FirstOf(header->Leaf) + LeafSize))
                {
                    BeginWrite(header);
                    header->IsUsed = false;
                    EndWrite(header);
                }
            }
        }
    }

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose()
    {
        _headerRegion.Dispose();
        _entryRegion.Dispose();
    }

    // Copies the entries of keys of one leaf; false if it is not here, or is being changed.
    private bool TryRead(MapKey* keys, ulong run, MapEntry* entries)
    {
        int first = BitOperations.TrailingZeroCount(run);
        uint volume = keys[first].Volume;
        ulong leaf = LeafOf(keys[first].Chunk);
        int set = SetOf(volume, leaf);
        int place = Find(set, volume, leaf);
        if (place < 0)
        {
            return false;
        }

        Header* header = _headers + place;
        uint sequence = Volatile.Read(ref header->Sequence);
        bool isRight = (sequence & 1) == 0 && header->IsUsed && header->Leaf == leaf && header->Volume == volume;
        MapEntry* source = EntriesAt(place);
        for (ulong rest = run; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            entries[index] = source[PlaceOf(keys[index].Chunk)];
        }

        Volatile.ReadBarrier();
        if (!isRight || header->Sequence != sequence)
        {
            return false;
        }

        if (!header->WasUsedLately)
        {
            header->WasUsedLately = true;
        }

        return true;
    }

    private void UpdateLeaf(uint volume, ulong leaf, ReadOnlySpan<nint> slots, Span<MapEntry> whole)
    {
        int set = SetOf(volume, leaf);
        lock (_stripes[set & (StripeCount - 1)])
        {
            int place = Find(set, volume, leaf);
            if (place >= 0)
            {
                Header* header = _headers + place;
                MapEntry* entries = EntriesAt(place);
                BeginWrite(header);
                foreach (nint slot in slots)
                {
                    entries[PlaceOf(((IndexSlot*)slot)->Chunk)] = IndexSlot.GetValue((IndexSlot*)slot);
                }

                EndWrite(header);
            }
            else if (slots.Length == LeafSize)
            {
                for (int i = 0; i < LeafSize; i++)
                {
                    whole[i] = IndexSlot.GetValue((IndexSlot*)slots[i]);
                }

                Store(set, volume, leaf, whole);
            }
        }
    }

    // Under the stripe's lock.
    private void Store(int set, uint volume, ulong leaf, ReadOnlySpan<MapEntry> entries)
    {
        int place = Find(set, volume, leaf);
        if (place < 0)
        {
            place = ChooseVictim(set);
        }

        Header* header = _headers + place;
        BeginWrite(header);
        header->Volume = volume;
        header->Leaf = leaf;
        header->IsUsed = true;
        entries.CopyTo(new Span<MapEntry>(EntriesAt(place), LeafSize));
        EndWrite(header);
    }

    private int ChooseVictim(int set)
    {
        Header* headers = _headers + (set * SetSize);
        for (int i = 0; i < SetSize; i++)
        {
            if (!headers[i].IsUsed)
            {
                return (set * SetSize) + i;
            }
        }

        // At most one turn: the hand clears the marks that it passes.
        int hand = _hands[set];
        while (headers[hand].WasUsedLately)
        {
            headers[hand].WasUsedLately = false;
            hand = (hand + 1) % SetSize;
        }

        _hands[set] = (byte)((hand + 1) % SetSize);
        return (set * SetSize) + hand;
    }

    private int Find(int set, uint volume, ulong leaf)
    {
        Header* headers = _headers + (set * SetSize);
        for (int i = 0; i < SetSize; i++)
        {
            if (headers[i].Leaf == leaf && headers[i].Volume == volume && headers[i].IsUsed)
            {
                return (set * SetSize) + i;
            }
        }

        return -1;
    }

    private MapEntry* EntriesAt(int place) => (MapEntry*)(_entries + ((long)place * LeafBytes));

    private int SetOf(uint volume, ulong leaf) => (int)((ulong)(uint)Mix(volume, leaf) * (uint)_setCount >> 32);

    private static ulong Mix(uint volume, ulong leaf) => new MapKey(volume, leaf).TableHash;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void BeginWrite(Header* header)
    {
        header->Sequence++;
        Volatile.WriteBarrier();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EndWrite(Header* header) => Volatile.Write(ref header->Sequence, header->Sequence + 1);

    /// <summary>
    /// What is known of a place. Writers, under the stripe's lock, make the sequence number odd, change header and entries,
    /// and make it even again; readers copy, and take the copy only if the number was even and is still the same.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public ulong Leaf;
        public uint Volume;
        public uint Sequence;
        public bool IsUsed;
        public bool WasUsedLately; // written without a lock: it is only advice
    }
}
