namespace Voe.Store;

/// <summary>
/// Buffers and scratch objects that callers use one at a time: a bounded number is kept for the next caller, those
/// beyond it are dropped. Safe from many threads.
/// </summary>
/// <typeparam name="T">What is pooled.</typeparam>
/// <param name="create">Makes one when none is free.</param>
internal sealed class ScratchPool<T>(Func<T> create)
    where T : class
{
    private const int MaxKept = 16;
    private readonly Lock _freeLock = new();
    private readonly Stack<T> _free = new(MaxKept); // guarded by _freeLock

    /// <summary>Takes one; the caller gives it back with <see cref="Return"/>, once.</summary>
    public T Rent()
    {
        lock (_freeLock)
        {
            if (_free.TryPop(out T? item))
            {
                return item;
            }
        }

        return create();
    }

    /// <summary>Gives one back.</summary>
    public void Return(T item)
    {
        lock (_freeLock)
        {
            if (_free.Count < MaxKept)
            {
                _free.Push(item);
                return;
            }
        }

        (item as IDisposable)?.Dispose();
    }
}
