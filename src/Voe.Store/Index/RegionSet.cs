namespace Voe.Store.Index;

/// <summary>
/// Which regions of volumes, 4,096 chunks each, were touched: so that a search for what is mapped need not look at each chunk
/// of a long hole. Only grows, until it is cleared; may say of a region that it was touched when it was not.
/// </summary>
/// <remarks>One writer; readers without locks, who see what was added before their call began.</remarks>
internal sealed class RegionSet
{
    private const int RegionShift = 12;
    private const int SlotBits = 14;
    private const int FullCount = (1 << SlotBits) * 3 / 4;

    // Regions that one call looks at: a few milliseconds.
    private const ulong MaxRegions = 1 << 20;

    // Open addressing by the key's high bits; a key is a mix of volume and region, 0 is an empty slot.
    private readonly ulong[] _slots = new ulong[1 << SlotBits];
    private int _count;

    /// <summary>A chunk's region was touched.</summary>
    public void Add(uint volume, ulong chunk)
    {
        ulong key = KeyOf(volume, chunk >> RegionShift);
        int slot = FindSlot(key);
        if (_slots[slot] == 0 && _count < FullCount)
        {
            // What is not taken in any more is covered by the count: a full set says yes to everything.
            Volatile.Write(ref _slots[slot], key);
            Volatile.Write(ref _count, _count + 1);
        }
    }

    /// <summary>
    /// The first chunk of <c>[first, end)</c> whose region may have been touched, or up to which was searched; the regions
    /// before it were not. The range is not empty.
    /// </summary>
    public ulong FindTouched(uint volume, ulong first, ulong end)
    {
        if (Volatile.Read(ref _count) >= FullCount)
        {
            return first;
        }

        ulong region = first >> RegionShift;
        ulong endRegion = Math.Min(region + MaxRegions, ((end - 1) >> RegionShift) + 1);
        while (region < endRegion && !Contains(volume, region))
        {
            region++;
        }

        return Math.Clamp(region << RegionShift, first, end);
    }

    /// <summary>Makes it empty. No reader may be inside.</summary>
    public void Clear()
    {
        Array.Clear(_slots);
        _count = 0;
    }

    private static ulong KeyOf(uint volume, ulong region) => ((region ^ ((ulong)volume << 40)) * 0x9E3779B97F4A7C15) | 1;

    private bool Contains(uint volume, ulong region) => Volatile.Read(ref _slots[FindSlot(KeyOf(volume, region))]) != 0;

    // The slot of the key, or the empty one where it would go. There always is one: the set is never full.
    private int FindSlot(ulong key)
    {
        int slot = (int)(key >> (64 - SlotBits));
        for (ulong found = Volatile.Read(ref _slots[slot]); found != 0 && found != key; found = Volatile.Read(ref _slots[slot]))
        {
            slot = (slot + 1) & ((1 << SlotBits) - 1);
        }

        return slot;
    }
}
