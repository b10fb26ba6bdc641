using Microsoft.Extensions.Logging;
using Voe.Server.Configuration;
using Voe.Store.Chunks;
using Voe.Testing;

namespace Voe.Server.Tests.Configuration;

public sealed class ServerConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    private string FilePath => Path.Combine(_directory.Path, "voe.toml");

    public void Dispose()
    {
        _directory.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    private ServerOptions Read(string text, params string[] arguments)
    {
        File.WriteAllText(FilePath, text);
        ServerOptions? options = null;
        int status = new CommandLine().Invoke(["--config", FilePath, .. arguments], _output, _error, read =>
        {
            options = read;
            return 77;
        });
        Assert.True(status == 77, _error.ToString());
        return options!;
    }

    /// <summary>What is told of a file, with its name cut off.</summary>
    private string[] MistakesOf(string text)
    {
        File.WriteAllText(FilePath, text);
        using var error = new StringWriter();
        Assert.Equal(ExitStatus.Usage, new CommandLine().Invoke(["--config", FilePath], _output, error, _ => 77));
        string[] lines = error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("voe-server: --help tells what can be said", lines[^1]);
        return [.. lines[..^1].Select(line => line.Replace(FilePath + ":", "", StringComparison.Ordinal))];
    }

    [Fact]
    public void All_sections_arrive_where_they_belong()
    {
        ServerOptions options = Read("""
            [server]
            nbd = ["127.0.0.1:10810", "unix:/run/voe.sock"]
            max-connections = 3
            log-level = "debug"
            read-only = true

            [store]
            path = "/srv/voe"
            chunk-cache = "1GiB"
            pack-size = 134217728
            verify-hash = false

            [[volume]]
            name = "a"
            size = "10GiB"
            compression = "zstd:7"
            chunk-size = "16KiB"

            [[volume]]
            name = "b"
            size = 512

            [[target]]
            name = "boot"
            volume = "a"
            read-only = true
            default = true
            description = "what they boot from"
            """);
        Assert.Equal("nbd://127.0.0.1:10810 nbd+unix:///?socket=/run/voe.sock", string.Join(' ', options.NbdEndPoints));
        Assert.Equal(3, options.Nbd.MaxConnections);
        Assert.Equal(LogLevel.Debug, options.LogLevel);
        Assert.True(options.IsReadOnly);
        Assert.Equal("/srv/voe", options.StorePath);
        Assert.Equal(1L << 30, options.Store.ChunkCacheSize);
        Assert.Equal(128 << 20, options.Store.PackSize);
        Assert.False(options.Store.VerifyHashOnRead);
        Assert.Equal(
            [new VolumeSpec("a", 10L << 30, CompressionSetting.Zstd(7), 16_384), new VolumeSpec("b", 512, null, null)], options.Volumes);
        TargetSpec target = Assert.Single(options.Targets);
        Assert.Equal(("boot", "a", TargetBackend.Cas), (target.Name, target.VolumeName, target.Backend));
        Assert.True(target is { IsReadOnly: true, IsDefault: true, Description: "what they boot from" });
        Assert.Equal($"{FilePath}:23: [[target]] 1", target.Where);
        Assert.False(options.ExportsVolume("a"));
        Assert.True(options.ExportsVolume("b"));
    }

    [Fact]
    public void Command_line_wins_over_the_file_lists_are_replaced_and_volumes_added()
    {
        ServerOptions options = Read(
            """
            [server]
            nbd = ["127.0.0.1:1", "127.0.0.1:2"]
            log-level = "debug"
            [store]
            path = "/a"
            hash = "sha256"
            [[volume]]
            name = "a"
            size = "1GiB"
            [[volume]]
            name = "b"
            size = "1GiB"
            """,
            "--store", "/b", "--nbd", "127.0.0.1:3", "--log-level", "error", "--volume", "c=3G", "--volume", "a=2G");
        Assert.Equal("/b", options.StorePath);
        Assert.Equal("nbd://127.0.0.1:3", Assert.Single(options.NbdEndPoints).ToString());
        Assert.Equal(LogLevel.Error, options.LogLevel);
        Assert.Equal(Voe.Store.Hashing.HashAlgorithm.Sha256, options.Store.HashAlgorithm);
        Assert.Equal([("a", 2L << 30), ("b", 1L << 30), ("c", 3L << 30)], options.Volumes.Select(volume => (volume.Name, volume.Size)));
    }

    [Fact]
    public void All_mistakes_are_told_at_once_each_with_its_line() => Assert.Equal(
        [
            "2: [server]: key \"nbd\": \"127.0.0.1\" is not possible: write a list, in brackets: [\"127.0.0.1\"]",
            "3: [server]: key \"log-level\": \"loud\" is not possible: write trace, debug, info, warning, error or critical",
            "4: [server]: key \"max-connections\": \"3\" is not possible: write a whole number from 1 on, without quotes",
            "5: [server]: key \"read-olny\" is unknown; did you mean \"read-only\"?",
            "7: [store]: key \"path\": 3 is not possible: write a text, in quotes",
            "8: [store]: key \"pack-size\": 4_294_967_296 is out of range: 1 MiB to 1 GiB",
            "9: [store]: key \"verify-hash\": \"yes\" is not possible: write true or false, without quotes",
            "11: [[volume]] 1: key \"size\" is missing: The volume's size, a multiple of 512.",
            "13: [[volume]] 1: key \"sise\" is unknown; did you mean \"size\"?",
            "15: [[volume]] 2: the name \"a\" is taken already in line 12: choose another",
            "17: [[volume]] 2: key \"size\" stands twice, first in line 16: keep one of them",
        ],
        MistakesOf("""
            [server]
            nbd = "127.0.0.1"
            log-level = "loud"
            max-connections = "3"
            read-olny = true
            [store]
            path = 3
            pack-size = 4_294_967_296
            verify-hash = "yes"

            [[volume]]
            name = "a"
            sise = 1
            [[volume]]
            name = "a"
            size = 512
            size = 1024
            """));

    [Theory]
    [InlineData("top = 1", "1: key \"top\" stands in no section: there are [server], [store], [scrub], [[volume]], [[target]]")]
    [InlineData("server.nbd = []", "1: key \"server.nbd\" stands in no section: write \"nbd\" below [server]")]
    [InlineData(
        "\n[sotre]",
        "2: section \"sotre\" is unknown: there are [server], [store], [scrub], [[volume]], [[target]]; did you mean [store]?")]
    [InlineData("[volume]", "1: [volume]: write [[volume]]")]
    [InlineData("[[store]]", "1: [[store]] 1: write [store]")]
    [InlineData("[store]\n[store]", "2: [store] stands twice, first in line 1: put all of it in one place")]
    [InlineData("[store]\nsize = 1", "2: [store]: key \"size\" is unknown here: it belongs to [[volume]] or [[target]]")]
    [InlineData("[store]\npath = { a = 1 }", "2: [store]: key \"path\": a table is not possible: write a text, in quotes")]
    [InlineData("[store]\npath = 1979-05-27", "2: [store]: key \"path\": 1979-05-27 is not possible: write a text, in quotes")]
    [InlineData("[server]\nmax-connections = 0", "2: [server]: key \"max-connections\": 0 is not possible: write a whole number from 1 on")]
    [InlineData("[server]\nmax-connections = 1.5", "key \"max-connections\": 1.5 is not possible: write a whole number from 1 on")]
    [InlineData("[store]\nchunk-cache = \"10GB\"", "\"10GB\" is no size: write bytes (4096) or a whole number with K, M, G, T or KiB")]
    [InlineData("[store]\nchunk-cache = -1", "2: [store]: key \"chunk-cache\": -1 is out of range: at least 0 bytes")]
    [InlineData("[server]\nnbd = [\"127.0.0.1\",\n  \"nowhere\"]", "3: [server]: key \"nbd\": \"nowhere\" is no address")]
    [InlineData("[[volume]]\nname = \"x/y\"\nsize = 512", "2: [[volume]] 1: key \"name\": \"x/y\" cannot be a volume's name")]
    [InlineData("[[volume]]\nname = \"x\"\nsize = 513", "3: [[volume]] 1: key \"size\": 513 is out of range")]
    [InlineData("[[volume]]\nname = \"x\"\nsize = 512\nchunk-size = 5000", "4: [[volume]] 1: key \"chunk-size\": 5000 is no chunk size")]
    [InlineData("[[volume]]\nname = \"x\"\nsize = 512\ncompression = \"gzip\"", "4: [[volume]] 1: key \"compression\": \"gzip\" is no")]
    [InlineData("[[target]]\nname = \"\"", "2: [[target]] 1: key \"name\": a target's name has 1 to 4096 bytes")]
    [InlineData("[[target]]\nname = \"x\"\npath = \"/x\"", "3: [[target]] 1: key \"path\" means nothing with backend \"cas\"")]
    [InlineData("[[target]]\nname = \"x\"\n[[target]]\nname = \"x\"", "4: [[target]] 2: the name \"x\" is taken already in line 2")]
    public void Mistake_is_told_with_what_would_be_right(string text, string expected) =>
        Assert.Contains(expected, Assert.Single(MistakesOf(text)), StringComparison.Ordinal);

    [Fact]
    public void Syntax_that_is_no_TOML_is_told_with_its_line()
    {
        Assert.StartsWith("3: this is no TOML: ", Assert.Single(MistakesOf("[server]\nnbd = [\"a\"\n[store]\n")), StringComparison.Ordinal);
        Assert.StartsWith("1: this is no TOML: ", Assert.Single(MistakesOf("a = \"open\nb = 1\nc = 2\n")), StringComparison.Ordinal);
        Assert.Equal(2, MistakesOf("a = = 1\n\n\n\nb = = 2\n").Length);
    }

    [Fact]
    public void Two_targets_cannot_both_be_the_default() => Assert.Contains(
        "6: [[target]] 2: key \"default\" is true already in line 3",
        Assert.Single(MistakesOf("[[target]]\nname = \"a\"\ndefault = true\n[[target]]\nname = \"b\"\ndefault = true")),
        StringComparison.Ordinal);

    [Fact]
    public void Target_with_the_name_of_another_volume_that_is_exported_is_a_mistake()
    {
        const string text = """
            [store]
            path = "s"
            [[volume]]
            name = "a"
            size = 512
            [[target]]
            name = "a"
            volume = "b"
            """;
        Assert.StartsWith(
            "6: [[target]] \"a\": the volume of that name is exported too", Assert.Single(MistakesOf(text)), StringComparison.Ordinal);
        Assert.Single(Read(text + "\n[server]\nexport-volumes = false").Targets);
        Assert.Single(Read(text.Replace("volume = \"b\"", "volume = \"a\"", StringComparison.Ordinal)).Targets);
    }

    [Fact]
    public void Check_config_tells_that_all_is_well_and_starts_nothing()
    {
        File.WriteAllText(FilePath, "[store]\npath = \"/s\"");
        Assert.Equal(0, new CommandLine().Invoke(["--config", FilePath, "--check-config"], _output, _error, _ => 77));
        Assert.Equal("voe-server: the configuration is good\n", _output.ToString());
        Assert.Equal("", _error.ToString());
    }

    [Fact]
    public void File_of_another_kind_is_refused_before_it_is_read()
    {
        using (FileStream file = File.Create(FilePath))
        {
            file.SetLength(2 << 20);
        }

        Assert.Equal(ExitStatus.Usage, new CommandLine().Invoke(["--config", FilePath], _output, _error, _ => 77));
        Assert.Contains("2097152 bytes are too many for a configuration", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Random_bytes_never_crash_the_reader()
    {
        const string alphabet = "[]\"'=#.,{}\n\\ volumesize01tr\u00e4";
        int seed = Environment.TickCount;
        var random = new Random(seed);
        for (int i = 0; i < 5000; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(60)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            var mistakes = new Mistakes { File = "f" };
            Exception? failure = Record.Exception(() => ConfigSections.CheckTables(ConfigFile.Parse(text, mistakes), mistakes));
            Assert.True(failure is null, $"seed {seed}, text <{text}>: {failure}");
        }
    }
}
