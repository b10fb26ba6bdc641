using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Voe.Server.Nbd;

/// <summary>Accepts connections at one address. Start it once, stop it once; both from any thread.</summary>
internal sealed class NbdListener : IDisposable
{
    private const int Backlog = 128;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly NbdResources _resources;
    private readonly NbdConnectionSet _connections;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _socket;
    private Task _accepting = Task.CompletedTask;

    /// <summary>Binds to the address and listens; connections are accepted from <see cref="Start"/> on.</summary>
    /// <exception cref="SocketException">The address cannot be had.</exception>
    /// <exception cref="IOException">The path of a unix socket is taken, by a living server or by another kind of file.</exception>
    public NbdListener(NbdEndPoint endPoint, NbdResources resources, NbdConnectionSet connections)
    {
        _resources = resources;
        _connections = connections;
        _socket = Listen(endPoint);
        EndPoint = endPoint.UnixPath is not null ? endPoint : new NbdEndPoint(_socket.LocalEndPoint!);
    }

    /// <summary>Takes over a socket that listens already; connections are accepted from <see cref="Start"/> on.</summary>
    public NbdListener(Socket socket, NbdResources resources, NbdConnectionSet connections)
    {
        _resources = resources;
        _connections = connections;
        _socket = socket;
        EndPoint = NbdEndPoint.Of(socket.LocalEndPoint!);
    }

    /// <summary>The address, with the real port where any was asked for.</summary>
    public NbdEndPoint EndPoint { get; }

    /// <summary>Begins to accept.</summary>
    public void Start() => _accepting = AcceptAsync();

    /// <summary>Accepts no more. Connections that exist go on. The framework removes the file of a unix socket that it bound.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _accepting.GetAwaiter().GetResult();
        _socket.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _stop.Dispose();
    }

    private static Socket Listen(NbdEndPoint endPoint)
    {
        bool isUnix = endPoint.UnixPath is not null;
        var socket = new Socket(endPoint.EndPoint.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            if (isUnix)
            {
                RemoveStaleSocket(endPoint.UnixPath!);
            }
            else if (endPoint.EndPoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint.EndPoint);
            if (isUnix)
            {
                // Before listening: until then nobody can connect, whatever the mode.
                File.SetUnixFileMode(endPoint.UnixPath!, OwnerOnly);
            }

            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Removes the file that a dead server left behind; one of a living server, or of another kind, is an error.</summary>
    private static void RemoveStaleSocket(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused && IsSocket(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException error)
        {
            throw new IOException(
                $"{path} exists and is not the socket of a server that has gone ({error.Message}): remove it or choose another path",
                error);
        }

        throw new IOException($"{path} is in use by another server: stop that one or choose another path");
    }

    // A socket is neither a regular file (which can be opened) nor a directory; opening one fails with ENXIO.
    private static bool IsSocket(string path)
    {
        try
        {
            using var handle = File.OpenHandle(path);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket socket = await _socket.AcceptAsync(_stop.Token);
                _connections.Add(socket, EndPoint);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            // The top of a thread: a connection that cannot be had must not end those to come.
            catch (Exception error)
            {
                // Out of descriptors, or a client that left before it was accepted. Waiting a moment keeps the first
                // from becoming a busy loop.
                _resources.Logger.LogWarning("nbd: cannot accept a connection at {EndPoint}: {Error}", EndPoint, error.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _resources.Time, CancellationToken.None);
            }
        }
    }
}
