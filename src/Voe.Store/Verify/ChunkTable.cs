using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Verify;

/// <summary>What the log knows of a chunk, all its copies taken together.</summary>
/// <param name="IsKnown">Whether there is a copy.</param>
/// <param name="IsBefore">Whether one is in the log before the place that was asked for.</param>
/// <param name="IsWhole">Whether one is whole.</param>
/// <param name="HasLength">Whether one has the plain length that was asked for.</param>
internal readonly record struct ChunkState(bool IsKnown, bool IsBefore, bool IsWhole, bool HasLength);

/// <summary>
/// All chunks of a log, each copy with its place: an open-addressing table outside the heap. One thread changes it at a time,
/// under a lock of the caller; look-ups come after all changes.
/// </summary>
/// <remarks>
/// <para>32 bytes a chunk: an entry of 24, and three quarters of the entries are used. Chunks are told apart by the first 72 bits
/// of their hash: of 2^32 chunks two that agree in those, by chance, are had in one store of 500, and that can only hide that a
/// chunk is missing, not make a whole one seem damaged.</para>
/// <code>
/// 0  8  first word of the hash
/// 8  4  pack; 0: free
/// 12 4  offset
/// 16 4  CRC32C
/// 20 2  stored length less one
/// 22 1  a byte of the hash's second word
/// 23 1  bits 0-1 codec, 2-4 log2(plain length / 4096), 5 whole, 6 the index has it
/// </code>
/// </remarks>
internal sealed unsafe class ChunkTable : IDisposable
{
    /// <summary>Bytes of an entry.</summary>
    public const int EntrySize = 24;

    private const byte WholeFlag = 1 << 5;
    private const byte IndexedFlag = 1 << 6;
    private readonly NativeRegion _region;
    private readonly ulong _slots;
    private readonly long _capacity;

    /// <summary>A table for so many chunks.</summary>
    public ChunkTable(long capacity)
    {
        _capacity = capacity;
        _slots = checked((ulong)(capacity + (capacity / 3) + 64));
        _region = new NativeRegion(checked((long)_slots * EntrySize));
    }

    /// <summary>Copies in it.</summary>
    public long Count { get; private set; }

    /// <summary>Bytes of memory that it takes.</summary>
    public long Memory => _region.Length;

    /// <summary>Adds a copy.</summary>
    public void Add(in ChunkHash hash, in ChunkLocation location, int plainLength, bool isWhole)
    {
        Invariant.Require(Count < _capacity, "a log has no more chunks than were counted");
        Entry* entry = First(hash);
        while (entry->Pack != 0)
        {
            entry = Next(entry);
        }

        Count++;
        entry->Word0 = hash.Word0;
        entry->Pack = location.PackId;
        entry->Offset = location.Offset;
        entry->Checksum = location.Checksum;
        entry->StoredLengthLessOne = (ushort)(location.StoredLength - 1);
        entry->HashByte = (byte)hash.Word1;
        entry->Bits = (byte)((int)location.Codec | (SizeClass(plainLength) << 2) | (isWhole ? WholeFlag : 0));
    }

    /// <summary>What is known of a chunk, and of the log before offset <paramref name="before"/> of a pack.</summary>
    public ChunkState Find(in ChunkHash hash, int plainLength, uint packId, long before)
    {
        bool isBefore = false;
        bool isWhole = false;
        bool hasLength = false;
        bool isKnown = false;
        for (Entry* entry = First(hash); entry->Pack != 0; entry = Next(entry))
        {
            if (IsOf(entry, hash))
            {
                isKnown = true;
                isBefore |= entry->Pack < packId || (entry->Pack == packId && entry->Offset < before);
                isWhole |= (entry->Bits & WholeFlag) != 0;
                hasLength |= ((entry->Bits >> 2) & 7) == SizeClass(plainLength);
            }
        }

        return new ChunkState(isKnown, isBefore, isWhole, hasLength);
    }

    /// <summary>Whether a whole copy is known.</summary>
    public bool HasWhole(in ChunkHash hash) => Find(hash, VolumeLimits.MinChunkSize, uint.MaxValue, long.MaxValue).IsWhole;

    /// <summary>Whether a copy lies exactly there.</summary>
    public bool Has(in ChunkHash hash, in ChunkLocation location) => FindExact(hash, location) != null;

    /// <summary>Notes that the index has the copy that lies exactly there; false when there is none.</summary>
    public bool MarkIndexed(in ChunkHash hash, in ChunkLocation location)
    {
        Entry* entry = FindExact(hash, location);
        if (entry != null)
        {
            entry->Bits |= IndexedFlag;
        }

        return entry != null;
    }

    /// <summary>
    /// Counts the chunks before an offset of a pack of which the index has no copy, and gives the place of the first ones to
    /// <paramref name="visitor"/>. After the last <see cref="MarkIndexed"/>.
    /// </summary>
    public long FindUnindexed(uint packId, long before, int most, Action<uint, long> visitor)
    {
        long count = 0;
        Entry* end = (Entry*)_region.Start + _slots;
        for (Entry* entry = (Entry*)_region.Start; entry < end; entry++)
        {
            bool isBefore = entry->Pack < packId || (entry->Pack == packId && entry->Offset < before);
            if (entry->Pack != 0 && isBefore && (entry->Bits & IndexedFlag) == 0 && !HasIndexedCopy(entry) && count++ < most)
            {
                visitor(entry->Pack, entry->Offset);
            }
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _region.Dispose();

    private static int SizeClass(int plainLength) => System.Numerics.BitOperations.Log2((uint)plainLength) - 12;

    private static bool IsOf(Entry* entry, in ChunkHash hash) => entry->Word0 == hash.Word0 && entry->HashByte == (byte)hash.Word1;

    private Entry* FindExact(in ChunkHash hash, in ChunkLocation location)
    {
        for (Entry* entry = First(hash); entry->Pack != 0; entry = Next(entry))
        {
            if (IsOf(entry, hash) && entry->Pack == location.PackId && entry->Offset == location.Offset
                && entry->Checksum == location.Checksum && entry->StoredLengthLessOne == location.StoredLength - 1
                && (entry->Bits & 3) == (int)location.Codec)
            {
                return entry;
            }
        }

        return null;
    }

    private bool HasIndexedCopy(Entry* of)
    {
        for (Entry* entry = At(of->Word0); entry->Pack != 0; entry = Next(entry))
        {
            if (entry->Word0 == of->Word0 && entry->HashByte == of->HashByte && (entry->Bits & IndexedFlag) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private Entry* First(in ChunkHash hash) => At(hash.Word0);

    // In bounds: the high half of a product of a number and the count is less than the count.
    private Entry* At(ulong word0) => (Entry*)_region.Start + Math.BigMul(word0, _slots, out _);

    private Entry* Next(Entry* entry) => ++entry == (Entry*)_region.Start + _slots ? (Entry*)_region.Start : entry;

    private struct Entry
    {
        public ulong Word0;
        public uint Pack;
        public uint Offset;
        public uint Checksum;
        public ushort StoredLengthLessOne;
        public byte HashByte;
        public byte Bits;
    }
}
