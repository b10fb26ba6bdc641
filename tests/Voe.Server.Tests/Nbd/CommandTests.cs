using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>CACHE, and WRITE_ZEROES with FAST_ZERO: what reaches the device, and what does not.</summary>
public sealed class CommandTests
{
    private const int MiB = 1 << 20;
    private const uint NotSupported = 95;

    private readonly MemoryDevice _device = new(16 * MiB);

    [Fact]
    public void Cache_prefetches_its_range_in_pieces_before_it_is_answered()
    {
        var pieces = new List<(long, long)>();
        _device.BeforePrefetch = (offset, length) => pieces.Add((offset, length));
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.Do(NbdClient.Cache, 100, 9 * MiB).Error);
        Assert.Equal([(100L, 4L * MiB), (100 + (4 * MiB), 4L * MiB), (100 + (8 * MiB), 1L * MiB)], pieces);
        Assert.Equal(0u, client.Do(NbdClient.Cache, 0, 0, NbdClient.Fua).Error);
        Assert.Equal(0, _device.ReadCallCount);
    }

    [Fact]
    public void Cache_that_fails_is_answered_with_the_error()
    {
        _device.BeforePrefetch = static (_, _) => throw new Store.StoreDamagedException("pack 17");
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(5u, client.Do(NbdClient.Cache, 0, 4096).Error);
        Assert.Equal(0u, client.DoWrite(0, [1]));
    }

    [Fact]
    public void Cache_does_not_hold_up_other_requests()
    {
        using var inPrefetch = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        _device.BeforePrefetch = (_, _) =>
        {
            inPrefetch.Set();
            mayEnd.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        ulong cache = client.SendRequest(NbdClient.Cache, 0, MiB);
        inPrefetch.Wait();
        Assert.Equal([0], client.DoRead(0, 1));
        mayEnd.Set();
        Assert.Equal(cache, client.ReceiveReply().Cookie);
    }

    [Fact]
    public void Cache_ends_early_when_the_server_stops()
    {
        using var inPrefetch = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        int count = 0;
        _device.BeforePrefetch = (_, _) =>
        {
            Interlocked.Increment(ref count);
            inPrefetch.Set();
            mayEnd.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        using NbdClient later = server.Connect();
        client.SendRequest(NbdClient.Cache, 0, 16 * MiB);
        inPrefetch.Wait();
        var stopping = new Thread(() => server.Nbd.Stop(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)));
        stopping.Start();

        // Connections are told in the order in which they came, so the first one knows when the second has ended.
        Assert.True(later.IsClosedByServer());
        mayEnd.Set();
        stopping.Join();
        Assert.Equal(1, count);
    }

    [Theory]
    [InlineData(NbdClient.FastZero, true, false, true)]
    [InlineData(NbdClient.FastZero, false, true, false)]
    [InlineData(NbdClient.FastZero | NbdClient.NoHole, true, false, false)]
    [InlineData(NbdClient.FastZero | NbdClient.NoHole, false, true, true)]
    [InlineData(NbdClient.FastZero | NbdClient.Fua, true, false, true)]
    [InlineData(0, false, false, true)]
    [InlineData(NbdClient.NoHole, false, false, true)]
    public void Fast_zero_is_done_only_if_the_device_is_fast_and_else_changes_nothing(ushort flags, bool asHole, bool asData, bool isDone)
    {
        _device.FastZeroes = (asHole, asData);
        _device.Bytes.Fill(255);
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        foreach (int length in new[] { 4096, 10 * MiB })
        {
            Assert.Equal(isDone ? 0 : NotSupported, client.Do(NbdClient.WriteZeroes, MiB, length, flags).Error);
            Assert.Equal(isDone ? length : 0, _device.Bytes.Count((byte)0));
        }

        Assert.Equal((flags & NbdClient.Fua) != 0 ? 2 : 0, _device.FlushCount);
    }
}
