using Voe.Server.Nbd;

namespace Voe.Server.Tests.Nbd;

public sealed class PinnedBufferPoolTests
{
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(PinnedBufferPool.StandardSize)]
    [InlineData(PinnedBufferPool.StandardSize + 1)]
    [InlineData((2 * MiB) + (64 << 10))]
    [InlineData((2 * MiB) + (64 << 10) + 1)]
    [InlineData((32 * MiB) + (64 << 10))]
    public void Buffer_is_as_large_as_asked_for_and_at_most_twice_that(int size)
    {
        var pool = new PinnedBufferPool(64 * MiB);
        byte[] buffer = pool.Rent(size);
        Assert.InRange(buffer.Length, size, Math.Max(2 * size, PinnedBufferPool.StandardSize));
        Assert.Equal(buffer.Length, pool.Lent);
        pool.Return(buffer);
        Assert.Equal(0, pool.Lent);
    }

    [Fact]
    public void Buffer_returned_last_is_lent_first()
    {
        var pool = new PinnedBufferPool(64 * MiB);
        byte[] first = pool.Rent();
        byte[] second = pool.Rent();
        pool.Return(first);
        pool.Return(second);
        Assert.Same(second, pool.Rent());
        Assert.Same(first, pool.TryRent());
    }

    [Fact]
    public void Too_large_a_buffer_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PinnedBufferPool(64 * MiB).Rent(PinnedBufferPool.MaxSize + 1));
    }

    [Fact]
    public void Who_asks_for_more_than_is_left_waits_and_is_served_before_later_ones()
    {
        var pool = new PinnedBufferPool(PinnedBufferPool.MaxSize);
        byte[] first = pool.Rent();
        byte[]? large = null;
        var asking = new Thread(() => large = pool.Rent(PinnedBufferPool.MaxSize));
        asking.Start();
        SpinWait.SpinUntil(() => pool.HasWaiters);

        // There would be room for a small one; it must not overtake.
        Assert.Null(pool.TryRent());
        pool.Return(first);
        asking.Join();
        Assert.NotNull(large);
        Assert.False(pool.HasWaiters);
        pool.Return(large);
        Assert.NotNull(pool.TryRent());
    }

    [Fact]
    public void Never_more_is_lent_than_the_limit_and_everybody_is_served()
    {
        const long Limit = 40 * MiB;
        var pool = new PinnedBufferPool(Limit);
        long highest = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < 200; i++)
            {
                byte[] buffer = pool.Rent(random.Next(10) == 0 ? random.Next(PinnedBufferPool.MaxSize) : 1);
                InterlockedMax(ref highest, pool.Lent);
                pool.Return(buffer);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.InRange(highest, 1, Limit);
        Assert.Equal(0, pool.Lent);
    }

    private static void InterlockedMax(ref long target, long value)
    {
        long old;
        do
        {
            old = Interlocked.Read(ref target);
        }
        while (value > old && Interlocked.CompareExchange(ref target, value, old) != old);
    }
}
