using Voe.Server.Tests.Nbd;
using Voe.Store;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Server.Tests.Admin;

/// <summary>A volume that is deleted while a client has it attached.</summary>
public sealed class DeletedVolumeTests : IDisposable
{
    private const uint Shutdown = 108;

    private readonly TemporaryDirectory _directory = new(inMemory: true);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Its_clients_get_ESHUTDOWN_for_whatever_they_ask()
    {
        using VoeStore store = VoeStore.Open(
            _directory.Path, new StoreOptions { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20 });
        Volume volume = store.CreateVolume("a", 1 << 20);
        using var server = new TestServer(("a", volume));
        using NbdClient client = NbdClient.Connect(server.Unix, "a");
        Assert.Equal(0u, client.DoWrite(0, "VoE"u8));
        volume.Delete();
        Assert.Equal(Shutdown, client.DoWrite(0, "VoE"u8));
        Assert.Equal(Shutdown, client.DoWrite(0, new byte[512 << 10], NbdClient.Fua));
        Assert.Equal(Shutdown, client.Do(NbdClient.Trim, 0, 4096).Error);
        Assert.Equal(Shutdown, client.Do(NbdClient.WriteZeroes, 0, 4096).Error);
        Assert.Equal(Shutdown, client.Do(NbdClient.Read, 0, 4096).Error);
    }
}
