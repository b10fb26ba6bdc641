using CsCheck;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class IndexTablesTests
{
    private static readonly Gen<(uint Volume, ulong First, ulong Length)> GenRange =
        Gen.Select(Gen.UInt[1, 2], Gen.ULong[0, 60], Gen.ULong[1, 12]);

    [Fact]
    public void Zero_ranges_contain_what_was_added_and_stay_merged_and_sorted() => GenRange.List[0, 25].Sample(
        ranges =>
        {
            var set = ZeroRanges.Empty;
            var model = new HashSet<(uint Volume, ulong Chunk)>();
            foreach (var (volume, first, length) in ranges)
            {
                set = set.Add(volume, first, first + length);
                for (ulong chunk = first; chunk < first + length; chunk++)
                {
                    model.Add((volume, chunk));
                }
            }

            for (uint volume = 0; volume <= 3; volume++)
            {
                for (ulong chunk = 0; chunk < 80; chunk++)
                {
                    Assert.Equal(model.Contains((volume, chunk)), set.Contains(volume, chunk));
                }
            }

            for (int i = 1; i < set.Count; i++)
            {
                var before = set.Ranges[i - 1];
                var after = set.Ranges[i];
                Assert.True(before.Volume < after.Volume || (before.Volume == after.Volume && before.End < after.First));
            }
        },
        seed: "0002LzK9P1e4");

    [Fact]
    public void A_zero_range_up_to_the_largest_chunk_number_works()
    {
        var set = ZeroRanges.Empty.Add(1, 5, ulong.MaxValue);
        Assert.True(set.Contains(1, ulong.MaxValue - 1));
        Assert.False(set.Contains(1, 4));
        Assert.False(set.Contains(2, 7));
        Assert.Equal(1, set.Add(1, 100, 200).Count);
    }

    [Fact]
    public void A_table_takes_its_headroom_finds_every_key_and_then_refuses()
    {
        using var table = new SlotTable<MapKey>(40_000);
        int limit = table.FullCount + table.Headroom;
        for (int i = 0; i < limit; i++)
        {
            table.Set(new MapKey(1, (ulong)i * 16), EntryOf(i));
        }

        Assert.Equal(limit, table.Count);
        for (int i = 0; i < limit; i++)
        {
            var key = new MapKey(1, (ulong)i * 16);
            Assert.True(table.TryGet(in key, key.TableHash, out var entry));
            Assert.Equal(EntryOf(i), entry);
            var other = new MapKey(1, ((ulong)i * 16) + 1);
            Assert.False(table.TryGet(in other, other.TableHash, out _));
        }

        Assert.Throws<InvalidOperationException>(() => table.Set(new MapKey(2, 0), default));
        table.Clear();
        var first = new MapKey(1, 0);
        Assert.False(table.TryGet(in first, first.TableHash, out _));
    }

    [Fact]
    public void Keys_that_all_fall_into_one_group_are_found()
    {
        using var table = new SlotTable<ChunkKey>(40_000);
        for (uint i = 0; i < 100; i++)
        {
            var hash = new ChunkHash(7, i, 0, 1);
            table.Set(new ChunkKey(hash), new MapEntry(hash, IndexModel.LocationOf(in hash, i + 1)));
        }

        for (uint i = 0; i < 100; i++)
        {
            var hash = new ChunkHash(7, i, 0, 1);
            Assert.True(table.TryGet(new ChunkKey(hash), 7, out var entry));
            Assert.Equal(IndexModel.LocationOf(in hash, i + 1), entry.Location);
        }
    }

    [Fact]
    public void A_cache_says_what_was_put_last_or_nothing_and_forgets_what_is_not_used()
    {
        using var cache = new LookupCache<MapKey>(20_000);
        var random = new Random(3);
        var model = new Dictionary<ulong, MapEntry>();
        for (int i = 0; i < 20_000; i++)
        {
            // One key in use all the time, among many that pass by.
            ulong chunk = i % 2 == 0 ? 1 : (ulong)random.Next(2, 3000);
            var key = new MapKey(1, chunk);
            if (cache.TryGet(in key, key.TableHash, out var entry))
            {
                Assert.Equal(model[chunk], entry);
            }
            else
            {
                Assert.True(i == 0 || chunk != 1);
            }

            if (i == 0 || chunk != 1)
            {
                model[chunk] = EntryOf(random.Next());
                cache.Put(in key, model[chunk]);
            }
        }
    }

    [Fact]
    public void A_cache_refuses_what_was_read_before_an_update()
    {
        using var cache = new LookupCache<MapKey>(20_000);
        var key = new MapKey(1, 2);
        int before = cache.Generation;
        Assert.True(cache.TryAdd(in key, EntryOf(1), before));
        cache.BeginUpdate();
        cache.Put(in key, EntryOf(2));
        Assert.False(cache.TryAdd(in key, EntryOf(1), before));
        Assert.True(cache.TryGet(in key, key.TableHash, out var entry));
        Assert.Equal(EntryOf(2), entry);
        cache.Remove(in key);
        Assert.False(cache.TryGet(in key, key.TableHash, out _));
        Assert.False(cache.TryAdd(in key, EntryOf(1), before));
    }

    private static MapEntry EntryOf(int number)
    {
        var hash = IndexModel.HashOf(number & 0xFFF);
        return new MapEntry(hash, IndexModel.LocationOf(in hash, (uint)number | 1));
    }
}
