using System.Text.Json;
using Voe.Admin;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Admin.ExitStatus; // here, since the server's own is nearer else

/// <summary>The command line of voe, and what it does to a store.</summary>
public sealed class VoeTests : IDisposable
{
    private static readonly StoreOptions Options =
        new() { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20, Holder = "voe-server" };

    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public VoeTests() => VoeStore.Open(_directory.Path, Options).Dispose();

    public void Dispose()
    {
        _directory.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    [Fact]
    public void A_volume_is_made_shown_resized_renamed_and_deleted()
    {
        Assert.Contains("created a: 1 MiB in chunks of 8 KiB, compression zstd:5",
            Does("volume", "create", "a", "--size", "1MiB", "--chunk-size=8K", "--compression", "zstd:5"), StringComparison.Ordinal);
        Does("volume", "create", "b", "--size", "10GiB");
        string[] list = Does("volume", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, list.Length);
        Assert.Equal(["a", "1", "MiB", "0", "bytes", "8", "KiB", "zstd:5"], Words(list[1])[..8]);
        Assert.Equal(["b", "10", "GiB", "0", "bytes", "4", "KiB", "lz4"], Words(list[2])[..8]);
        Assert.Equal(list[0].IndexOf("CHUNK", StringComparison.Ordinal), list[1].IndexOf("8 KiB", StringComparison.Ordinal));

        Assert.Contains("from 1 MiB to 2 MiB", Does("volume", "resize", "a", "--size", "2M"), StringComparison.Ordinal);
        Assert.Contains("renamed a to c", Does("volume", "rename", "a", "c"), StringComparison.Ordinal);
        Assert.Contains("2 MiB (2097152 bytes)", Does("volume", "show", "c"), StringComparison.Ordinal);
        Assert.Contains("deleted b", Does("volume", "delete", "b", "--yes"), StringComparison.Ordinal);
        using VoeStore store = VoeStore.Open(_directory.Path, Options);
        Volume left = Assert.Single(store.Volumes);
        Assert.Equal(("c", 2L << 20, 8192, CompressionSetting.Zstd(5)), (left.Name, left.Size, left.ChunkSize, left.Compression));
    }

    [Fact]
    public void What_loses_data_is_done_only_with_yes()
    {
        Fill();
        Refuses(ExitStatus.Refused, "a holds 64.0 KiB, which would be lost: say --yes", "volume", "delete", "a");
        Refuses(ExitStatus.Refused, "what lies beyond 4 KiB would be lost: say --yes", "volume", "resize", "a", "--size", "4K");
        Assert.Contains("a     1 MiB", Does("volume", "list"), StringComparison.Ordinal);
        Does("volume", "resize", "a", "--size", "4K", "--yes");
        Assert.Contains("a     4 KiB", Does("volume", "list"), StringComparison.Ordinal);
    }

    [Fact]
    public void Status_tells_packs_bytes_and_ratios()
    {
        Assert.Contains("nothing is stored yet", Does("status"), StringComparison.Ordinal);
        Fill();
        string[] lines = Does("status").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["store", "packs", "volumes", "ratio"], lines.Select(static line => Words(line)[0]).ToArray().AsSpan());
        Assert.Contains("BLAKE3", lines[0], StringComparison.Ordinal);
        Assert.Contains("chunks take 64.0 KiB", lines[1], StringComparison.Ordinal);
        Assert.Contains("2, 2.0 MiB, of which 128.0 KiB hold data", lines[2], StringComparison.Ordinal);
        Assert.Contains("deduplication 2.00, compression 1.00, together 2.00", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Programs_get_the_same_as_JSON()
    {
        Fill();
        JsonElement status = JsonSerializer.Deserialize<JsonElement>(Does("status", "--json"));
        Assert.Equal(2, status.GetProperty("volumes").GetInt32());
        Assert.Equal(131_072, status.GetProperty("mappedBytes").GetInt64());
        Assert.Equal(65_536, status.GetProperty("storedBytes").GetInt64());
        Assert.Equal(2.0, status.GetProperty("deduplicationRatio").GetDouble());
        Assert.Equal("BLAKE3", status.GetProperty("hash").GetString());

        JsonElement[] list = [.. JsonSerializer.Deserialize<JsonElement>(Does("volume", "list", "--json")).EnumerateArray()];
        Assert.Equal(["a", "b"], list.Select(static volume => volume.GetProperty("name").GetString()).ToArray().AsSpan());
        JsonElement shown = JsonSerializer.Deserialize<JsonElement>(Does("volume", "show", "b", "--json"));
        Assert.Equal((1 << 20, 65_536), (shown.GetProperty("size").GetInt32(), shown.GetProperty("mappedBytes").GetInt32()));
        Assert.Equal("none", shown.GetProperty("compression").GetString());
    }

    [Fact]
    public void A_store_in_use_is_left_alone_and_who_uses_it_is_told()
    {
        using VoeStore server = VoeStore.Open(_directory.Path, Options);
        Refuses(ExitStatus.Store, "the store is in use", "status");
        string told = _error.ToString();
        Assert.Contains($"held by voe-server, process {Environment.ProcessId}", told, StringComparison.Ordinal);
        Assert.Contains("stop voe-server first", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_holds_no_store_is_left_as_it_is()
    {
        string empty = Path.Combine(_directory.Path, "empty");
        Assert.Equal(ExitStatus.Store, Invoke("--store", empty, "status"));
        Assert.False(Directory.Exists(empty));
        Directory.CreateDirectory(empty);
        Assert.Equal(ExitStatus.Store, Invoke("--store", empty, "volume", "create", "a", "--size", "1M"));
        Assert.Contains("holds no store", _error.ToString(), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(empty));
    }

    [Fact]
    public void What_the_store_refuses_is_told()
    {
        Fill();
        Refuses(ExitStatus.Refused, "the store has: a, b", "volume", "show", "c");
        Refuses(ExitStatus.Refused, "\"a\" exists already", "volume", "create", "a", "--size", "1M");
        Refuses(ExitStatus.Refused, "\"b\" exists already", "volume", "rename", "a", "b");
        Refuses(ExitStatus.Refused, "multiple of 512", "volume", "create", "c", "--size", "1000");
        Refuses(ExitStatus.Refused, "power of two", "volume", "create", "c", "--size", "1M", "--chunk-size", "5K");
        Refuses(ExitStatus.Refused, "power of two", "volume", "create", "c", "--size", "1M", "--chunk-size", "8G");
        Refuses(ExitStatus.Refused, "cannot be a volume's name", "volume", "create", "a/b", "--size", "1M");
    }

    [Theory]
    [InlineData("--store", "status")] // the one that is given no store
    [InlineData("Required command")]
    [InlineData("Required command", "volume")]
    [InlineData("--size", "volume", "create", "a")]
    [InlineData("KiB, MiB", "volume", "create", "a", "--size", "10GB")]
    [InlineData("zstd:LEVEL", "volume", "create", "a", "--size", "1M", "--compression", "gzip")]
    [InlineData("NEW-NAME", "volume", "rename", "a")]
    [InlineData("frobnicate", "status", "--frobnicate")]
    public void Mistakes_are_told_with_what_would_be_right(string reason, params string[] arguments)
    {
        Assert.Equal(ExitStatus.Usage, Invoke(arguments is ["status"] ? arguments : ["--store", _directory.Path, .. arguments]));
        Assert.Contains(reason, _error.ToString(), StringComparison.Ordinal);
        Assert.Contains("--help", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Help_names_the_commands_and_the_exit_statuses()
    {
        Assert.Equal(0, Invoke("--help"));
        string help = _output.ToString();
        Assert.All(new[] { "--store", "status", "volume", "Exit status" }, text => Assert.Contains(text, help, StringComparison.Ordinal));
        Assert.Equal(0, Invoke("volume", "--help"));
        help = _output.ToString();
        Assert.All(
            new[] { "list", "show", "create", "resize", "rename", "delete" },
            text => Assert.Contains(text, help, StringComparison.Ordinal));
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private int Invoke(params string[] arguments) => new CommandLine(_output, _error).Invoke(arguments);

    private string Does(params string[] arguments)
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        int status = Invoke(["--store", _directory.Path, .. arguments]);
        Assert.Equal("", _error.ToString());
        Assert.Equal(ExitStatus.Done, status);
        return _output.ToString();
    }

    private void Refuses(int status, string reason, params string[] arguments)
    {
        _error.GetStringBuilder().Clear();
        Assert.Equal(status, Invoke(["--store", _directory.Path, .. arguments]));
        Assert.StartsWith("voe: ", _error.ToString(), StringComparison.Ordinal);
        Assert.Contains(reason, _error.ToString(), StringComparison.Ordinal);
    }

    // Two volumes of 1 MiB with the same 16 chunks of noise.
    private void Fill()
    {
        byte[] noise = new byte[16 * 4096];
        new Random(1).NextBytes(noise);
        using VoeStore store = VoeStore.Open(_directory.Path, Options);
        store.CreateVolume("a", 1 << 20, 4096, CompressionSetting.None).Write([new BlockWrite(0, noise)]);
        store.CreateVolume("b", 1 << 20, 4096, CompressionSetting.None).Write([new BlockWrite(0, noise)]);
    }
}
