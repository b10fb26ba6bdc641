using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Admin.Protocol;
using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Admin;

/// <summary>The socket in the store's directory: its mode, what is left of a dead server, long paths.</summary>
public sealed class AdminSocketTests : IDisposable
{
    private static readonly StoreOptions Options = new() { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20 };

    private readonly TemporaryDirectory _directory = new(inMemory: true);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Only_its_owner_may_use_it_and_it_is_gone_after_a_stop()
    {
        using var bench = new AdminBench();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(bench.Server.Path));
        bench.Stop();
        Assert.False(File.Exists(bench.Server.Path));
    }

    [Fact]
    public void What_a_dead_server_left_is_replaced_and_not_taken_for_a_living_one()
    {
        string path = Path.Combine(_directory.Path, AdminSocket.FileName);
        LeaveStaleSocket(path);
        Assert.Null(RemoteAdmin.TryConnect(_directory.Path, new AdminLimits(), TimeProvider.System));
        RunServer(_directory.Path);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_file_of_another_kind_is_left_alone()
    {
        string path = Path.Combine(_directory.Path, AdminSocket.FileName);
        File.WriteAllText(path, "precious");
        IOException error = Assert.Throws<IOException>(() => RunServer(_directory.Path));
        Assert.Contains("is no socket", error.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(path));
    }

    [Fact]
    public void A_path_longer_than_an_address_works()
    {
        string path = Path.Combine(_directory.Path, new string('d', 100), new string('e', 100));
        RunServer(path);
    }

    // Binds and ends without removing the name, as a process does that is killed.
    private static void LeaveStaleSocket(string path)
    {
        string other = path + ".moved";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, other); // so that the framework does not find it when it removes what it bound
        }

        File.Move(other, path);
    }

    private static void RunServer(string directory)
    {
        using VoeStore store = VoeStore.Open(directory, Options);
        using var server = new AdminServer(
            new AdminContext(store, directory, Options, serving: null), "a test", new AdminLimits(), TimeProvider.System,
            NullLogger.Instance);
        server.Start();
        using (RemoteAdmin admin = RemoteAdmin.TryConnect(directory, new AdminLimits(), TimeProvider.System)!)
        {
            Assert.Equal(store.Id, admin.Invoke(AdminCommands.Status, new StatusRequest(), AdminSession.Plain).Id);
        }

        Assert.True(server.Stop(TimeSpan.FromSeconds(10)));
    }
}
