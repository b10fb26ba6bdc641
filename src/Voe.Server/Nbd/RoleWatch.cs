using System.Diagnostics;

namespace Voe.Server.Nbd;

/// <summary>
/// Sees to it that no worker keeps the reader role of its connection while a device holds it for long. Nearly all groups of
/// requests are quick, so a worker keeps the role while it handles one, which costs nothing; this thread looks around
/// every other millisecond and passes on the roles of those that are not.
/// </summary>
/// <remarks>
/// While nobody is at work the thread sleeps, and the next worker that begins a group wakes it. Safe from many threads.
/// </remarks>
internal sealed class RoleWatch : IDisposable
{
    private const int PeriodMs = 2;

    // Looks without anybody at work before it sleeps: 50 ms.
    private const int QuietLooks = 25;

    private static readonly long LongTicks = Stopwatch.Frequency / 1000;

    private readonly Lock _gate = new();
    private readonly object _sleepGate = new();
    private readonly Thread _thread;
    private NbdConnection[] _connections = [];
    private bool _isSleeping = true;
    private volatile bool _isDisposed;

    /// <summary>Starts the thread, which sleeps at first.</summary>
    public RoleWatch()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "nbd-watch" };
        _thread.Start();
    }

    /// <summary>Watches a connection from now on.</summary>
    public void Add(NbdConnection connection)
    {
        lock (_gate)
        {
            _connections = [.. _connections, connection];
        }
    }

    /// <summary>Watches it no more.</summary>
    public void Remove(NbdConnection connection)
    {
        lock (_gate)
        {
            _connections = [.. _connections.Where(other => other != connection)];
        }
    }

    /// <summary>A worker has begun a group: the thread must not sleep. Called after the connection shows it.</summary>
    public void NoteWork()
    {
        // The barrier stands between "the group is visible" and "does the watch sleep?"; the watch has its like.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isSleeping))
        {
            Wake();
        }
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        Wake();
        _thread.Join();
    }

    private void Wake()
    {
        lock (_sleepGate)
        {
            Volatile.Write(ref _isSleeping, value: false);
            Monitor.Pulse(_sleepGate);
        }
    }

    private void Run()
    {
        int quietLooks = 0;
        while (!_isDisposed)
        {
            lock (_sleepGate)
            {
                while (_isSleeping)
                {
                    Monitor.Wait(_sleepGate);
                    quietLooks = 0;
                }

                Monitor.Wait(_sleepGate, PeriodMs);
            }

            quietLooks = IsAnybodyAtWork() ? 0 : quietLooks + 1;
            if (quietLooks >= QuietLooks)
            {
                quietLooks = 0;
                Volatile.Write(ref _isSleeping, value: !_isDisposed);
                Interlocked.MemoryBarrier();
                if (_isDisposed || IsAnybodyAtWork())
                {
                    Volatile.Write(ref _isSleeping, value: false);
                }
            }
        }
    }

    private bool IsAnybodyAtWork()
    {
        bool isAnybody = false;
        long now = Stopwatch.GetTimestamp();
        foreach (NbdConnection connection in Volatile.Read(ref _connections))
        {
            long since = connection.GroupSince;
            if (since != 0)
            {
                isAnybody = true;
                if (now - since > LongTicks)
                {
                    connection.PassRoleOfSlowHolder(since);
                }
            }
        }

        return isAnybody;
    }
}
