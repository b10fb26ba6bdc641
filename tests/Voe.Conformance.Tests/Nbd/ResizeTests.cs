using System.Text;
using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>A volume that voe resizes while libnbd and QEMU have it attached.</summary>
public sealed class ResizeTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private readonly ServerProcess _server;

    public ResizeTests() => _server = ServerProcess.Start(StorePath, "--chunk-cache", "16MiB", "--volume", "disk=1MiB");

    private string StorePath => Path.Combine(_directory.Path, "store");

    public void Dispose()
    {
        _server.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Libnbd_writes_beyond_the_old_end_once_the_volume_has_grown()
    {
        // One connection all the time. libnbd itself refuses what is beyond the size that it was told, unless told not to.
        string script = $"""
            import errno, subprocess
            h.set_strict_mode(h.get_strict_mode() & ~nbd.STRICT_BOUNDS)
            h.connect_uri("{_server.SocketAddress("disk")}")
            def refused(call):
                try:
                    call()
                except nbd.Error as e:
                    return e.errno
            assert refused(lambda: h.pwrite(b"x" * 4096, 1 << 20)) == "ENOSPC"
            subprocess.run({ResizeTo("4MiB")}, check=True)
            h.pwrite(b"x" * 4096, (4 << 20) - 4096, nbd.CMD_FLAG_FUA)
            assert h.pread(4096, (4 << 20) - 4096) == b"x" * 4096
            assert h.pread(4096, 2 << 20) == bytes(4096)
            subprocess.run({ResizeTo("1MiB", "--yes")}, check=True)
            assert refused(lambda: h.pread(4096, 2 << 20)) == "EINVAL"
            assert refused(lambda: h.pwrite(b"x" * 4096, 2 << 20)) == "ENOSPC"
            subprocess.run({ResizeTo("4MiB")}, check=True)
            assert h.pread(4096, (4 << 20) - 4096) == bytes(4096)
            print("as it should be")
            """;
        Assert.Contains("as it should be", ExternalTool.Run("nbdsh", "-c", script), StringComparison.Ordinal);
    }

    [Fact]
    public void Clients_that_attach_anew_see_the_new_size()
    {
        using (VoeProcess voe = VoeProcess.Start(StorePath, "volume", "resize", "disk", "3MiB"))
        {
            Assert.Equal(0, voe.Wait());
            Assert.Contains("from 1 MiB to 3 MiB", Encoding.UTF8.GetString(voe.Output), StringComparison.Ordinal);
        }

        Assert.Contains("3 MiB", ExternalTool.Run("qemu-img", "info", _server.SocketAddress("disk")), StringComparison.Ordinal);
        Assert.Contains("export-size: 3145728", ExternalTool.Run("nbdinfo", _server.SocketAddress("disk")), StringComparison.Ordinal);
    }

    [Fact]
    public void Qemu_converts_what_voe_imported_and_voe_exports_what_qemu_wrote()
    {
        string image = Path.Combine(_directory.Path, "image");
        byte[] content = new byte[(3 << 20) + 512];
        new Random(1).NextBytes(content.AsSpan(1 << 20, 1 << 20));
        File.WriteAllBytes(image, content);
        Does("import", image, "imported");
        Does("volume", "create", "written", "--size", content.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        ExternalTool.Run(
            "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", _server.SocketAddress("imported"), _server.SocketAddress("written"));
        Does("export", "written", image + ".out");
        Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(image + ".out")), "the image came back changed");
    }

    private void Does(params string[] arguments)
    {
        (int status, _, string error) = VoeProcess.Run(StorePath, arguments);
        Assert.True(status == 0, error);
    }

    private string ResizeTo(params string[] size) =>
        "[" + string.Join(", ", VoeProcess.Command(StorePath, ["volume", "resize", "disk", .. size]).Select(word => $"\"{word}\"")) + "]";
}
