namespace Voe.Server.Nbd;

/// <summary>
/// Who may poll a socket instead of sleeping on it. At queue depth 1 most of a request's time is the wake-up of a
/// sleeping thread, so polling for some microseconds doubles the rate; but a spinning thread takes its processor from
/// the client, when that is on this machine, and from other connections. So threads spin only while processors are
/// idle, and at most half of them. Safe from many threads; the counts are advice, exactness is not needed.
/// </summary>
internal sealed class SpinBudget
{
    private readonly int _processorCount;
    private readonly int _maxSpinning;
    private int _busy;
    private int _spinning;

    /// <summary>A budget for a machine with that many processors; with one processor nobody spins.</summary>
    public SpinBudget(int processorCount)
    {
        _processorCount = processorCount;
        _maxSpinning = processorCount / 2;
    }

    /// <summary>Whether a processor is left over by the threads that handle requests.</summary>
    public bool HasIdleProcessor => Volatile.Read(ref _busy) < _processorCount;

    /// <summary>A thread begins to handle requests.</summary>
    public void BeginWork() => Interlocked.Increment(ref _busy);

    /// <summary>A thread is done with them.</summary>
    public void EndWork() => Interlocked.Decrement(ref _busy);

    /// <summary>Whether the caller may spin now; if so it calls <see cref="EndSpin"/> afterwards.</summary>
    public bool TryBeginSpin()
    {
        if (Volatile.Read(ref _busy) + Volatile.Read(ref _spinning) >= _processorCount)
        {
            return false;
        }

        if (Interlocked.Increment(ref _spinning) <= _maxSpinning)
        {
            return true;
        }

        Interlocked.Decrement(ref _spinning);
        return false;
    }

    /// <summary>The caller stopped spinning.</summary>
    public void EndSpin() => Interlocked.Decrement(ref _spinning);
}
