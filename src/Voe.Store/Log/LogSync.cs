using Voe.Store.Packs;

namespace Voe.Store.Log;

/// <summary>
/// What of the log is durable, and how it becomes so: whoever asks for a sync while one runs waits for it and then
/// shares the next with all others that wait (group commit). Safe from many threads.
/// </summary>
/// <remarks>
/// Invariants: the durable LSN only grows, and never past the applied one. Packs are synced in their order, so that what
/// is durable is always a beginning of the log plus loose ends. After a failed sync nothing is ever acknowledged again:
/// the kernel may have dropped what it could not write (P2).
/// </remarks>
internal sealed class LogSync
{
    private readonly PackSet _packs;
    private readonly Lock _stateLock = new();
    private readonly List<OpenPack> _unsynced = []; // guarded by _stateLock; ascending, the last is the one being written
    private readonly object _turn = new(); // a monitor, for its Wait
    private bool _areNamesUnsynced; // guarded by _stateLock
    private bool _isSyncing; // guarded by _turn
    private ulong _appliedLsn;
    private ulong _durableLsn;
    private long _syncCount;
    private StoreFailedException? _failure;

    /// <summary>State of a log that is durable up to <paramref name="durableLsn"/> and ends there.</summary>
    public LogSync(PackSet packs, ulong durableLsn)
    {
        _packs = packs;
        _appliedLsn = durableLsn;
        _durableLsn = durableLsn;
    }

    /// <summary>Everything up to this LSN is durable.</summary>
    public ulong DurableLsn => Volatile.Read(ref _durableLsn);

    /// <summary>Everything up to this LSN is written and applied.</summary>
    public ulong AppliedLsn => Volatile.Read(ref _appliedLsn);

    /// <summary>How many syncs there were.</summary>
    public long SyncCount => Interlocked.Read(ref _syncCount);

    /// <summary>Why the log accepts nothing more, or null.</summary>
    public StoreFailedException? Failure => Volatile.Read(ref _failure);

    /// <summary>A pack that will be written from now on.</summary>
    public void Begin(OpenPack pack)
    {
        lock (_stateLock)
        {
            _unsynced.Add(pack);
            _areNamesUnsynced = true;
        }
    }

    /// <summary>The batch <paramref name="lsn"/>, which ends at <paramref name="end"/> of the pack, is written and applied.</summary>
    public void Applied(OpenPack pack, ulong lsn, long end)
    {
        lock (_stateLock)
        {
            pack.LastLsn = lsn;
            pack.End = end;
            Volatile.Write(ref _appliedLsn, lsn);
        }
    }

    /// <summary>The pack is sealed and durable; no sync touches its file any more when this returns.</summary>
    public void End(OpenPack pack)
    {
        lock (_turn)
        {
            while (_isSyncing)
            {
                Monitor.Wait(_turn);
            }

            lock (_stateLock)
            {
                _unsynced.Remove(pack);
            }
        }
    }

    /// <summary>Ends the log's life; the first reason is kept.</summary>
    public StoreFailedException Fail(string operation, Exception cause)
    {
        var failure = new StoreFailedException(
            $"{operation} failed, nothing more is accepted until the log is reopened and recovered: {cause.Message}", cause);
        return Interlocked.CompareExchange(ref _failure, failure, null) ?? failure;
    }

    /// <summary>Throws if the log has failed.</summary>
    public void ThrowIfFailed()
    {
        if (Failure is { } failure)
        {
            throw new StoreFailedException(failure.Message, failure);
        }
    }

    /// <summary>Returns when everything up to <paramref name="lsn"/> is durable.</summary>
    /// <exception cref="StoreFailedException">A write or sync failed, now or before.</exception>
    public void SyncThrough(ulong lsn)
    {
        Invariant.Require(lsn <= AppliedLsn, "only what was applied is made durable");
        lock (_turn)
        {
            while (true)
            {
                ThrowIfFailed();
                if (DurableLsn >= lsn)
                {
                    return;
                }

                if (!_isSyncing)
                {
                    _isSyncing = true;
                    break;
                }

                Monitor.Wait(_turn);
            }
        }

        try
        {
            Sync();
        }
        finally
        {
            lock (_turn)
            {
                _isSyncing = false;
                Monitor.PulseAll(_turn);
            }
        }
    }

    private void Sync()
    {
        ulong target;
        OpenPack[] packs;
        bool syncNames;
        lock (_stateLock)
        {
            target = _appliedLsn;
            packs = [.. _unsynced];
            syncNames = _areNamesUnsynced;
            _areNamesUnsynced = false;
        }

        try
        {
            foreach (OpenPack pack in packs)
            {
                pack.File.SyncData();
            }

            if (syncNames)
            {
                _packs.SyncNames();
            }
        }
        catch (Exception e)
        {
            throw Fail("a sync of the log", e);
        }

        lock (_stateLock)
        {
            // A pack that another follows in the list as it was then has got nothing since.
            _unsynced.RemoveRange(0, Math.Max(0, packs.Length - 1));
            Volatile.Write(ref _durableLsn, target);
            Interlocked.Increment(ref _syncCount);
        }
    }
}
