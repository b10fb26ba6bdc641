using System.Numerics;

namespace Voe.Store.Index;

/// <summary>
/// A bounded, lossy table of what RocksDB holds: readers take no lock, writers lock one of many stripes. A key lives in one
/// group of 16 slots; a full group gives up the slot that was not used since the hand passed it last (the clock algorithm).
/// </summary>
/// <remarks>
/// Invariant: a cached value is what RocksDB has for the key, or the key is in the frozen delta, which is looked at first.
/// A reader that missed notes <see cref="Generation"/> before it asks RocksDB, and <see cref="TryAdd"/> refuses what was
/// asked before the last checkpoint. A checkpoint first makes RocksDB durable, then calls <see cref="BeginUpdate"/>, then
/// puts its changes here, then gives up the frozen delta: so no older value can come back.
/// </remarks>
/// <typeparam name="TKey">What it is searched by.</typeparam>
internal sealed unsafe class LookupCache<TKey> : IDisposable
    where TKey : unmanaged, ISlotKey<TKey>
{
    private const int StripeCount = 256;
    private readonly SlotGroups _groups;
    private readonly NativeRegion _clocks;

    // For each group: a bit for each slot that was used lately (written without a lock: it is only advice), and the clock's hand.
    private readonly ushort* _used;
    private readonly byte* _hands;
    private readonly Lock[] _stripes = new Lock[StripeCount];
    private int _generation;

    /// <summary>A cache of at most <paramref name="memory"/> bytes (and at least 17 KiB).</summary>
    public LookupCache(long memory)
    {
        _groups = new SlotGroups(memory);
        _clocks = new NativeRegion((long)_groups.GroupCount * 3);
        _used = (ushort*)_clocks.Start;
        _hands = _clocks.Start + ((long)_groups.GroupCount * 2);
        for (int i = 0; i < StripeCount; i++)
        {
            _stripes[i] = new Lock();
        }
    }

    /// <summary>Number of the state of RocksDB that may be cached. To be read before RocksDB is.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>
    /// Looks up those of up to 64 keys whose bit in <paramref name="wanted"/> is set; returns the bits of those not found.
    /// </summary>
    public ulong FindMany(TKey* keys, ulong* tableHashes, ulong wanted, MapEntry* entries)
    {
        ulong candidates = 0;
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            int group = _groups.GroupOf(tableHashes[index]);
            uint matches = SlotGroups.Match(_groups.LoadTags(group), SlotGroups.TagOf(tableHashes[index]));
            if (matches != 0)
            {
                SlotGroups.Prefetch(_groups.SlotAt(group, BitOperations.TrailingZeroCount(matches)));
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

    /// <summary>Looks up one key.</summary>
    public bool TryGet(in TKey key, ulong tableHash, out MapEntry entry)
    {
        int group = _groups.GroupOf(tableHash);
        uint matches = SlotGroups.Match(_groups.LoadTags(group), SlotGroups.TagOf(tableHash));
        for (; matches != 0; matches &= matches - 1)
        {
            int place = BitOperations.TrailingZeroCount(matches);
            if (IndexSlot.TryRead(_groups.SlotAt(group, place), in key, out entry))
            {
                if ((_used[group] & (1 << place)) == 0)
                {
                    _used[group] |= (ushort)(1 << place);
                }

                return true;
            }
        }

        entry = default;
        return false;
    }

    /// <summary>Adds what RocksDB said, unless a checkpoint has been made since <paramref name="generation"/> was read.</summary>
    public bool TryAdd(in TKey key, in MapEntry entry, int generation)
    {
        ulong tableHash = key.TableHash;
        int group = _groups.GroupOf(tableHash);
        lock (_stripes[group & (StripeCount - 1)])
        {
            if (Volatile.Read(ref _generation) != generation)
            {
                return false;
            }

            Store(group, tableHash, in key, in entry);
            return true;
        }
    }

    /// <summary>Begins the update after a checkpoint: from now on nothing older is accepted.</summary>
    public void BeginUpdate() => Interlocked.Increment(ref _generation);

    /// <summary>Adds or replaces what the checkpoint has written; after <see cref="BeginUpdate"/>.</summary>
    public void Put(in TKey key, in MapEntry entry)
    {
        ulong tableHash = key.TableHash;
        int group = _groups.GroupOf(tableHash);
        lock (_stripes[group & (StripeCount - 1)])
        {
            Store(group, tableHash, in key, in entry);
        }
    }

    /// <summary>Drops a key; after <see cref="BeginUpdate"/>.</summary>
    public void Remove(in TKey key)
    {
        ulong tableHash = key.TableHash;
        int group = _groups.GroupOf(tableHash);
        lock (_stripes[group & (StripeCount - 1)])
        {
            int place = Find(group, SlotGroups.TagOf(tableHash), in key);
            if (place >= 0)
            {
                _groups.SetTag(group, place, 0);
            }
        }
    }

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose()
    {
        _groups.Dispose();
        _clocks.Dispose();
    }

    // The place of the key in its group, or -1. Under the stripe's lock.
    private int Find(int group, byte tag, in TKey key)
    {
        for (uint matches = SlotGroups.Match(_groups.LoadTags(group), tag); matches != 0; matches &= matches - 1)
        {
            int place = BitOperations.TrailingZeroCount(matches);
            if (key.IsKeyOf(_groups.SlotAt(group, place)))
            {
                return place;
            }
        }

        return -1;
    }

    // Under the stripe's lock.
    private void Store(int group, ulong tableHash, in TKey key, in MapEntry entry)
    {
        byte tag = SlotGroups.TagOf(tableHash);
        int place = Find(group, tag, in key);
        if (place < 0)
        {
            uint free = SlotGroups.Match(_groups.LoadTags(group), 0);
            place = free != 0 ? BitOperations.TrailingZeroCount(free) : ChooseVictim(group);
        }

        var slot = _groups.SlotAt(group, place);
        IndexSlot.BeginWrite(slot);
        key.WriteTo(slot);
        IndexSlot.SetValue(slot, in entry);
        IndexSlot.EndWrite(slot);
        _groups.SetTag(group, place, tag);
    }

    private int ChooseVictim(int group)
    {
        // At most one turn: the hand clears the bits that it passes.
        int hand = _hands[group];
        while ((_used[group] & (1 << hand)) != 0)
        {
            _used[group] &= (ushort)~(1 << hand);
            hand = (hand + 1) & (SlotGroups.GroupSize - 1);
        }

        _hands[group] = (byte)((hand + 1) & (SlotGroups.GroupSize - 1));
        return hand;
    }
}
