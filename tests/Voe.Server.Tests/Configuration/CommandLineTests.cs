using Microsoft.Extensions.Logging;
using Voe.Server.Configuration;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Server.Tests.Configuration;

public sealed class CommandLineTests : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private ServerOptions? _options;

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    private int Invoke(params string[] arguments) => new CommandLine().Invoke(arguments, _output, _error, options =>
    {
        _options = options;
        return 77;
    });

    private ServerOptions Parse(params string[] arguments)
    {
        Assert.Equal(77, Invoke(["--store", "/s", .. arguments]));
        return _options!;
    }

    private void Refuses(string reason, params string[] arguments)
    {
        Assert.Equal(ExitStatus.Usage, Invoke(arguments));
        Assert.Null(_options);
        Assert.Contains(reason, _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_options_the_defaults_hold()
    {
        ServerOptions options = Parse();
        Assert.Equal("/s", options.StorePath);
        Assert.Equal("nbd://127.0.0.1:10809", Assert.Single(options.NbdEndPoints).ToString());
        Assert.Empty(options.Volumes);
        Assert.Equal(new StoreOptions(), options.Store);
        Assert.Equal(LogLevel.Information, options.LogLevel);
        Assert.Equal(256, options.Nbd.MaxConnections);
    }

    [Fact]
    public void All_options_arrive_where_they_belong()
    {
        ServerOptions options = Parse(
            "--nbd", "[::1]:0", "--nbd", "unix:/run/voe", "--volume", "a=1G,compression=zstd:7,chunk-size=16K", "--volume=b=512",
            "--chunk-cache", "1GiB", "--index-memory", "64M", "--rocksdb-memory=32M", "--pack-size", "128MiB",
            "--checkpoint-interval", "2G", "--hash", "sha256", "--no-verify-hash", "--nbd-memory", "1G", "--max-connections", "3",
            "--log-level", "debug");
        Assert.Equal("nbd://[::1]:0 nbd+unix:///?socket=/run/voe", string.Join(' ', options.NbdEndPoints));
        Assert.Equal(
            [new VolumeSpec("a", 1 << 30, CompressionSetting.Zstd(7), 16_384), new VolumeSpec("b", 512, null, null)], options.Volumes);
        Assert.Equal(1L << 30, options.Store.ChunkCacheSize);
        Assert.Equal(64L << 20, options.Store.IndexMemory);
        Assert.Equal(32L << 20, options.Store.RocksDbMemory);
        Assert.Equal(128 << 20, options.Store.PackSize);
        Assert.Equal(2L << 30, options.Store.CheckpointInterval);
        Assert.Equal(HashAlgorithm.Sha256, options.Store.HashAlgorithm);
        Assert.False(options.Store.VerifyHashOnRead);
        Assert.Equal(512L << 20, options.Nbd.ReceiveMemory);
        Assert.Equal(512L << 20, options.Nbd.ReplyMemory);
        Assert.Equal(3, options.Nbd.MaxConnections);
        Assert.Equal(LogLevel.Debug, options.LogLevel);
        options = Parse("--read-only", "--no-export-volumes", "--log-format", "json");
        Assert.True(options.IsReadOnly);
        Assert.False(options.ExportsVolumes);
        Assert.Equal(LogFormat.Json, options.LogFormat);
    }

    [Fact]
    public void Help_names_every_option_and_the_exit_statuses_and_starts_nothing()
    {
        Assert.Equal(0, Invoke("--help"));
        Assert.Null(_options);
        string help = _output.ToString();
        string[] expected =
        [
            "--store", "--nbd", "--volume", "--chunk-cache", "--index-memory", "--rocksdb-memory", "--pack-size", "--log-level",
            "--config", "--check-config", "Exit status", "127.0.0.1:10809", "voe-server ready", "Examples:",
            .. ConfigSections.All.SelectMany(section => section.Keys).Select(key => key.Option).OfType<string>(),
        ];
        Assert.All(help.Split('\n'), line => Assert.True(line.Length <= 100, line));
        Assert.All(expected, text => Assert.Contains(text, help, StringComparison.Ordinal));
    }

    [Fact]
    public void Version_is_printed()
    {
        Assert.Equal(0, Invoke("--version"));
        Assert.StartsWith("0.", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Mistakes_are_told_with_what_would_be_right()
    {
        Refuses("--store", "--volume", "a=1G");
        Refuses("write NAME=SIZE", "--store", "s", "--volume", "a");
        Refuses("4KiB, 8KiB", "--store", "s", "--volume", "a=1G,chunk-size=5K");
        Refuses("zstd:LEVEL", "--store", "s", "--volume", "a=1G,compression=gzip");
        Refuses("HOST:PORT", "--store", "s", "--nbd", "nowhere:1");
        Refuses("1 MiB to 1 GiB", "--store", "s", "--pack-size", "2G");
        Refuses("KiB, MiB", "--store", "s", "--chunk-cache", "10GB");
        Refuses("blake3 or sha256", "--store", "s", "--hash", "md5");
        Refuses("debug, info", "--store", "s", "--log-level", "loud");
        Refuses("--max-connections", "--store", "s", "--max-connections", "0");
        Refuses("--max-connections", "--store", "s", "--max-connections", "many");
        Refuses("--frobnicate", "--store", "s", "--frobnicate");
        Refuses("letter or digit first", "--store", "s", "--volume", "no/slashes=1M");
        Refuses("given twice", "--store", "s", "--volume", "a=1M", "--volume", "a=2M");
        Refuses("cannot be read", "--store", "s", "--config", "/nowhere/voe.toml");
        Refuses("there is no store");
    }

    [Theory]
    [InlineData("a=")]
    [InlineData("=1G")]
    [InlineData("a=0")]
    [InlineData("a=513")]
    [InlineData("a=1G,")]
    [InlineData("a=1G,chunk-size=2K")]
    [InlineData("a=1G,chunk-size=128K")]
    [InlineData("a=1G,chunk-size=")]
    [InlineData("a=1G,compression=zstd:20")]
    [InlineData("a=1G,compression=zstd:0")]
    [InlineData("a=1G,colour=red")]
    public void Volume_that_makes_no_sense_is_refused(string text)
    {
        Assert.False(VolumeSpec.TryParse(text, out _, out string error));
        Assert.Contains(text, error, StringComparison.Ordinal);
    }
}
