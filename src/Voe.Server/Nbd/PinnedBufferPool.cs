using System.Numerics;

namespace Voe.Server.Nbd;

/// <summary>
/// Pinned byte arrays, lent out and taken back. What is lent out at one time is bounded over all connections: who asks
/// for more waits for its turn (first come, first served, so that a large request is not starved by small ones). That
/// is the server's backpressure: a reader that waits here reads no further requests.
/// </summary>
/// <remarks>
/// Safe from many threads. A lender never waits for the same pool while it holds a buffer of it, which keeps the pool
/// free of deadlock. Buffers come back dirty; the last one returned is lent first, since it is still in the caches.
/// </remarks>
internal sealed class PinnedBufferPool
{
    /// <summary>Usable size of the smallest buffer: 1 MiB, and room for headers around a payload of that size.</summary>
    public const int StandardSize = (1 << 20) + Slack;

    private const int Slack = 64 << 10;
    private const int ClassCount = 6;
    private const long MaxKept = 64L << 20;

    private readonly object _gate = new();
    private readonly long _limit;

    // All guarded by _gate. A buffer of class k has (StandardSize - Slack) << k, and Slack, bytes.
    private readonly Stack<byte[]>[] _free = new Stack<byte[]>[ClassCount];
    private long _lent;
    private long _kept;
    private long _nextTicket;
    private long _servedTicket;

    /// <summary>A pool that lends at most <paramref name="limit"/> bytes at a time, and at least one buffer of the largest size.</summary>
    public PinnedBufferPool(long limit)
    {
        _limit = Math.Max(limit, SizeOfClass(ClassCount - 1));
        for (int i = 0; i < ClassCount; i++)
        {
            _free[i] = new Stack<byte[]>();
        }
    }

    /// <summary>The largest buffer that can be asked for: a payload of 32 MiB and its header.</summary>
    public static int MaxSize => SizeOfClass(ClassCount - 1);

    /// <summary>Whether somebody waits for a buffer now.</summary>
    public bool HasWaiters => Interlocked.Read(ref _nextTicket) != Interlocked.Read(ref _servedTicket);

    /// <summary>Bytes lent out now.</summary>
    public long Lent
    {
        get
        {
            lock (_gate)
            {
                return _lent;
            }
        }
    }

    /// <summary>Lends a buffer of at least that many bytes (<see cref="MaxSize"/> at most); waits while too much is lent out.</summary>
    public byte[] Rent(int size = StandardSize)
    {
        int sizeClass = ClassOf(size);
        lock (_gate)
        {
            long ticket = _nextTicket++;
            while (ticket != _servedTicket || _lent + SizeOfClass(sizeClass) > _limit)
            {
                Monitor.Wait(_gate);
            }

            _servedTicket++;
            if (HasWaiters)
            {
                Monitor.PulseAll(_gate);
            }

            return Take(sizeClass);
        }
    }

    /// <summary>Lends a buffer of <see cref="StandardSize"/> if that needs no waiting; null otherwise.</summary>
    public byte[]? TryRent()
    {
        lock (_gate)
        {
            return HasWaiters || _lent + StandardSize > _limit ? null : Take(0);
        }
    }

    /// <summary>Takes back a buffer of this pool, once.</summary>
    public void Return(byte[] buffer)
    {
        int sizeClass = ClassOf(buffer.Length);
        lock (_gate)
        {
            _lent -= buffer.Length;
            if (_kept + buffer.Length <= MaxKept)
            {
                _kept += buffer.Length;
                _free[sizeClass].Push(buffer);
            }

            if (HasWaiters)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    private static int SizeOfClass(int sizeClass) => ((StandardSize - Slack) << sizeClass) + Slack;

    private static int ClassOf(int size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MaxSize);
        return size <= StandardSize ? 0 : BitOperations.Log2((uint)(size - Slack - 1) / (StandardSize - Slack)) + 1;
    }

    private byte[] Take(int sizeClass)
    {
        _lent += SizeOfClass(sizeClass);
        if (_free[sizeClass].TryPop(out byte[]? buffer))
        {
            _kept -= buffer.Length;
            return buffer;
        }

        return GC.AllocateUninitializedArray<byte>(SizeOfClass(sizeClass), pinned: true);
    }
}
