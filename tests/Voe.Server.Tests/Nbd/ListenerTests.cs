using System.Net;
using System.Net.Sockets;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class ListenerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly CollectingLogger _log = new();

    private string SocketPath => Path.Combine(_directory.Path, "s");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Unix_socket_is_for_its_owner_alone()
    {
        using NbdServer server = Listen("unix:" + SocketPath);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
    }

    [Fact]
    public void Socket_file_of_a_dead_server_is_replaced()
    {
        LeaveDeadSocket();
        using NbdServer server = Listen("unix:" + SocketPath);
        using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(SocketPath), "");
        Assert.Equal(512, client.Size);
    }

    [Fact]
    public void Socket_of_a_living_server_is_left_alone()
    {
        using NbdServer first = Listen("unix:" + SocketPath);
        ListenException error = Assert.Throws<ListenException>(() => Listen("unix:" + SocketPath));
        Assert.Contains("in use by another server", error.Message, StringComparison.Ordinal);
        using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(SocketPath), "");
        Assert.Equal(512, client.Size);
    }

    [Fact]
    public void File_that_is_no_socket_is_left_alone()
    {
        File.WriteAllText(SocketPath, "precious");
        Assert.Throws<ListenException>(() => Listen("unix:" + SocketPath));
        Assert.Equal("precious", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void Port_zero_becomes_a_real_port()
    {
        using NbdServer server = Listen("127.0.0.1:0");
        Assert.NotEqual(0, Assert.IsType<IPEndPoint>(server.EndPoints[0].EndPoint).Port);
        using NbdClient client = NbdClient.Connect(server.EndPoints[0].EndPoint, "");
        Assert.Equal(512, client.Size);
    }

    [Fact]
    public void Port_that_is_taken_is_an_error_that_names_it_and_frees_the_others()
    {
        using NbdServer first = Listen("127.0.0.1:0");
        string taken = first.EndPoints[0].ToString()["nbd://".Length..];
        ListenException error = Assert.Throws<ListenException>(() => Listen("unix:" + SocketPath, taken));
        Assert.Contains(taken, error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(SocketPath));
    }

    private NbdServer Listen(params string[] addresses)
    {
        var exports = new ExportTable();
        exports.TryAdd(new Export("d", new MemoryDevice(512), ""));
        var server = new NbdServer(addresses.Select(Parse), exports, new NbdLimits(), _log, TimeProvider.System);
        server.Start();
        return server;
    }

    private static NbdEndPoint Parse(string text) =>
        NbdEndPoint.TryParse(text, out NbdEndPoint? endPoint, out string error)
            ? endPoint
            : throw new ArgumentException(error, nameof(text));

    /// <summary>The file of a socket that nobody listens on: what a killed server leaves. The framework would remove its own.</summary>
    private void LeaveDeadSocket()
    {
        string bound = Path.Combine(_directory.Path, "bound");
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(bound));
            File.Move(bound, SocketPath);
        }

        Assert.True(File.Exists(SocketPath));
    }
}
