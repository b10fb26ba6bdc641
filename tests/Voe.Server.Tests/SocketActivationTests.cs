using System.Net;
using System.Net.Sockets;
using Voe.Testing;

namespace Voe.Server.Tests;

/// <summary>Sockets that whoever starts the process listens at for it, as systemd does: sd_listen_fds(3).</summary>
public sealed class SocketActivationTests : IDisposable
{
    // Listens as systemd would, sets the variables, and becomes the server. What it is told to pass: tcp, unix:PATH, file, or
    // bound, which does not listen.
    private const string Launcher = """
        import os, socket, sys
        kinds, pid, command = sys.argv[1].split(','), sys.argv[2], sys.argv[3:]
        kept = []
        for kind in kinds:
            if kind == 'file':
                kept.append(os.open('/dev/null', os.O_RDONLY))
                continue
            s = socket.socket(socket.AF_UNIX if kind.startswith('unix:') else socket.AF_INET)
            s.bind(kind[5:] if kind.startswith('unix:') else ('127.0.0.1', 0))
            if kind != 'bound':
                s.listen()
            kept.append(s.detach())
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(kept)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.environ['LISTEN_PID'] = str(os.getpid()) if pid == 'own' else pid
        os.environ['LISTEN_FDS'] = str(len(kinds))
        os.environ['LISTEN_FDNAMES'] = ':'.join('name%d' % i for i in range(len(kinds)))
        os.execvp(command[0], command)
        """;

    private readonly TemporaryDirectory _directory = new();

    private string SocketPath => Path.Combine(_directory.Path, "nbd");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Sockets_that_were_passed_take_the_place_of_the_standard_address()
    {
        using ServerProcess server = Start($"tcp,unix:{SocketPath}", "own");
        Assert.Contains($"nbd+unix:///?socket={SocketPath} (1 volume)", server.ReadyLine, StringComparison.Ordinal);
        Assert.Equal(2, server.ReadyLine.Split(", ").Length);
        Assert.NotEqual(10809, server.Port);
        using NbdClient tcp = NbdClient.Connect(new IPEndPoint(IPAddress.Loopback, server.Port), "disk0");
        using NbdClient unix = NbdClient.Connect(new UnixDomainSocketEndPoint(SocketPath), "disk0");
        Assert.Equal(0u, tcp.DoWrite(4096, [1, 2, 3]));
        Assert.Equal([1, 2, 3], unix.DoRead(4096, 3));
        Assert.Equal(0, server.Stop());

        // The file belongs to whoever made it.
        Assert.True(File.Exists(SocketPath));
    }

    [Fact]
    public void Addresses_that_were_said_are_listened_at_too()
    {
        string other = Path.Combine(_directory.Path, "other");
        using ServerProcess server = Start("tcp", "own", "--nbd", "unix:" + other);
        using NbdClient passed = NbdClient.Connect(new IPEndPoint(IPAddress.Loopback, server.Port), "disk0");
        using NbdClient said = NbdClient.Connect(new UnixDomainSocketEndPoint(other), "disk0");
        Assert.Equal(passed.Size, said.Size);
    }

    [Fact]
    public void Sockets_for_another_process_are_left_alone()
    {
        using ServerProcess server = Start("tcp", "1", "--nbd", "unix:" + SocketPath);
        Assert.Equal($"nbd+unix:///?socket={SocketPath} (1 volume)", server.ReadyLine);
    }

    [Theory]
    [InlineData("file", "is none")]
    [InlineData("tcp,bound", "Accept=no")]
    public void Descriptor_that_is_no_listening_socket_is_named_with_the_reason(string kinds, string reason)
    {
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => Start(kinds, "own"));
        Assert.Contains("ended with status 4", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"descriptor {2 + kinds.Split(',').Length}", failure.Message, StringComparison.Ordinal);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
    }

    private ServerProcess Start(string kinds, string pid, params string[] arguments) => ServerProcess.StartThrough(
        ["/usr/bin/python3", "-c", Launcher, kinds, pid],
        ["--store", Path.Combine(_directory.Path, "store"), "--volume", "disk0=16MiB", "--chunk-cache", "16MiB", .. arguments]);
}
