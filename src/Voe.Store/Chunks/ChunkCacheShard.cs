using System.Numerics;
using System.Runtime.Intrinsics.X86;
using Voe.Store.Hashing;

namespace Voe.Store.Chunks;

/// <summary>
/// One part of a <see cref="ChunkCache"/>: slabs of chunks, a hash table that finds them, and a clock hand that chooses
/// whom to evict. One lock guards all of it.
/// </summary>
/// <remarks>
/// <para>A unit is 4 KiB, a slab 64 units. A slab holds chunks of one size, its size class; a chunk of 2^c units starts at
/// a multiple of 2^c units and is known by its first unit. So one 64-bit word has a bit for every chunk of a slab.</para>
/// <para>Invariants: a bit of <see cref="Slab.Used"/> is set exactly if the table has one entry for that unit, whose hash
/// is in the unit's place of the hash array; <see cref="Slab.Referenced"/> is a subset of Used; at most one slab of each
/// class has free room, the one that is being filled; slabs from <see cref="_slabsTaken"/> on were never touched.</para>
/// <para>The hand goes round all slabs. In a slab of the size wanted it takes the first chunk not referenced since its
/// last visit, and clears the marks of those it passes. A slab of another size loses its marks too, and if it had none,
/// goes over to the size wanted: so all sizes share the room by one rule, which is age.</para>
/// </remarks>
internal sealed unsafe class ChunkCacheShard
{
    private const int UnitSize = ChunkHasher.MinChunkSize;

    /// <summary>Chunks of the least size that a slab holds.</summary>
    public const int UnitsPerSlab = 64;

    /// <summary>4, 8, 16, 32, 64 KiB.</summary>
    private const int ClassCount = 5;

    /// <summary>Places of the table for each slab's 64 units: two thirds full at most, where probes are short.</summary>
    private const int PlacesPerSlab = UnitsPerSlab * 3 / 2;

    /// <summary>Bytes of a slab's chunks.</summary>
    public const int SlabSize = UnitSize * UnitsPerSlab;

    /// <summary>Bytes that a slab takes besides: its record, and a hash and a place and a half of the table for each unit.</summary>
    public static readonly int BookkeepingPerSlab =
        sizeof(Slab) + (UnitsPerSlab * sizeof(ChunkHash)) + (PlacesPerSlab * sizeof(ulong));

    private readonly Lock _shardLock = new(); // guards every field below and the memory they point to
    private readonly int _slabCount;
    private readonly int[] _fillingSlab = new int[ClassCount]; // by class: the slab with free room, or -1
    private readonly Slab* _slabs;
    private readonly ChunkHash* _hashes; // by unit

    // Open addressing with linear probing. A place holds 0 if empty, else the hash's tag (high half), from which its home
    // follows, and the unit + 1 (low half).
    private readonly ulong* _places;
    private readonly uint _placeCount;
    private readonly byte* _units;

    private int _slabsTaken;
    private int _hand; // the slab that the hand is in
    private int _handBit; // the first unit of it that was not looked at
    private long _hits, _misses, _evictions, _chunkCount, _usedBytes;
    private bool _isClosed;

    /// <summary>A shard with room for so many slabs, in memory of the caller.</summary>
    /// <param name="slabCount">At least 1.</param>
    /// <param name="bookkeeping">Zeroed; <see cref="BookkeepingPerSlab"/> bytes for each slab.</param>
    /// <param name="chunks"><see cref="SlabSize"/> bytes for each slab, touched only as the shard fills.</param>
    public ChunkCacheShard(int slabCount, byte* bookkeeping, byte* chunks)
    {
        _slabCount = slabCount;
        _placeCount = (uint)(slabCount * PlacesPerSlab);
        Array.Fill(_fillingSlab, -1);
        _slabs = (Slab*)bookkeeping;
        _places = (ulong*)(_slabs + slabCount);
        _hashes = (ChunkHash*)(_places + _placeCount);
        _units = chunks;
    }

    /// <summary>Counters and contents at one instant.</summary>
    public ChunkCacheStatistics Statistics
    {
        get
        {
            lock (_shardLock)
            {
                return new ChunkCacheStatistics(_hits, _misses, _evictions, _chunkCount, _usedBytes);
            }
        }
    }

    /// <summary>See <see cref="ChunkCache.TryRead"/>.</summary>
    public bool TryRead(in ChunkHash hash, int offset, Span<byte> destination)
    {
        // The bytes are copied under the lock, since the unit may go to another chunk as soon as it is free.
        lock (_shardLock)
        {
            int unit = Find(hash);
            if (unit < 0)
            {
                _misses++;
                return false;
            }

            ref Slab slab = ref _slabs[unit / UnitsPerSlab];
            var chunk = new ReadOnlySpan<byte>(AddressOf(unit), UnitSize << slab.SizeClass);
            chunk.Slice(offset, destination.Length).CopyTo(destination);
            slab.Referenced |= 1UL << (unit % UnitsPerSlab);
            _hits++;
            return true;
        }
    }

    /// <summary>See <see cref="ChunkCache.Add"/>, which has checked the length.</summary>
    public void Add(in ChunkHash hash, ReadOnlySpan<byte> chunk)
    {
        int sizeClass = BitOperations.Log2((uint)(chunk.Length / UnitSize));
        lock (_shardLock)
        {
            if (_isClosed || Find(hash) >= 0)
            {
                return;
            }

            // Not marked as referenced: a chunk that is never read again goes at the hand's next visit.
            int unit = TakeUnit(sizeClass);
            _slabs[unit / UnitsPerSlab].Used |= 1UL << (unit % UnitsPerSlab);
            _hashes[unit] = hash;
            Insert(hash, unit);
            chunk.CopyTo(new Span<byte>(AddressOf(unit), chunk.Length));
            _chunkCount++;
            _usedBytes += chunk.Length;
        }
    }

    /// <summary>Lets go of the memory: when it returns, no call is inside, and later ones find nothing.</summary>
    public void Close()
    {
        lock (_shardLock)
        {
            _isClosed = true;
            _chunkCount = _usedBytes = 0;
        }
    }

    /// <summary>The units of a slab at which chunks of a class start.</summary>
    private static ulong StartsOf(int sizeClass) => sizeClass switch
    {
        0 => ulong.MaxValue,
        1 => 0x5555_5555_5555_5555,
        2 => 0x1111_1111_1111_1111,
        3 => 0x0101_0101_0101_0101,
        _ => 0x0001_0001_0001_0001,
    };

    private static uint TagOf(in ChunkHash hash) => (uint)(hash.Word0 >> 32);

    private byte* AddressOf(int unit) => _units + ((nint)unit * UnitSize);

    /// <summary>A free unit where a chunk of the class can start: from the slab being filled, a fresh slab, or by eviction.</summary>
    private int TakeUnit(int sizeClass)
    {
        int filling = _fillingSlab[sizeClass];
        if (filling < 0 && _slabsTaken < _slabCount)
        {
            filling = _slabsTaken++;
            _slabs[filling].SizeClass = sizeClass;
        }

        if (filling < 0)
        {
            int evicted = MoveHand(sizeClass, out filling);
            if (evicted >= 0)
            {
                return evicted;
            }
        }

        ulong free = StartsOf(sizeClass) & ~_slabs[filling].Used;
        _fillingSlab[sizeClass] = (free & (free - 1)) == 0 ? -1 : filling;
        return (filling * UnitsPerSlab) + BitOperations.TrailingZeroCount(free);
    }

    /// <summary>
    /// Moves the hand to the first chunk of the class that can go, evicts it and returns its unit, or to the first slab of
    /// another class that can go, empties it, and returns -1 and the slab.
    /// </summary>
    /// <remarks>Ends within two rounds, since the first leaves no mark. All slabs are taken.</remarks>
    private int MoveHand(int sizeClass, out int emptied)
    {
        for (; ; _hand = (_hand + 1) % _slabCount, _handBit = 0)
        {
            ref Slab slab = ref _slabs[_hand];
            if (slab.SizeClass == sizeClass)
            {
                ulong ahead = _handBit == UnitsPerSlab ? 0 : ulong.MaxValue << _handBit;
                ulong candidates = slab.Used & ~slab.Referenced & ahead;
                if (candidates == 0)
                {
                    slab.Referenced &= ~ahead;
                    continue;
                }

                int bit = BitOperations.TrailingZeroCount(candidates);
                slab.Referenced &= ~(ahead & ((1UL << bit) - 1));
                _handBit = bit + 1;
                emptied = -1;
                Evict((_hand * UnitsPerSlab) + bit, sizeClass);
                slab.Used &= ~(1UL << bit);
                return (_hand * UnitsPerSlab) + bit;
            }

            if (slab.Referenced == 0)
            {
                emptied = _hand;
                Empty(ref slab, sizeClass);
                _handBit = UnitsPerSlab;
                return -1;
            }

            slab.Referenced = 0;
        }
    }

    /// <summary>Evicts all chunks of the slab at the hand and gives it to another class.</summary>
    private void Empty(ref Slab slab, int sizeClass)
    {
        for (ulong used = slab.Used; used != 0; used &= used - 1)
        {
            Evict((_hand * UnitsPerSlab) + BitOperations.TrailingZeroCount(used), slab.SizeClass);
        }

        if (_fillingSlab[slab.SizeClass] == _hand)
        {
            _fillingSlab[slab.SizeClass] = -1;
        }

        slab = new Slab { SizeClass = sizeClass };
    }

    private void Evict(int unit, int sizeClass)
    {
        Remove(unit);
        _evictions++;
        _chunkCount--;
        _usedBytes -= UnitSize << sizeClass;
    }

    /// <summary>The place where the search for a tag begins.</summary>
    private uint HomeOf(uint tag) => (uint)(((ulong)tag * _placeCount) >> 32);

    private uint Next(uint place) => place + 1 == _placeCount ? 0 : place + 1;

    /// <summary>The unit of a chunk, or -1.</summary>
    private int Find(in ChunkHash hash)
    {
        if (_isClosed)
        {
            return -1;
        }

        uint tag = TagOf(hash);
        for (uint place = HomeOf(tag); _places[place] != 0; place = Next(place))
        {
            if ((uint)(_places[place] >> 32) == tag)
            {
                int unit = (int)(uint)_places[place] - 1;
                Prefetch(unit);
                if (_hashes[unit] == hash)
                {
                    return unit;
                }
            }
        }

        return -1;
    }

    /// <summary>Fetches the start of a chunk into the cache while its hash, another line of memory, is on its way too.</summary>
    private void Prefetch(int unit)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(AddressOf(unit));
            Sse.Prefetch0(AddressOf(unit) + 64);
            Sse.Prefetch0(AddressOf(unit) + 128);
            Sse.Prefetch0(AddressOf(unit) + 192);
        }
    }

    private void Insert(in ChunkHash hash, int unit)
    {
        uint tag = TagOf(hash);
        uint place = HomeOf(tag);
        while (_places[place] != 0)
        {
            place = Next(place);
        }

        _places[place] = ((ulong)tag << 32) | (uint)(unit + 1);
    }

    /// <summary>Removes a unit's entry and moves later ones up, so that no search ends early at the gap.</summary>
    private void Remove(int unit)
    {
        uint gap = HomeOf(TagOf(_hashes[unit]));
        while ((uint)_places[gap] != (uint)(unit + 1))
        {
            gap = Next(gap);
        }

        for (uint place = Next(gap); _places[place] != 0; place = Next(place))
        {
            // An entry may move to the gap if its home is not behind the gap on its way here.
            if (Distance(HomeOf((uint)(_places[place] >> 32)), place) >= Distance(gap, place))
            {
                _places[gap] = _places[place];
                gap = place;
            }
        }

        _places[gap] = 0;
    }

    private uint Distance(uint from, uint to) => to >= from ? to - from : to + _placeCount - from;

    /// <summary>64 units of memory.</summary>
    private struct Slab
    {
        /// <summary>A bit for each unit that is the first of a chunk.</summary>
        public ulong Used;

        /// <summary>A bit for each such unit that was read since it came or the hand went by.</summary>
        public ulong Referenced;

        /// <summary>Log2 of the units that each of the slab's chunks takes.</summary>
        public int SizeClass;
    }
}
