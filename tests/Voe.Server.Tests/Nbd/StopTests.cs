using System.Net.Sockets;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class StopTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly MemoryDevice _device = new(1 << 20);

    [Fact]
    public void Stop_answers_what_is_in_flight_and_then_closes_all_connections()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient busy = server.Connect();
        using NbdClient idle = server.Connect();
        using NbdClient choosing = server.Greeted();
        ulong flush = busy.SendRequest(NbdClient.Flush, 0, 0);
        inFlush.Wait();
        var stopping = new Thread(() => Assert.True(server.Nbd.Stop(Patience, Patience)));
        stopping.Start();
        Assert.True(idle.IsClosedByServer());
        Assert.True(choosing.IsClosedByServer());
        mayFlush.Set();
        Assert.Equal(flush, busy.ReceiveReply().Cookie);
        Assert.True(busy.IsClosedByServer());
        stopping.Join();
        Assert.Equal(0, server.Nbd.ConnectionCount);
    }

    [Fact]
    public void Client_that_takes_no_replies_does_not_hold_a_stop()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        for (int i = 0; i < 8; i++)
        {
            client.SendRequest(NbdClient.Read, 0, 1 << 20);
        }

        SpinWait.SpinUntil(() => _device.ReadCallCount > 0);
        Assert.True(server.Nbd.Stop(TimeSpan.FromMilliseconds(100), Patience));
    }

    [Fact]
    public void Device_that_holds_a_thread_does_not_hold_a_stop_beyond_its_limit()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.SendRequest(NbdClient.Flush, 0, 0);
        inFlush.Wait();
        Assert.False(server.Nbd.Stop(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(100)));
        mayFlush.Set();
    }

    [Fact]
    public void Stopped_server_takes_no_connections_and_leaves_no_socket_behind()
    {
        using var server = new TestServer(("d", _device));
        server.Nbd.Stop(Patience, Patience);
        Assert.False(File.Exists(server.SocketPath));
        Assert.ThrowsAny<SocketException>(() => new NbdClient(server.Tcp));
    }

    [Fact]
    public void All_buffers_and_threads_are_given_back_when_connections_have_ended()
    {
        using var server = new TestServer(("d", _device));
        for (int i = 0; i < 20; i++)
        {
            using NbdClient client = server.Connect();
            client.DoWrite(0, [1], NbdClient.Fua);
            client.DoRead(0, 100_000);
            client.Send(NbdClient.Request(NbdClient.Write, 0, 1000, 9).AsSpan(0, 9 + i));
        }

        Assert.True(server.Nbd.Stop(Patience, Patience));
        Assert.Equal(0, server.Nbd.Resources.ReceiveBuffers.Lent);
        Assert.Equal(0, server.Nbd.Resources.ReplyBuffers.Lent);
        Assert.Equal(0, server.Nbd.Resources.ExtraWorkerCount);
    }
}
