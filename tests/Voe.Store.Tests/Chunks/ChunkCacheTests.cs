using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Tests.Chunks;

public sealed class ChunkCacheTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void A_chunk_added_is_read_whole_and_in_part()
    {
        using var cache = new ChunkCache(8 * MiB);
        foreach (int size in (int[])[4096, 8192, 16384, 32768, 65536])
        {
            byte[] chunk = Chunk(size, size);
            ChunkHash hash = Blake3.Hash(chunk);
            byte[] back = new byte[size];
            Assert.False(cache.TryRead(hash, 0, back));
            cache.Add(hash, chunk);
            Assert.True(cache.TryRead(hash, 0, back));
            Assert.Equal(chunk, back);
            byte[] part = new byte[700];
            Assert.True(cache.TryRead(hash, size - 700, part));
            Assert.Equal(chunk[^700..], part);
            Assert.Throws<ArgumentOutOfRangeException>(() => cache.TryRead(hash, size - 699, part));
        }

        Assert.Equal(new ChunkCacheStatistics(10, 5, 0, 5, 31 * 4096), cache.Statistics);
    }

    [Fact]
    public void A_chunk_added_twice_is_kept_once()
    {
        using var cache = new ChunkCache(8 * MiB);
        byte[] chunk = Chunk(1, 4096);
        cache.Add(Blake3.Hash(chunk), chunk);
        cache.Add(Blake3.Hash(chunk), chunk);
        Assert.Equal(1, cache.Statistics.ChunkCount);
        Assert.Equal(4096, cache.Statistics.UsedBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public void Without_room_for_a_slab_the_cache_is_off(long capacity)
    {
        using var cache = new ChunkCache(capacity);
        byte[] chunk = Chunk(1, 4096);
        cache.Add(Blake3.Hash(chunk), chunk);
        Assert.False(cache.IsEnabled);
        Assert.False(cache.TryRead(Blake3.Hash(chunk), 0, chunk));
        Assert.Equal(default, cache.Statistics);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2048)]
    [InlineData(12288)]
    [InlineData(131072)]
    public void A_length_that_no_chunk_has_is_refused(int length)
    {
        using var cache = new ChunkCache(8 * MiB);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Add(new ChunkHash(1, 2, 3, 4), new byte[length]));
    }

    [Fact]
    public void Memory_never_exceeds_the_capacity_and_nearly_all_of_it_holds_chunks()
    {
        foreach (long capacity in (long[])[1 * MiB, 3 * MiB, 7_654_321, 40 * MiB, 100 * MiB])
        {
            using var cache = new ChunkCache(capacity);
            byte[] chunk = new byte[4096];
            for (ulong i = 0; i < 1.3 * capacity / 4096; i++)
            {
                cache.Add(Name(i), chunk);
            }

            Assert.InRange(cache.ReservedBytes, 1, capacity);
            Assert.InRange(cache.Statistics.UsedBytes, (long)(capacity * (capacity < 4 * MiB ? 0.7 : 0.9)), cache.ReservedBytes);
            Assert.True(cache.Statistics.Evictions > 0);
        }
    }

    [Fact]
    public void A_cache_that_is_not_used_takes_no_memory()
    {
        long before = Environment.WorkingSet;
        using var cache = new ChunkCache(8L << 10 << 20);
        byte[] chunk = Chunk(1, 4096);
        cache.Add(Blake3.Hash(chunk), chunk);
        Assert.True(Environment.WorkingSet - before < 1 << 10 << 20);
        Assert.True(cache.ReservedBytes > 7L << 10 << 20);
    }

    [Fact]
    public void Chunks_in_use_outlive_a_pass_over_many_others()
    {
        using var cache = new ChunkCache(32 * MiB);
        byte[] chunk = new byte[4096];
        const ulong hotCount = 2000;
        for (ulong i = 0; i < hotCount; i++)
        {
            cache.Add(Name(i), chunk);
        }

        // Five times the capacity passes by, while each hot chunk is read about three times a turnover.
        ulong hot = 0;
        int lost = 0;
        for (ulong i = 0; i < 40_000; i++)
        {
            cache.Add(Name(1_000_000 + i), chunk);
            lost += cache.TryRead(Name(hot++ % hotCount), 0, chunk) ? 0 : 1;
        }

        Assert.Equal(0, lost);
        Assert.True(cache.Statistics.Evictions > 30_000);
    }

    [Fact]
    public void Room_goes_over_to_another_size_of_chunk()
    {
        using var cache = new ChunkCache(16 * MiB);
        foreach (int size in (int[])[4096, 65536, 8192, 32768, 4096])
        {
            byte[] chunk = new byte[size];
            for (int i = 0; i < 64 * MiB / size; i++)
            {
                cache.Add(Name((ulong)((size << 20) + i)), chunk);
            }

            int present = Enumerable.Range(0, (int)(64 * MiB / size)).Count(i => cache.TryRead(Name((ulong)((size << 20) + i)), 0, []));
            Assert.True((long)present * size > 14 * MiB, $"{present} chunks of {size} bytes");
            Assert.Equal(present, cache.Statistics.ChunkCount);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Random_reads_and_additions_of_all_sizes_keep_index_and_content_in_step(int seed)
    {
        var random = new Random(seed);
        using var cache = new ChunkCache(random.Next(400, 3000) << 10);
        byte[][] chunks = [.. Enumerable.Range(0, 400).Select(i => Chunk(seed + i, 4096 << (random.Next(5) * random.Next(2))))];
        ChunkHash[] hashes = [.. chunks.Select(chunk => Blake3.Hash(chunk))];
        byte[] back = new byte[65536];
        for (int step = 0; step < 6000; step++)
        {
            int i = random.Next(random.Next(2) == 0 ? chunks.Length : 20);
            int offset = random.Next(chunks[i].Length);
            Span<byte> part = back.AsSpan(0, random.Next(chunks[i].Length - offset + 1));
            bool isHit = cache.TryRead(hashes[i], offset, part);
            Assert.True(!isHit || part.SequenceEqual(chunks[i].AsSpan(offset, part.Length)));
            if (!isHit)
            {
                cache.Add(hashes[i], chunks[i]);
                Assert.True(cache.TryRead(hashes[i], 0, back.AsSpan(0, 1)));
            }
        }

        ChunkCacheStatistics statistics = cache.Statistics;
        int[] present = [.. Enumerable.Range(0, chunks.Length).Where(i => cache.TryRead(hashes[i], 0, []))];
        Assert.Equal(statistics.ChunkCount, present.Length);
        Assert.Equal(statistics.UsedBytes, present.Sum(i => (long)chunks[i].Length));
        Assert.True(statistics.Evictions > 100);
    }

    [Fact]
    public void Threads_that_read_and_add_at_once_never_see_other_bytes()
    {
        using var cache = new ChunkCache(6 * MiB);
        byte[][] chunks = [.. Enumerable.Range(0, 1500).Select(i => Chunk(i, 4096 << (i % 7 == 0 ? i % 5 : 0)))];
        ChunkHash[] hashes = [.. chunks.Select(chunk => Blake3.Hash(chunk))];
        int wrong = 0, hits = 0;
        using var start = new Barrier(4);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            byte[] back = new byte[65536];
            start.SignalAndWait();
            for (int step = 0; step < 5_000; step++)
            {
                int i = random.Next(chunks.Length);
                Span<byte> chunk = back.AsSpan(0, chunks[i].Length);
                if (!cache.TryRead(hashes[i], 0, chunk))
                {
                    cache.Add(hashes[i], chunks[i]);
                    continue;
                }

                Interlocked.Increment(ref hits);
                if (Blake3.Hash(chunk) != hashes[i])
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(0, wrong);
        Assert.InRange(hits, 2_000, 20_000);
        Assert.Equal(hits, cache.Statistics.Hits);
        Assert.Equal(20_000 - hits, cache.Statistics.Misses);
        Assert.True(cache.Statistics.Evictions > 1_000);
    }

    [Fact]
    public void After_disposal_nothing_is_found_and_nothing_breaks()
    {
        var cache = new ChunkCache(8 * MiB);
        byte[] chunk = Chunk(1, 4096);
        cache.Add(Blake3.Hash(chunk), chunk);
        cache.Dispose();
        cache.Add(Blake3.Hash(chunk), chunk);
        Assert.False(cache.TryRead(Blake3.Hash(chunk), 0, chunk));
        Assert.Equal(0, cache.Statistics.UsedBytes);
        cache.Dispose();
    }

    [Fact]
    public void Nothing_is_allocated_per_call()
    {
        using var cache = new ChunkCache(1 * MiB);
        byte[] chunk = Chunk(1, 4096);
        for (int pass = 0; pass < 2; pass++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (ulong i = 0; i < 500; i++)
            {
                cache.Add(Name(i), chunk);
                cache.TryRead(Name(i / 2), 0, chunk);
            }

            Assert.True(pass == 0 || GC.GetAllocatedBytesForCurrentThread() == before);
        }
    }

    private static byte[] Chunk(int seed, int size)
    {
        var chunk = new byte[size];
        new Random(seed).NextBytes(chunk);
        return chunk;
    }

    /// <summary>A hash for tests that do not look at content, mixed as a true one is.</summary>
    private static ChunkHash Name(ulong number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BitConverter.TryWriteBytes(bytes, number);
        return Blake3.Hash(bytes);
    }
}
