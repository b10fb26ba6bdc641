using System.Net.Sockets;
using Voe.Testing;

namespace Voe.Server.Tests;

/// <summary>The real process with a configuration file: what its targets export.</summary>
public sealed class TargetTests : IDisposable
{
    private const int Eperm = 1;

    private readonly TemporaryDirectory _directory = new();

    private string Image => Path.Combine(_directory.Path, "image");

    public void Dispose() => _directory.Dispose();

    private ServerProcess Start(string targets, params string[] arguments)
    {
        string path = Path.Combine(_directory.Path, "voe.toml");
        File.WriteAllText(path, $"""
            [store]
            path = "{Path.Combine(_directory.Path, "store")}"
            chunk-cache = "16MiB"
            [[volume]]
            name = "disk0"
            size = "16MiB"
            [[volume]]
            name = "golden"
            size = "8MiB"
            {targets}
            """);
        return ServerProcess.Start([], ["--config", path, .. arguments]);
    }

    private void FailsToStart(int status, string reason, string targets)
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Start(targets));
        Assert.Contains($"ended with status {status}", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private static NbdClient Connect(ServerProcess server, string export) =>
        NbdClient.Connect(new UnixDomainSocketEndPoint(server.SocketPath!), export);

    [Fact]
    public void File_is_created_served_and_keeps_its_data()
    {
        string targets = $"""
            [[target]]
            name = "scratch"
            backend = "file"
            path = "{Image}"
            size = "4MiB"
            """;
        using (ServerProcess server = Start(targets))
        {
            Assert.Contains("(3 exports)", server.ReadyLine, StringComparison.Ordinal);
            using NbdClient client = Connect(server, "scratch");
            Assert.Equal(4 << 20, client.Size);
            Assert.Equal(0u, client.DoWrite(4095, new byte[] { 1, 2, 3 }, NbdClient.Fua));
            Assert.Equal(0, server.Stop());
            Assert.Contains($"file {Image} created: 4 MiB", server.Log, StringComparison.Ordinal);
        }

        Assert.Equal([1, 2, 3], File.ReadAllBytes(Image)[4095..4098]);
        using ServerProcess again = Start(targets.Replace("4MiB", "8MiB\"\ndirect = true #", StringComparison.Ordinal));
        using NbdClient reader = Connect(again, "scratch");
        Assert.Equal([0, 1, 2, 3, 0], reader.DoRead(4094, 5));
        Assert.Equal(0u, reader.DoWrite(4094, new byte[] { 9 }));
        Assert.Equal([9, 1], reader.DoRead(4094, 2));
        Assert.Equal(0, again.Stop());
        Assert.Contains($"file {Image} exists with size 4 MiB, not 8 MiB", again.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Volume_that_a_read_only_target_names_cannot_be_written_to_at_all()
    {
        using ServerProcess server = Start("""
            [[target]]
            name = "boot"
            volume = "golden"
            read-only = true
            default = true
            """);
        using NbdClient boot = Connect(server, "");
        Assert.Equal(8 << 20, boot.Size);
        Assert.Equal((uint)Eperm, boot.DoWrite(0, new byte[512]));
        Assert.Equal((uint)Eperm, boot.Do(NbdClient.Trim, 0, 4096).Error);
        Assert.Equal(new byte[512], boot.DoRead(0, 512));
        Assert.Throws<InvalidOperationException>(() => Connect(server, "golden"));
        using NbdClient disk = Connect(server, "disk0");
        Assert.Equal(0u, disk.DoWrite(0, new byte[512]));
    }

    [Fact]
    public void Read_only_server_lets_nobody_write()
    {
        File.WriteAllBytes(Image, new byte[1 << 20]);
        File.SetUnixFileMode(Image, UnixFileMode.UserRead);
        string targets = $"[[target]]\nname = \"image\"\nbackend = \"file\"\npath = \"{Image}\"";
        using ServerProcess server = Start(targets, "--read-only");
        foreach (string export in (string[])["disk0", "golden", "image"])
        {
            using NbdClient client = Connect(server, export);
            Assert.NotEqual(0, client.TransmissionFlags & 2); // NBD_FLAG_READ_ONLY
            Assert.Equal((uint)Eperm, client.DoWrite(0, new byte[512]));
            Assert.Equal(new byte[512], client.DoRead(0, 512));
        }
    }

    [Fact]
    public void Only_targets_are_exported_without_export_volumes()
    {
        using ServerProcess server = Start("[[target]]\nname = \"other\"\nvolume = \"disk0\"\n[server]\nexport-volumes = false");
        Assert.Contains("(1 export)", server.ReadyLine, StringComparison.Ordinal);
        using NbdClient client = Connect(server, "");
        Assert.Equal(16 << 20, client.Size);
    }

    [Fact]
    public void Target_that_cannot_be_ends_the_start_with_its_line()
    {
        FailsToStart(ExitStatus.Store, "voe.toml:10: [[target]] 1 \"x\": there is no volume \"x\"; the store has: disk0, golden",
            "[[target]]\nname = \"x\"");
        FailsToStart(ExitStatus.Store, "No such file", $"[[target]]\nname = \"x\"\nbackend = \"file\"\npath = \"{Image}\"");
        FailsToStart(ExitStatus.Store, "no block device", "[[target]]\nname = \"x\"\nbackend = \"device\"\npath = \"/dev/null\"");
        FailsToStart(ExitStatus.Usage, "the volume of that name is exported too", "[[target]]\nname = \"disk0\"\nvolume = \"golden\"");
    }

    [Fact]
    public void Target_with_the_name_of_a_volume_that_only_the_store_knows_ends_the_start()
    {
        using (ServerProcess server = Start("[[volume]]\nname = \"old\"\nsize = 512"))
        {
            Assert.Equal(0, server.Stop());
        }

        FailsToStart(ExitStatus.Usage, "voe.toml:10: [[target]] 1: the store has a volume \"old\", which is exported too",
            "[[target]]\nname = \"old\"\nvolume = \"disk0\"");
    }
}
