using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>Other people's clients against files and block devices that are served as they are.</summary>
public sealed class BackendTests : IDisposable
{
    private const int Size = 48 << 20;

    // On a real file system: direct access in memory would show nothing.
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private string FileAt(string name) => Path.Combine(_directory.Path, name);

    private ServerProcess Serve(string backend, string path, bool isDirect)
    {
        File.WriteAllText(FileAt("voe.toml"), $"""
            [store]
            path = "{FileAt("store")}"
            chunk-cache = "16MiB"
            [[target]]
            name = "it"
            backend = "{backend}"
            path = "{path}"
            direct = {(isDirect ? "true" : "false")}
            {(backend == "file" ? $"size = {Size}" : "")}
            """);
        return ServerProcess.Start([], "--config", FileAt("voe.toml"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void File_takes_what_nbdcopy_brings_and_gives_it_back(bool isDirect)
    {
        using ServerProcess server = Serve("file", FileAt("served"), isDirect);
        RequireCopies(server);
        Assert.Equal(0, server.Stop());
        Assert.True(File.ReadAllBytes(FileAt("served")).AsSpan().SequenceEqual(File.ReadAllBytes(FileAt("original"))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void File_keeps_the_patterns_of_qemu_io(bool isDirect)
    {
        using ServerProcess server = Serve("file", FileAt("served"), isDirect);
        RequirePatterns(server);
        string map = ExternalTool.Run("qemu-img", "map", "--output=json", "-f", "raw", server.SocketAddress("it"));
        Assert.Contains("\"zero\": true", map, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Block_device_does_the_same(bool isDirect)
    {
        Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");
        using var loop = new LoopDevice(FileAt("image"), Size);
        using ServerProcess server = Serve("device", loop.Path, isDirect);
        RequirePatterns(server);
        RequireCopies(server);
        Assert.Equal(0, server.Stop());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fio_verifies_all_that_it_wrote_to_a_file(bool isDirect)
    {
        using ServerProcess server = Serve("file", FileAt("served"), isDirect);
        ExternalTool.Run(
            "fio", "--name=verify", "--ioengine=nbd", "--uri=" + server.SocketAddress("it"), "--rw=randrw", "--rwmixread=30",
            "--bsrange=512-64k", "--iodepth=16", "--size=32M", "--io_size=24M", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1",
            "--randseed=7", "--fsync=200", "--group_reporting");
    }

    private static void RequirePatterns(ServerProcess server)
    {
        string printed = ExternalTool.Run(
            "qemu-io", "-f", "raw", "-t", "writeback", "-d", "unmap",
            "-c", "write -P 0x5a 0 1M", "-c", "write -P 0xa5 -f 12345k 33k", "-c", "flush", "-c", "discard 64k 64k",
            "-c", "write -z 256k 64k", "-c", "write -z -u 512k 4k", "-c", "write -P 0x77 1234567 89", "-c", "read -P 0x77 1234567 89",
            "-c", "read -P 0x5a 0 64k", "-c", "read -P 0 64k 64k", "-c", "read -P 0x5a 128k 128k", "-c", "read -P 0 256k 64k",
            "-c", "read -P 0 512k 4k", "-c", "read -P 0xa5 12345k 33k", "-c", "read -P 0 40M 4M", server.TcpAddress("it"));
        Assert.DoesNotContain("failed", printed, StringComparison.OrdinalIgnoreCase);
    }

    private void RequireCopies(ServerProcess server)
    {
        byte[] content = new byte[Size];
        new Random(5).NextBytes(content.AsSpan(0, Size / 3));
        new Random(6).NextBytes(content.AsSpan(Size - 77));
        File.WriteAllBytes(FileAt("original"), content);
        ExternalTool.Run("nbdcopy", "--connections=4", "--flush", FileAt("original"), server.SocketAddress("it"));
        ExternalTool.Run("nbdcopy", "--connections=4", server.TcpAddress("it"), FileAt("copy"));
        Assert.True(File.ReadAllBytes(FileAt("copy")).AsSpan().SequenceEqual(content));
    }
}
