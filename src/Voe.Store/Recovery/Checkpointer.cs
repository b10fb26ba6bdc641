using System.Buffers.Binary;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Recovery;

/// <summary>
/// Brings RocksDB up to date with the log, in the background: often enough that replay stays short (P7) and the index's
/// memory bounded (P8). Two steps: the changes so far are frozen in the log's order, which takes microseconds; then,
/// once the log is durable up to there, they are written.
/// </summary>
/// <remarks>
/// Invariants: RocksDB never knows of a batch that is not durable, so a power cut cannot leave it ahead of the log. At most
/// one frozen set of changes exists; who needs to freeze another waits for it. When the disk is full, writing is tried
/// again each second and whenever a writer needs the room; meanwhile writes fail once memory is used up.
/// </remarks>
internal sealed class Checkpointer : ILogObserver
{
    private const int RetryIntervalMs = 1000;
    private const uint LossesFlag = 1;

    private readonly StoreIndex _index;
    private readonly IVolumeRecords _volumes;
    private readonly long _interval;
    private readonly bool _isSynchronous;
    private readonly object _monitor = new();
    private readonly Thread? _thread;
    private LogWriter _log = null!;
    private long _bytesSinceFreeze; // the log's order
    private ulong _frozenLsn; // guarded by _monitor
    private ulong _writtenLsn; // guarded by _monitor: RocksDB has everything up to here
    private bool _isPending; // guarded by _monitor: a frozen set of changes is to be written
    private bool _isStopping; // guarded by _monitor
    private long _attempts; // guarded by _monitor
    private StoreException? _error; // guarded by _monitor: how the last attempt ended

    /// <summary>A checkpointer for an index; <see cref="Start"/> begins its work.</summary>
    public Checkpointer(StoreIndex index, IVolumeRecords volumes, long interval, bool isSynchronous)
    {
        _index = index;
        _volumes = volumes;
        _interval = interval;
        _isSynchronous = isSynchronous;
        if (!isSynchronous)
        {
            _thread = new Thread(Run) { Name = "voe-checkpoint", IsBackground = true };
        }
    }

    /// <summary>Up to which LSN RocksDB has the log, and about how many bytes of log came since. Any thread.</summary>
    public (ulong WrittenLsn, long BytesSince) Progress
    {
        get
        {
            lock (_monitor)
            {
                return (_writtenLsn, Volatile.Read(ref _bytesSinceFreeze));
            }
        }
    }

    /// <summary>
    /// Begins, with <paramref name="replayedBytes"/> bytes of log behind it that RocksDB, which has the log up to
    /// <paramref name="writtenLsn"/>, does not have.
    /// </summary>
    public void Start(LogWriter log, long replayedBytes, ulong writtenLsn)
    {
        _log = log;
        _bytesSinceFreeze = replayedBytes;
        _writtenLsn = writtenLsn;
        _thread?.Start();
    }

    /// <summary>
    /// The bytes that go with a checkpoint: the log's position, then the next volume id u32, flags u32 (1: the log has losses).
    /// </summary>
    public static byte[] EncodeState(LogPosition position, uint nextVolumeId, bool hasLosses)
    {
        byte[] state = new byte[LogPosition.Size + 8];
        position.Write(state);
        BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(LogPosition.Size), nextVolumeId);
        BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(LogPosition.Size + 4), hasLosses ? LossesFlag : 0);
        return state;
    }

    /// <summary>Reads them back; false when they are not what this program writes.</summary>
    public static bool TryDecodeState(ReadOnlySpan<byte> state, out LogPosition position, out uint nextVolumeId, out bool hasLosses)
    {
        position = default;
        nextVolumeId = 0;
        hasLosses = false;
        if (state.Length != LogPosition.Size + 8 || !LogPosition.TryRead(state[..LogPosition.Size], out position))
        {
            return false;
        }

        nextVolumeId = BinaryPrimitives.ReadUInt32LittleEndian(state[LogPosition.Size..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(state[(LogPosition.Size + 4)..]);
        hasLosses = flags == LossesFlag;
        return flags <= LossesFlag;
    }

    /// <inheritdoc/>
    public void MakeRoom(int entryCount, LogPosition end)
    {
        if (!_index.IsFull)
        {
            return;
        }

        WaitUntilWritten();
        Freeze(end);
    }

    /// <inheritdoc/>
    public void Written(long bytes, LogPosition end)
    {
        _bytesSinceFreeze += bytes;
        if (_bytesSinceFreeze >= _interval && _index.CanFreeze)
        {
            Freeze(end);
        }
    }

    /// <summary>Returns when RocksDB has everything that was applied when it was called.</summary>
    public void Checkpoint()
    {
        WaitUntilWritten();
        _log.RunInOrder(end =>
        {
            if (_index.CanFreeze && _bytesSinceFreeze > 0)
            {
                Freeze(end);
            }
        });
        WaitUntilWritten();
    }

    /// <summary>Ends the thread after the step in work. Nothing more is frozen or written.</summary>
    public void Stop()
    {
        lock (_monitor)
        {
            _isStopping = true;
            Monitor.PulseAll(_monitor);
        }

        if (_thread is { IsAlive: true })
        {
            _thread.Join();
        }
    }

    private void Freeze(LogPosition end)
    {
        _index.Freeze(EncodeState(end, _volumes.NextId, _volumes.HasLosses));
        _bytesSinceFreeze = 0;
        lock (_monitor)
        {
            _frozenLsn = end.LastLsn;
            _isPending = true;
            Monitor.PulseAll(_monitor);
        }

        if (_isSynchronous)
        {
            TryWriteFrozen();
        }
    }

    // Returns when nothing is pending; throws when an attempt that began after the call, or was under way, failed.
    private void WaitUntilWritten()
    {
        if (_isSynchronous)
        {
            TryWriteFrozen();
        }

        lock (_monitor)
        {
            long attempts = _attempts;
            Monitor.PulseAll(_monitor); // if the last attempt failed, try again now
            while (_isPending)
            {
                if (_error is { } error && (_attempts != attempts || _isSynchronous))
                {
                    string message = $"the index cannot be written: {error.Message}";
                    throw error is StoreFullException ? new StoreFullException(message, error) : new StoreIOException(message, error);
                }

                Monitor.Wait(_monitor);
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_monitor)
            {
                while (!_isPending && !_isStopping)
                {
                    Monitor.Wait(_monitor);
                }

                if (_error is not null && !_isStopping)
                {
                    Monitor.Wait(_monitor, RetryIntervalMs);
                }

                if (_isStopping)
                {
                    return;
                }
            }

            TryWriteFrozen();
        }
    }

    private void TryWriteFrozen()
    {
        ulong frozenLsn;
        lock (_monitor)
        {
            if (!_isPending)
            {
                return;
            }

            frozenLsn = _frozenLsn;
        }

        StoreException? error = null;
        try
        {
            _log.FlushThrough(frozenLsn);
            _index.WriteFrozen();
        }
        catch (Exception e)
        {
            error = e as StoreException ?? new StoreIOException($"a checkpoint failed: {e.Message}", e);
        }

        lock (_monitor)
        {
            _attempts++;
            _error = error;
            _isPending = error is not null;
            _writtenLsn = error is null ? frozenLsn : _writtenLsn;
            Monitor.PulseAll(_monitor);
        }
    }
}
