namespace Voe.Store.Index;

/// <summary>
/// The pair of deltas that a reader looks at, fixed for the time of one call. Readers announce themselves, so that the
/// memory of a delta is used again only when no reader can still be inside.
/// </summary>
/// <remarks>
/// A reader counts itself in and then checks that the view is still the current one; whoever replaces a view does so first
/// and then waits for the count to be zero. Both steps are full fences, so one of the two always sees the other. The
/// counters are spread over cache lines by thread, so that readers on many processors do not share one.
/// </remarks>
internal sealed class IndexView(Delta active, Delta? frozen)
{
    private const int Stripes = 16;
    private const int Stride = 32;
    private readonly int[] _readers = new int[(Stripes + 1) * Stride];

    /// <summary>Where changes go.</summary>
    public Delta Active { get; } = active;

    /// <summary>What the pending checkpoint is writing, or null.</summary>
    public Delta? Frozen { get; } = frozen;

    /// <summary>Counts a reader in; returns what <see cref="Leave"/> wants.</summary>
    public int Enter()
    {
        int place = ((Environment.CurrentManagedThreadId & (Stripes - 1)) + 1) * Stride;
        Interlocked.Increment(ref _readers[place]);
        return place;
    }

    /// <summary>Counts a reader out.</summary>
    public void Leave(int place) => Interlocked.Decrement(ref _readers[place]);

    /// <summary>Waits until all readers have left. The view must have been replaced, so that none comes back.</summary>
    public void WaitForReaders()
    {
        // Readers stay for microseconds, or for a read of RocksDB from disk: the spinner soon yields.
        var spinner = default(SpinWait);
        for (int stripe = 1; stripe <= Stripes; stripe++)
        {
            while (Volatile.Read(ref _readers[stripe * Stride]) != 0)
            {
                spinner.SpinOnce();
            }
        }
    }
}
