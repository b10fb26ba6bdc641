using Voe.Store.Packs;

namespace Voe.Store.Log;

/// <summary>
/// Seals full packs on a thread of its own: makes them durable, reads them back, writes the footer. Few may wait, so
/// what is dirty in memory stays bounded. A crash at any step leaves a pack without a footer, which is read batch by
/// batch and sealed by the next start.
/// </summary>
internal sealed class PackSealer
{
    private const int MaxWaiting = 4;
    private const int RetryIntervalMs = 1000;

    private readonly PackSet _packs;
    private readonly LogSync _sync;
    private readonly Thread? _thread;
    private readonly object _queueMonitor = new();
    private readonly Queue<OpenPack> _queue = []; // guarded by _queueMonitor; the first is the one in work
    private StoreFullException? _full; // guarded by _queueMonitor; why the last attempt failed
    private bool _isStopping; // guarded by _queueMonitor
    private bool _waitsForSeals; // guarded by _queueMonitor

    /// <summary>A sealer; <paramref name="isSynchronous"/> seals in <see cref="Add"/> instead of on a thread.</summary>
    public PackSealer(PackSet packs, LogSync sync, bool isSynchronous)
    {
        _packs = packs;
        _sync = sync;
        if (!isSynchronous)
        {
            _thread = new Thread(Run) { Name = "voe-seal", IsBackground = true };
            _thread.Start();
        }
    }

    /// <summary>Hands over a pack that gets no more batches. Waits while too many are waiting.</summary>
    /// <exception cref="StoreFullException">The disk has no room for footers; the pack was not taken.</exception>
    public void Add(OpenPack pack)
    {
        if (_thread is null)
        {
            SealWaiting(); // those that found no room before
        }

        lock (_queueMonitor)
        {
            while (_queue.Count >= MaxWaiting)
            {
                _sync.ThrowIfFailed();
                if (_full is { } full)
                {
                    Monitor.PulseAll(_queueMonitor); // another attempt
                    throw new StoreFullException($"packs cannot be sealed: {full.Message}", full);
                }

                Monitor.Wait(_queueMonitor);
            }

            _queue.Enqueue(pack);
            Monitor.PulseAll(_queueMonitor);
        }

        if (_thread is null)
        {
            SealWaiting();
        }
    }

    /// <summary>Ends the thread: after all waiting packs were tried, or after the one in work.</summary>
    public void Stop(bool waitForSeals)
    {
        lock (_queueMonitor)
        {
            _isStopping = true;
            _waitsForSeals = waitForSeals;
            Monitor.PulseAll(_queueMonitor);
        }

        _thread?.Join();
    }

    private void Run()
    {
        while (WaitForWork() && SealWaiting())
        {
        }
    }

    private bool WaitForWork()
    {
        lock (_queueMonitor)
        {
            while (_queue.Count == 0 && !_isStopping)
            {
                Monitor.Wait(_queueMonitor);
            }

            if (_full is not null && !_isStopping)
            {
                Monitor.Wait(_queueMonitor, RetryIntervalMs); // perhaps there is room then
            }

            return _queue.Count > 0 && (!_isStopping || (_waitsForSeals && _full is null));
        }
    }

    // Seals what waits, in order. False when the log has failed.
    private bool SealWaiting()
    {
        while (true)
        {
            OpenPack? pack;
            lock (_queueMonitor)
            {
                if (!_queue.TryPeek(out pack) || (_isStopping && !_waitsForSeals))
                {
                    return true;
                }
            }

            StoreFullException? full = null;
            try
            {
                Seal(pack);
            }
            catch (StoreFullException e)
            {
                full = e;
            }
            catch (StoreFailedException)
            {
                WakeWaiters();
                return false;
            }
            catch (Exception e)
            {
                _ = _sync.Fail($"sealing pack {pack.Id}", e);
                WakeWaiters();
                return false;
            }

            lock (_queueMonitor)
            {
                _full = full;
                if (full is null)
                {
                    _queue.Dequeue();
                }

                Monitor.PulseAll(_queueMonitor);
                if (full is not null)
                {
                    return true;
                }
            }
        }
    }

    private void WakeWaiters()
    {
        lock (_queueMonitor)
        {
            Monitor.PulseAll(_queueMonitor);
        }
    }

    private void Seal(OpenPack pack)
    {
        _sync.SyncThrough(pack.LastLsn); // a footer promises that the pack is durable
        (byte[] body, PackFooter footer) = FooterBuilder.Build(pack);
        byte[] trailer = new byte[PackFooter.Size];
        footer.Write(trailer);

        // The length first: a process that dies in between leaves no footer, or a whole one where it is looked for.
        pack.File.SetLength(pack.End + footer.BodyLength + PackFooter.Size);
        pack.File.Write(body.AsSpan(0, footer.BodyLength), pack.End);
        pack.File.SyncData(); // so that a loss of power never leaves a trailer whose body is torn
        pack.File.Write([trailer.AsMemory()], pack.End + footer.BodyLength);
        pack.File.SyncData();
        _sync.End(pack);
        _packs.EndWriting(pack.Id);
    }
}
