using Voe.Server.Nbd;
using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>In the steady state a request allocates nothing, whatever it is.</summary>
public sealed class AllocationTests
{
    private const int Rounds = 2000;
    private const int WarmUp = 200;

    [Fact]
    public void Requests_allocate_nothing_once_the_connection_is_warm()
    {
        var device = new MeasuringDevice();
        using var server = new TestServer(new NbdLimits { MaxWorkersPerConnection = 1 }, ("d", device));
        using NbdClient client = server.Connect();
        byte[] batch =
        [
            .. NbdClient.Request(NbdClient.Write, 0, 4096, 1, 0, new byte[4096]),
            .. NbdClient.Request(NbdClient.Write, 8192, 70_000, 2, 0, new byte[70_000]),
            .. NbdClient.Request(NbdClient.Read, 0, 4096, 3),
            .. NbdClient.Request(NbdClient.Read, 0, 100_000, 4),
            .. NbdClient.Request(NbdClient.Trim, 0, 4096, 5),
            .. NbdClient.Request(NbdClient.WriteZeroes, 0, 4096, 6),
            .. NbdClient.Request(NbdClient.Read, long.MaxValue, 4096, 7),
        ];
        const int ReplyLength = (7 * 16) + 4096 + 100_000;
        byte[] replies = new byte[ReplyLength];
        for (int i = 0; i < Rounds; i++)
        {
            if (i == WarmUp)
            {
                device.BeginMeasuring();
            }

            client.Send(batch);
            client.ReceiveInto(replies);
        }

        Assert.True(device.MeasuredCalls > Rounds);
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>
    /// A device that watches the thread which calls it: between two calls that thread did all that the connection does
    /// for a group of requests.
    /// </summary>
    private sealed class MeasuringDevice : IBlockDevice
    {
        [ThreadStatic]
        private static long? _threadAllocatedBefore;

        private readonly MemoryDevice _inner = new(1 << 20);
        private volatile bool _isMeasuring;
        private long _allocated;
        private int _calls;

        public long Size => _inner.Size;

        public int PreferredBlockSize => _inner.PreferredBlockSize;

        public bool IsReadOnly => false;

        public long AllocatedBytes => Interlocked.Read(ref _allocated);

        public int MeasuredCalls => Volatile.Read(ref _calls);

        public void BeginMeasuring() => _isMeasuring = true;

        public void Read(ReadOnlySpan<BlockRead> reads)
        {
            Measure();
            _inner.Read(reads);
        }

        public void Write(ReadOnlySpan<BlockWrite> writes)
        {
            Measure();
            _inner.Write(writes);
        }

        public void Flush() => Measure();

        public void Trim(long offset, long length)
        {
            Measure();
            _inner.Trim(offset, length);
        }

        public void WriteZeroes(long offset, long length, bool mayTrim)
        {
            Measure();
            _inner.WriteZeroes(offset, length, mayTrim);
        }

        public int GetExtents(long offset, long length, Span<DeviceExtent> extents) => _inner.GetExtents(offset, length, extents);

        private void Measure()
        {
            if (!_isMeasuring)
            {
                return;
            }

            long now = GC.GetAllocatedBytesForCurrentThread();
            if (_threadAllocatedBefore is not null)
            {
                Interlocked.Add(ref _allocated, now - _threadAllocatedBefore.Value);
                Interlocked.Increment(ref _calls);
            }

            _threadAllocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        }
    }
}
