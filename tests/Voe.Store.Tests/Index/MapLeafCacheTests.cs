using Voe.Store.Index;
using Xunit;

namespace Voe.Store.Tests.Index;

public class MapLeafCacheTests
{
    private const int LeafSize = MapLeafCache.LeafSize;
    private const ulong All = ulong.MaxValue;

    [Fact]
    public void Entries_of_a_cached_leaf_are_found_and_those_of_others_are_not()
    {
        using var cache = new MapLeafCache(1 << 20);
        cache.TryAdd(1, 3, Leaf(7), cache.Generation);
        Assert.Equal(0UL, Find(cache, 1, 3 * LeafSize, out MapEntry[] found));
        Assert.Equal(Leaf(7), found);

        // Half in leaf 3, half in leaf 4, which is not here.
        Assert.Equal(All << 32, Find(cache, 1, (3 * LeafSize) + 32, out found));
        Assert.Equal(Leaf(7)[32..], found[..32]);
        Assert.Equal(All, Find(cache, 2, 3 * LeafSize, out _));
    }

    [Fact]
    public void A_leaf_that_was_read_before_an_update_is_refused()
    {
        using var cache = new MapLeafCache(1 << 20);
        int before = cache.Generation;
        cache.BeginUpdate();
        cache.TryAdd(1, 3, Leaf(7), before);
        Assert.Equal(All, Find(cache, 1, 3 * LeafSize, out _));
    }

    [Fact]
    public void An_update_changes_what_is_cached_and_adds_leaves_that_it_wrote_as_a_whole()
    {
        using var table = new SlotTable<MapKey>(1 << 20);
        using var cache = new MapLeafCache(1 << 20);
        cache.TryAdd(1, 0, Leaf(1), cache.Generation);
        MapEntry[] other = Leaf(2);
        table.Set(new MapKey(1, 5), other[5]);
        table.Set(new MapKey(1, 63), default);
        table.Set(new MapKey(1, 64), other[0]); // of a leaf that is not cached
        for (ulong i = 0; i < LeafSize; i++)
        {
            table.Set(new MapKey(2, (9 * LeafSize) + i), other[i]);
        }

        cache.BeginUpdate();
        cache.Update(Sorted(table));

        MapEntry[] expected = Leaf(1);
        expected[5] = other[5];
        expected[63] = default;
        Assert.Equal(0UL, Find(cache, 1, 0, out MapEntry[] found));
        Assert.Equal(expected, found);
        Assert.Equal(All, Find(cache, 1, LeafSize, out _));
        Assert.Equal(0UL, Find(cache, 2, 9 * LeafSize, out found));
        Assert.Equal(other, found);
    }

    [Fact]
    public void Leaves_that_a_range_of_holes_touches_are_dropped()
    {
        using var cache = new MapLeafCache(1 << 20);
        for (ulong leaf = 0; leaf < 4; leaf++)
        {
            cache.TryAdd(1, leaf, Leaf(1), cache.Generation);
            cache.TryAdd(2, leaf, Leaf(1), cache.Generation);
        }

        cache.BeginUpdate();
        cache.Remove(ZeroRanges.Empty.Add(1, LeafSize + 63, (2 * LeafSize) + 1));
        ulong[] expected = [0, All, All, 0];
        for (ulong leaf = 0; leaf < 4; leaf++)
        {
            Assert.Equal(expected[leaf], Find(cache, 1, leaf * LeafSize, out _));
            Assert.Equal(0UL, Find(cache, 2, leaf * LeafSize, out _));
        }
    }

    [Fact]
    public void A_full_cache_keeps_what_is_in_use_and_never_says_what_it_was_not_told()
    {
        using var cache = new MapLeafCache(200_000);
        var random = new Random(5);
        cache.TryAdd(1, 0, Leaf(0), cache.Generation);
        int known = 0;
        for (int i = 0; i < 5_000; i++)
        {
            Assert.Equal(0UL, Find(cache, 1, 0, out _));
            ulong leaf = (ulong)random.Next(1, 500);
            if (Find(cache, 1, leaf * LeafSize, out MapEntry[] found) == 0)
            {
                Assert.Equal(Leaf((int)leaf), found);
                known++;
            }
            else
            {
                cache.TryAdd(1, leaf, Leaf((int)leaf), cache.Generation);
            }
        }

        Assert.InRange(known, 100, 4_000);
    }

    [Fact]
    public void A_leaf_is_worth_reading_from_its_second_miss_on()
    {
        using var cache = new MapLeafCache(1 << 20);
        Assert.False(cache.WasMissedBefore(1, 3));
        Assert.True(cache.WasMissedBefore(1, 3));
        Assert.False(cache.WasMissedBefore(2, 3));
    }

    [Fact]
    public async Task Readers_never_see_a_mixture_of_two_versions()
    {
        using var cache = new MapLeafCache(1 << 20);
        using var table = new SlotTable<MapKey>(1 << 20);
        MapEntry[][] versions = [Leaf(1), Leaf(2)];
        cache.TryAdd(1, 0, versions[0], cache.Generation);
        int isDone = 0;
        Task<int> reader = Task.Run(
            () =>
            {
                int count = 0;
                while (Volatile.Read(ref isDone) == 0 || count == 0)
                {
                    if (Find(cache, 1, 0, out MapEntry[] found) == 0)
                    {
                        Assert.Equal(versions[found[0] == versions[0][0] ? 0 : 1], found);
                        count++;
                    }
                }

                return count;
            },
            TestContext.Current.CancellationToken);
        for (int i = 1; i < 2_000; i++)
        {
            for (ulong k = 0; k < LeafSize; k++)
            {
                table.Set(new MapKey(1, k), versions[i & 1][k]);
            }

            cache.BeginUpdate();
            cache.Update(Sorted(table));
        }

        Volatile.Write(ref isDone, 1);
        Assert.NotEqual(0, await reader);
    }

    private static unsafe ulong Find(MapLeafCache cache, uint volume, ulong firstChunk, out MapEntry[] entries)
    {
        var keys = stackalloc MapKey[LeafSize];
        for (int i = 0; i < LeafSize; i++)
        {
            keys[i] = new MapKey(volume, firstChunk + (ulong)i);
        }

        entries = new MapEntry[LeafSize];
        fixed (MapEntry* start = entries)
        {
            return cache.FindMany(keys, All, start);
        }
    }

    private static unsafe nint[] Sorted(SlotTable<MapKey> table)
    {
        nint[] slots = new nint[table.Count];
        table.CopySlots(slots);
        return [.. slots.OrderBy(static slot => ((IndexSlot*)slot)->Volume).ThenBy(static slot => ((IndexSlot*)slot)->Chunk)];
    }

    private static MapEntry[] Leaf(int seed)
    {
        var entries = new MapEntry[LeafSize];
        for (int i = 0; i < LeafSize; i++)
        {
            var hash = IndexModel.HashOf((seed * 100) + i);
            entries[i] = new MapEntry(hash, IndexModel.LocationOf(in hash, (uint)seed + 1));
        }

        return entries;
    }
}
