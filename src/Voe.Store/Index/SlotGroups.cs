using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Voe.Store.Index;

/// <summary>
/// The memory under the index's tables: slots in groups of 16, and a tag byte for each slot, so that one vector comparison
/// finds the few slots of a group that can have a key. Tags of half a million slots fit a processor's second-level cache:
/// a look-up that finds nothing touches no slot at all.
/// </summary>
/// <remarks>
/// All addresses are in bounds because a group number is a 32-bit fraction of the number of groups, and the next one wraps
/// around. A slot's content is published by its tag: written after the slot, read before it.
/// </remarks>
internal sealed unsafe class SlotGroups : IDisposable
{
    /// <summary>Slots in a group: the bytes of one vector.</summary>
    public const int GroupSize = 16;

    /// <summary>How many slots ahead one is worth prefetching in a walk over slots that lie anywhere.</summary>
    public const int PrefetchDistance = 16;

    private readonly NativeRegion _tagRegion;
    private readonly NativeRegion _slotRegion;
    private readonly byte* _tags;
    private readonly IndexSlot* _slots;

    /// <summary>Allocates as many groups as fit <paramref name="memory"/> bytes, at least 16.</summary>
    public SlotGroups(long memory)
    {
        long groups = Math.Clamp(memory / (GroupSize * (IndexSlot.Size + 1)), 16, 1 << 26);
        GroupCount = (int)groups;
        _tagRegion = new NativeRegion(groups * GroupSize);
        _slotRegion = new NativeRegion(groups * GroupSize * IndexSlot.Size);
        _tags = _tagRegion.Start;
        _slots = (IndexSlot*)_slotRegion.Start;
    }

    /// <summary>Number of groups.</summary>
    public int GroupCount { get; }

    /// <summary>Number of slots.</summary>
    public int SlotCount => GroupCount * GroupSize;

    /// <summary>The tag of a key: never 0, which stands for a free slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte TagOf(ulong tableHash) => (byte)((tableHash >> 57) | 0x80);

    /// <summary>The group where the search for a key begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int GroupOf(ulong tableHash) => (int)(((ulong)(uint)tableHash * (uint)GroupCount) >> 32);

    /// <summary>The group after <paramref name="group"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int NextGroup(int group) => group + 1 == GroupCount ? 0 : group + 1;

    /// <summary>The tags of a group. Loads of its slots that follow are not done earlier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> LoadTags(int group)
    {
        var tags = Vector128.Load(_tags + ((long)group * GroupSize));
        Volatile.ReadBarrier();
        return tags;
    }

    /// <summary>A bit for each slot of the group that has this tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Match(Vector128<byte> tags, byte tag) => Vector128.Equals(tags, Vector128.Create(tag)).ExtractMostSignificantBits();

    /// <summary>The slot at a place in a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexSlot* SlotAt(int group, int place) => _slots + ((long)group * GroupSize) + place;

    /// <summary>Sets a slot's tag, after everything that was written to the slot; 0 frees it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetTag(int group, int place, byte tag) => Volatile.Write(ref _tags[((long)group * GroupSize) + place], tag);

    /// <summary>Asks the processor to have the slot at hand soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(IndexSlot* slot)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(slot);
        }
    }

    /// <summary>Frees all slots. No reader may be inside.</summary>
    public void Clear() => _tagRegion.Clear();

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose()
    {
        _tagRegion.Dispose();
        _slotRegion.Dispose();
    }
}
