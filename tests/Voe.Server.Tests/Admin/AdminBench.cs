using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Voe.Admin;
using Voe.Admin.Protocol;
using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Admin;

/// <summary>An admin server in this process, over a store of its own.</summary>
internal sealed class AdminBench : IDisposable
{
    private static readonly StoreOptions Options =
        new() { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20, Holder = "a test" };

    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private bool _isStopped;

    public AdminBench(AdminLimits? limits = null, string program = "a test 1.0")
    {
        Store = VoeStore.Open(_directory.Path, Options);
        Server = new AdminServer(
            new AdminContext(Store, _directory.Path, Options, serving: null), program, limits ?? new AdminLimits(), TimeProvider.System,
            NullLogger.Instance);
        Server.Start();
    }

    public VoeStore Store { get; }

    public AdminServer Server { get; }

    public string StorePath => _directory.Path;

    /// <summary>Names of all volumes.</summary>
    public string Names => string.Join(' ', Store.Volumes.Select(volume => volume.Name));

    /// <summary>A client that sends and receives bytes.</summary>
    public RawAdminClient Connect() => new(Path.Combine(_directory.Path, AdminSocket.FileName));

    /// <summary>A client as voe is one.</summary>
    public RemoteAdmin ConnectAsVoe() => RemoteAdmin.TryConnect(StorePath, new AdminLimits(), TimeProvider.System)!;

    /// <summary>Stops the server; all commands have ended then.</summary>
    public void Stop()
    {
        if (!_isStopped)
        {
            _isStopped = true;
            Assert.True(Server.Stop(TimeSpan.FromSeconds(20)));
        }
    }

    public void Dispose()
    {
        Stop();
        Server.Dispose();
        Store.Dispose();
        _directory.Dispose();
    }
}

/// <summary>A client of an admin socket, byte by byte. Whatever does not come within 10 s is an error.</summary>
internal sealed class RawAdminClient : IDisposable
{
    public const string Greeting = """{"hello":{"protocol":1,"server":"a test 1.0"}}""";

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };

    public RawAdminClient(string path) => _socket.Connect(new UnixDomainSocketEndPoint(path));

    public void Send(string text) => Send(Encoding.UTF8.GetBytes(text));

    public void Send(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    /// <summary>A line without its end; null when the server has closed the connection.</summary>
    public string? ReceiveLine()
    {
        var line = new List<byte>();
        Span<byte> one = stackalloc byte[1];
        while (true)
        {
            int count;
            try
            {
                count = _socket.Receive(one);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                count = 0;
            }

            if (count == 0)
            {
                return line.Count == 0 ? null : Encoding.UTF8.GetString([.. line]);
            }

            if (one[0] == '\n')
            {
                return Encoding.UTF8.GetString([.. line]);
            }

            line.Add(one[0]);
        }
    }

    public byte[] Receive(int count)
    {
        byte[] bytes = new byte[count];
        for (int done = 0; done < count;)
        {
            int received = _socket.Receive(bytes.AsSpan(done));
            Assert.NotEqual(0, received);
            done += received;
        }

        return bytes;
    }

    public void StopSending() => _socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => _socket.Dispose();
}
