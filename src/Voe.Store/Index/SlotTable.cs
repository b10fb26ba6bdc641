using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Voe.Store.Index;

/// <summary>
/// An open-addressing table of <see cref="IndexSlot"/> that only grows until it is cleared: one writer, any number of
/// readers without locks.
/// </summary>
/// <typeparam name="TKey">What it is searched by.</typeparam>
internal sealed unsafe class SlotTable<TKey> : IDisposable
    where TKey : unmanaged, ISlotKey<TKey>
{
    /// <summary>Keys looked up together: the bits of the mask that says which are still wanted.</summary>
    public const int BatchSize = 64;

    private readonly SlotGroups _groups;
    private readonly int _limit;
    private int _count;

    /// <summary>A table of at most <paramref name="memory"/> bytes (and at least 17 KiB).</summary>
    public SlotTable(long memory)
    {
        _groups = new SlotGroups(memory);
        FullCount = _groups.SlotCount / 4 * 3;
        _limit = _groups.SlotCount / 16 * 15;
    }

    /// <summary>Number of keys.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>From how many keys on the table counts as full.</summary>
    public int FullCount { get; }

    /// <summary>How many keys more than <see cref="FullCount"/> it takes: a group must never lack a free slot for long.</summary>
    public int Headroom => _limit - FullCount;

    /// <summary>Adds a key or replaces its value. The writer alone.</summary>
    /// <exception cref="InvalidOperationException">The table has no room: its owner went on after <see cref="FullCount"/>.</exception>
    public void Set(in TKey key, in MapEntry entry)
    {
        ulong tableHash = key.TableHash;
        byte tag = SlotGroups.TagOf(tableHash);
        for (int group = _groups.GroupOf(tableHash); ; group = _groups.NextGroup(group))
        {
            var tags = _groups.LoadTags(group);
            for (uint matches = SlotGroups.Match(tags, tag); matches != 0; matches &= matches - 1)
            {
                var slot = _groups.SlotAt(group, BitOperations.TrailingZeroCount(matches));
                if (key.IsKeyOf(slot))
                {
                    IndexSlot.BeginWrite(slot);
                    IndexSlot.SetValue(slot, in entry);
                    IndexSlot.EndWrite(slot);
                    return;
                }
            }

            uint free = SlotGroups.Match(tags, 0);
            if (free != 0)
            {
                Insert(group, BitOperations.TrailingZeroCount(free), tag, in key, in entry);
                return;
            }
        }
    }

    /// <summary>Asks the processor to have the slot at hand where <see cref="Set"/> will most likely look. The writer alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchForSet(in TKey key)
    {
        ulong tableHash = key.TableHash;
        int group = _groups.GroupOf(tableHash);
        var tags = _groups.LoadTags(group);
        uint places = SlotGroups.Match(tags, SlotGroups.TagOf(tableHash)) | SlotGroups.Match(tags, 0);
        SlotGroups.Prefetch(_groups.SlotAt(group, BitOperations.TrailingZeroCount(places) & (SlotGroups.GroupSize - 1)));
    }

    private void Insert(int group, int place, byte tag, in TKey key, in MapEntry entry)
    {
        if (_count >= _limit)
        {
            throw new InvalidOperationException(
                $"a delta table of {_groups.SlotCount} slots holds {_count} keys: it was to be frozen at {FullCount}");
        }

        // No reader looks at the slot before its tag is set. Its sequence number stays, even from an earlier life.
        var slot = _groups.SlotAt(group, place);
        key.WriteTo(slot);
        IndexSlot.SetValue(slot, in entry);
        _groups.SetTag(group, place, tag);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Looks up one key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(in TKey key, ulong tableHash, out MapEntry entry)
    {
        byte tag = SlotGroups.TagOf(tableHash);
        for (int group = _groups.GroupOf(tableHash); ; group = _groups.NextGroup(group))
        {
            var tags = _groups.LoadTags(group);
            for (uint matches = SlotGroups.Match(tags, tag); matches != 0; matches &= matches - 1)
            {
                var slot = _groups.SlotAt(group, BitOperations.TrailingZeroCount(matches));
                if (IndexSlot.TryRead(slot, in key, out entry))
                {
                    return true;
                }
            }

            if (Vector128.EqualsAny(tags, Vector128<byte>.Zero))
            {
                entry = default;
                return false;
            }
        }
    }

    /// <summary>
    /// Looks up those of up to 64 keys whose bit in <paramref name="wanted"/> is set, all memory accesses in flight together.
    /// Returns the bits of the keys that were not found.
    /// </summary>
    public ulong FindMany(TKey* keys, ulong* tableHashes, ulong wanted, MapEntry* entries)
    {
        if (Count == 0)
        {
            return wanted;
        }

        ulong candidates = 0;
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            int group = _groups.GroupOf(tableHashes[index]);
            var tags = _groups.LoadTags(group);
            uint matches = SlotGroups.Match(tags, SlotGroups.TagOf(tableHashes[index]));
            if (matches != 0)
            {
                SlotGroups.Prefetch(_groups.SlotAt(group, BitOperations.TrailingZeroCount(matches)));
                candidates |= 1UL << index;
            }
            else if (!Vector128.EqualsAny(tags, Vector128<byte>.Zero))
            {
                // The group is full: the key may be in a later one.
                candidates |= 1UL << index;
            }
        }

        for (; candidates != 0; candidates &= candidates - 1)
        {
            int index = BitOperations.TrailingZeroCount(candidates);
            if (TryGet(in keys[index], tableHashes[index], out entries[index]))
            {
                wanted &= ~(1UL << index);
            }
        }

        return wanted;
    }

    /// <summary>All slots in use, in no order, into <paramref name="slots"/> (room for <see cref="Count"/>); returns how many.</summary>
    public int CopySlots(Span<nint> slots)
    {
        int count = 0;
        for (int group = 0; group < _groups.GroupCount; group++)
        {
            uint used = ~SlotGroups.Match(_groups.LoadTags(group), 0) & 0xFFFF;
            for (; used != 0; used &= used - 1)
            {
                slots[count++] = (nint)_groups.SlotAt(group, BitOperations.TrailingZeroCount(used));
            }
        }

        return count;
    }

    /// <summary>Gives a value to all keys for which the predicate holds. The writer alone. Looks at every slot in use.</summary>
    public void SetWhere(Func<TKey, bool> predicate, in MapEntry entry)
    {
        for (int group = 0; group < _groups.GroupCount; group++)
        {
            uint used = ~SlotGroups.Match(_groups.LoadTags(group), 0) & 0xFFFF;
            for (; used != 0; used &= used - 1)
            {
                var slot = _groups.SlotAt(group, BitOperations.TrailingZeroCount(used));
                if (predicate(TKey.ReadFrom(slot)))
                {
                    IndexSlot.BeginWrite(slot);
                    IndexSlot.SetValue(slot, in entry);
                    IndexSlot.EndWrite(slot);
                }
            }
        }
    }

    /// <summary>Drops all keys. No reader may be inside.</summary>
    public void Clear()
    {
        _groups.Clear();
        _count = 0;
    }

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose() => _groups.Dispose();
}
