namespace Voe.Store.Devices;

/// <summary>
/// One sync for all who wait for one, and none after one that failed: the kernel reports what it could not write once, to
/// one caller, and holds the lost pages for clean from then on. Who came later would be told a lie.
/// </summary>
/// <param name="path">What is synced, for messages.</param>
/// <param name="sync">Makes all that was written before durable, or throws.</param>
internal sealed class SharedFlush(string path, Action sync)
{
    private readonly Lock _turn = new(); // held during the sync: one at a time
    private long _asked;
    private long _done; // guarded by _turn: all who asked up to here are served
    private volatile StoreException? _failure;

    /// <summary>Throws when a sync has failed before: nothing more may be acknowledged.</summary>
    /// <exception cref="StoreFailedException">It has.</exception>
    public void RequireSound()
    {
        if (_failure is { } failure)
        {
            throw new StoreFailedException(
                $"{path}: an earlier flush failed, so what was written before it may be lost; nothing more is acknowledged until "
                + $"voe-server has been started again ({failure.Message})",
                failure);
        }
    }

    /// <summary>Returns when a sync that began after this call has succeeded.</summary>
    public void Flush()
    {
        long ticket = Interlocked.Increment(ref _asked);
        lock (_turn)
        {
            RequireSound();
            if (_done >= ticket)
            {
                return;
            }

            // All who have asked by now had written before, so this sync is theirs as well.
            long served = Volatile.Read(ref _asked);
            try
            {
                sync();
            }
            catch (StoreException failure)
            {
                _failure = failure;
                throw;
            }

            _done = served;
        }
    }
}
