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
        using TestServer server = Server(device);
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
            .. NbdClient.Request(NbdClient.Cache, 0, 4096, 8),
        ];
        RequireNothingAllocated(device, client, batch, replyCount: null, replyLength: (8 * 16) + 4096 + 100_000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Requests_with_replies_in_chunks_allocate_nothing_either(bool isExtended)
    {
        var device = new MeasuringDevice();
        using TestServer server = Server(device);
        using NbdClient client = isExtended
            ? NbdClient.ConnectExtended(server.Unix, "d", "base:allocation")
            : NbdClient.ConnectStructured(server.Unix, "d", "base:allocation");
        (ushort Command, long Offset, int Length, byte[] Payload)[] requests =
        [
            (NbdClient.Write, 0, 4096, [.. Enumerable.Repeat((byte)1, 4096)]),
            (NbdClient.Read, 0, 4096, []),
            (NbdClient.Read, 0, 200_000, []),
            (NbdClient.Read, 500_000, 100_000, []),
            (NbdClient.WriteZeroes, 300_000, 4096, []),
            (NbdClient.Read, long.MaxValue, 4096, []),
            (NbdClient.BlockStatus, 0, 1 << 20, []),
        ];
        byte[] batch = [.. requests.SelectMany((request, i) => isExtended
            ? NbdClient.ExtendedRequest(
                request.Command, (ulong)request.Offset, (ulong)request.Length, (ulong)i,
                request.Payload.Length > 0 ? NbdClient.PayloadLength : (ushort)0, request.Payload)
            : NbdClient.Request(request.Command, (ulong)request.Offset, (uint)request.Length, (ulong)i, 0, request.Payload))];
        RequireNothingAllocated(device, client, batch, requests.Length, replyLength: 0);
    }

    private static TestServer Server(MeasuringDevice device) => new(new NbdLimits { MaxWorkersPerConnection = 1 }, ("d", device));

    private static void RequireNothingAllocated(MeasuringDevice device, NbdClient client, byte[] batch, int? replyCount, int replyLength)
    {
        byte[] replies = new byte[replyLength];
        for (int i = 0; i < Rounds; i++)
        {
            if (i == WarmUp)
            {
                device.BeginMeasuring();
            }

            client.Send(batch);
            client.ReceiveInto(replies);
            for (int left = replyCount ?? 0; left > 0;)
            {
                left -= client.ReceiveChunk().IsDone ? 1 : 0;
            }
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

        public int GetExtents(long offset, long length, Span<DeviceExtent> extents)
        {
            Measure();
            return _inner.GetExtents(offset, length, extents);
        }

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
