using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>One voe-server with a store and some volumes, for all tests of a class.</summary>
public sealed class ServerFixture : IDisposable
{
    /// <summary>Size of each volume in bytes.</summary>
    public const long VolumeSize = 64 << 20;

    private readonly TemporaryDirectory _directory = new(inMemory: true);

    public ServerFixture()
    {
        Server = ServerProcess.Start(
            Path.Combine(_directory.Path, "store"),
            ["--chunk-cache", "32MiB", .. Volumes.SelectMany(volume => new[] { "--volume", volume })]);
    }

    /// <summary>The volumes: each test takes one of its own.</summary>
    public static IReadOnlyList<string> Volumes =>
    [
        "copy=64MiB", "convert=64MiB,chunk-size=64KiB", "io=64MiB,compression=none", "sh=64MiB", "map=64MiB", "chunks=64MiB",
        "fio=64MiB,compression=zstd:1", "odd=1000448",
    ];

    public ServerProcess Server { get; }

    /// <summary>A file of the test's own.</summary>
    public string File(string name) => Path.Combine(_directory.Path, name);

    public void Dispose()
    {
        Server.Dispose();
        _directory.Dispose();
    }
}
