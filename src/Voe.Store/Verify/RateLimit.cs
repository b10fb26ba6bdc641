namespace Voe.Store.Verify;

/// <summary>Spreads reads over time. Safe from many threads.</summary>
/// <param name="bytesPerSecond">How much may pass; 0 for no limit.</param>
/// <param name="clock">Time.</param>
/// <param name="cancellation">Ends a wait.</param>
/// <param name="taken">Told how many bytes were taken in all, from any thread, one at a time; or null.</param>
internal sealed class RateLimit(long bytesPerSecond, TimeProvider clock, CancellationToken cancellation, Action<long>? taken = null)
{
    private readonly Lock _lock = new();
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _paidUntil; // guarded by _lock; since _start
    private long _taken; // guarded by _lock

    /// <summary>Returns when these bytes may be read. What was not used in the past is not saved up.</summary>
    /// <exception cref="OperationCanceledException">The work is to end.</exception>
    public void Take(long bytes)
    {
        cancellation.ThrowIfCancellationRequested();
        TimeSpan wait;
        lock (_lock)
        {
            _taken += bytes;
            taken?.Invoke(_taken);
            if (bytesPerSecond <= 0)
            {
                return;
            }

            TimeSpan now = clock.GetElapsedTime(_start);
            TimeSpan begin = now > _paidUntil ? now : _paidUntil;
            _paidUntil = begin + TimeSpan.FromSeconds((double)bytes / bytesPerSecond);
            wait = begin - now;
        }

        if (wait > TimeSpan.Zero)
        {
            Wait(wait);
        }
    }

    private void Wait(TimeSpan time)
    {
        using var done = new ManualResetEventSlim();
        using ITimer timer = clock.CreateTimer(static state => ((ManualResetEventSlim)state!).Set(), done, time, Timeout.InfiniteTimeSpan);
        done.Wait(cancellation);
    }
}
