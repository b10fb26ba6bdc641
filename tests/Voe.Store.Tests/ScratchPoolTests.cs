namespace Voe.Store.Tests;

public sealed class ScratchPoolTests
{
    [Fact]
    public void What_was_given_back_is_handed_out_again_and_to_one_at_a_time()
    {
        var pool = new ScratchPool<object>(static () => new object());
        object first = pool.Rent();
        object second = pool.Rent();
        Assert.NotSame(first, second);
        pool.Return(first);
        Assert.Same(first, pool.Rent());
        Assert.NotSame(first, pool.Rent());
    }

    [Fact]
    public void A_bounded_number_is_kept_and_the_others_are_disposed_of()
    {
        var made = new List<Item>();
        var pool = new ScratchPool<Item>(() =>
        {
            made.Add(new Item());
            return made[^1];
        });
        Item[] rented = [.. Enumerable.Range(0, 40).Select(_ => pool.Rent())];
        Array.ForEach(rented, pool.Return);
        Assert.Equal(40, made.Count);
        Assert.Equal(24, made.Count(static item => item.IsDisposed));

        Item[] again = [.. Enumerable.Range(0, 16).Select(_ => pool.Rent())];
        Assert.Equal(40, made.Count);
        Assert.All(again, static item => Assert.False(item.IsDisposed));
    }

    private sealed class Item : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
