using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Voe.Testing;

namespace Voe.Server.Tests;

/// <summary>The real process with a real store: how it starts, what it says, how it ends.</summary>
public sealed class ServerProcessTests : IDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly TemporaryDirectory _directory = new();

    private string StorePath => Path.Combine(_directory.Path, "store");

    public void Dispose() => _directory.Dispose();

    private ServerProcess Start(params string[] arguments) => ServerProcess.Start(StorePath, ["--chunk-cache", "16MiB", .. arguments]);

    private static NbdClient Connect(ServerProcess server, string export = "") =>
        NbdClient.Connect(new UnixDomainSocketEndPoint(server.SocketPath!), export);

    [Fact]
    public void Terminated_server_ends_in_order_though_clients_stay_and_data_is_there_after_a_restart()
    {
        byte[] data = [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 31))];
        using (ServerProcess server = Start("--volume", "disk0=16MiB"))
        {
            using NbdClient writer = Connect(server);
            using NbdClient idler = Connect(server);
            using var mute = new NbdClient(new UnixDomainSocketEndPoint(server.SocketPath!));

            // One that asks for much and takes nothing.
            using NbdClient greedy = Connect(server);
            for (int i = 0; i < 8; i++)
            {
                greedy.SendRequest(NbdClient.Read, 0, 4 << 20);
            }

            Assert.Equal(0u, writer.DoWrite(12_345, data));
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, server.Stop());
            Assert.True(Stopwatch.GetElapsedTime(start) < StopLimit, server.Log);
            Assert.True(idler.IsClosedByServer());
            Assert.Contains("the store is flushed and closed", server.Log, StringComparison.Ordinal);
            Assert.False(File.Exists(server.SocketPath));
        }

        using ServerProcess again = Start();
        using NbdClient reader = Connect(again, "disk0");
        Assert.Equal(16 << 20, reader.Size);
        Assert.Equal(data, reader.DoRead(12_345, data.Length));
        Assert.Equal(0, again.Stop());
    }

    [Fact]
    public void Volume_that_exists_is_kept_as_it_is_with_a_warning()
    {
        using (ServerProcess server = Start("--volume", "disk0=1MiB"))
        {
            Assert.Equal(0, server.Stop());
        }

        using ServerProcess again = Start(
            "--volume", "disk0=2MiB,chunk-size=8K,compression=zstd:3", "--volume", "disk1=512,chunk-size=64KiB");
        using NbdClient client = Connect(again, "disk0");
        Assert.Equal(1 << 20, client.Size);
        using NbdClient small = Connect(again, "disk1");
        Assert.Equal(512, small.Size);
        Assert.Equal(0, again.Stop());
        Assert.Contains("exists with size 1 MiB, not 2 MiB", again.Log, StringComparison.Ordinal);
        Assert.Contains("exists with chunk size 4 KiB, not 8 KiB", again.Log, StringComparison.Ordinal);
        Assert.Contains("exists with compression lz4, not zstd:3", again.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Ready_line_has_all_addresses_and_the_number_of_volumes()
    {
        using ServerProcess server = Start("--volume", "a=1MiB", "--volume", "b=1MiB");
        Assert.Equal(
            $"nbd://127.0.0.1:{server.Port} (2 volumes), nbd+unix:///?socket={server.SocketPath} (2 volumes)", server.ReadyLine);
        Assert.NotEqual(0, server.Port);
    }

    [Fact]
    public void Listening_beyond_loopback_is_warned_of()
    {
        using ServerProcess server = Start("--nbd", "0.0.0.0:0", "--nbd", "[::1]:0");
        Assert.Equal(0, server.Stop());
        Assert.Single(server.Log.Split('\n'), line => line.Contains("can be reached from other machines", StringComparison.Ordinal));
    }

    [Fact]
    public void Store_that_is_in_use_or_cannot_be_one_ends_with_status_3()
    {
        using ServerProcess first = Start();
        Assert.Contains("ended with status 3", Assert.Throws<InvalidOperationException>(() => Start()).Message, StringComparison.Ordinal);
        string file = Path.Combine(_directory.Path, "file");
        File.WriteAllText(file, "no directory");
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => ServerProcess.Start(file));
        Assert.Contains("ended with status 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot open the store in " + file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Address_that_is_taken_ends_with_status_4()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        string address = taken.LocalEndPoint!.ToString()!;
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Start("--nbd", address));
        Assert.Contains("ended with status 4", error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot listen at nbd://" + address, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Command_line_that_makes_no_sense_ends_with_status_2()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Start("--volume", "x"));
        Assert.Contains("ended with status 2", error.Message, StringComparison.Ordinal);
    }
}
