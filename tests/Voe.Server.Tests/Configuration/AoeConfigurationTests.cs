using Voe.Server.Aoe;
using Voe.Server.Aoe.Link;
using Voe.Server.Configuration;
using Voe.Testing;

namespace Voe.Server.Tests.Configuration;

/// <summary>What the configuration says of AoE.</summary>
public sealed class AoeConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _error = new();

    public void Dispose()
    {
        _directory.Dispose();
        _error.Dispose();
    }

    [Fact]
    public void Keys_of_AoE_arrive_with_hyphens_and_with_underscores()
    {
        ServerOptions options = Read("""
            [server]
            aoe = ["eth1", "eth2,mtu=1500"]
            [store]
            path = "s"
            [[target]]
            name = "a"
            shelf = 1
            slot = 0
            config-string = "mine"
            macs = ["00:16:3e:01:02:03", "00-16-3E-01-02-04"]
            durability = "process"
            [[target]]
            name = "b"
            shelf = 65534
            slot = 254
            config_string = "yours"
            read_only = true
            """)!;
        Assert.Equal([new AoeLinkSpec("eth1", null), new AoeLinkSpec("eth2", 1500)], options.AoeLinks);
        Assert.Equal([new AoeAddress(1, 0), new AoeAddress(65534, 254)], options.Targets.Select(target => target.AoeAddress!.Value));
        Assert.Equal("mine yours", string.Join(' ', options.Targets.Select(target => target.ConfigString)));
        Assert.Equal("00:16:3e:01:02:03 00:16:3e:01:02:04", string.Join(' ', options.Targets[0].Macs));
        Assert.Equal([AoeDurability.Process, AoeDurability.Power], options.Targets.Select(target => target.Durability));
        Assert.True(options.Targets[1].IsReadOnly);
    }

    [Fact]
    public void Interfaces_of_the_command_line_take_the_place_of_the_files() => Assert.Equal(
        "eth3,mtu=9000",
        Assert.Single(Read("[server]\naoe = [\"eth1\", \"eth2\"]\n[store]\npath = \"s\"", "--aoe", "eth3,mtu=9000")!.AoeLinks).ToString());

    [Fact]
    public void Target_without_shelf_and_slot_is_not_on_AoE() =>
        Assert.Null(Assert.Single(Read("[store]\npath = \"s\"\n[[target]]\nname = \"a\"")!.Targets).AoeAddress);

    [Theory]
    [InlineData("shelf = 65535\nslot = 0", "3: [[target]] 1: key \"shelf\": 65535 is not possible: write a whole number from 0 to 65534")]
    [InlineData("shelf = 1\nslot = 255", "4: [[target]] 1: key \"slot\": 255 is not possible: write a whole number from 0 to 254")]
    [InlineData("shelf = 1", "3: [[target]] 1: key \"shelf\" needs \"slot\"")]
    [InlineData("slot = 1", "3: [[target]] 1: key \"slot\" needs \"shelf\"")]
    [InlineData("macs = []", "3: [[target]] 1: key \"macs\" means nothing without shelf and slot")]
    [InlineData("shelf = 1\nslot = 0\nmacs = [\"ff:ff:ff:ff:ff:ff\"]", "5: [[target]] 1: key \"macs\": \"ff:ff:ff:ff:ff:ff\" is no")]
    [InlineData("shelf = 1\nslot = 0\nmacs = [\"00:16:3e\"]", "write it as 00:16:3e:01:02:03")]
    [InlineData("shelf = 1\nslot = 0\ndurability = \"maybe\"", "\"maybe\" is not possible: write power or process")]
    [InlineData("shelf = 1\nslot = 0\nconfig-string = \"a\\nb\"", "a config string has at most 1024 bytes")]
    [InlineData(
        "slot = 0\nshelf = 1\n[[target]]\nname = \"b\"\nslot = 0\nshelf = 1",
        "8: [[target]] 2: the AoE address 1.0 is that of the target in line 1")]
    [InlineData("config_string = \"a\"\nconfig-string = \"b\"\nshelf = 1\nslot = 1", "4: [[target]] 1: key \"config-string\" stands twice")]
    public void Mistake_is_told_with_its_line(string keys, string expected) =>
        Assert.Contains(expected, Assert.Single(MistakesOf($"[[target]]\nname = \"a\"\n{keys}")), StringComparison.Ordinal);

    [Theory]
    [InlineData("", "is no interface")]
    [InlineData("a/b", "is no interface")]
    [InlineData("a-name-of-16-let", "is no interface")]
    [InlineData("eth1,mut=9000", "is no interface: write IFACE or IFACE,mtu=N")]
    [InlineData("eth1,mtu=9000,", "is no interface")]
    [InlineData("eth1,mtu=547", "mtu is a number from 548 to 65535")]
    [InlineData("eth1,mtu=9k", "mtu is a number from 548 to 65535")]
    public void Interface_that_cannot_be_one_is_told(string text, string expected)
    {
        Assert.False(AoeLinkSpec.TryParse(text, out _, out string error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Interface_that_is_given_twice_is_a_mistake() => Assert.Contains(
        "aoe: the interface eth1 is given twice",
        MistakesOf("[server]\naoe = [\"eth1\", \"eth1,mtu=1500\"]\n[store]\npath = \"s\"")[0],
        StringComparison.Ordinal);

    private ServerOptions? Read(string text, params string[] arguments)
    {
        string file = Path.Combine(_directory.Path, "voe.toml");
        File.WriteAllText(file, text);
        ServerOptions? options = null;
        _ = new CommandLine().Invoke(["--config", file, .. arguments], TextWriter.Null, _error, read =>
        {
            options = read;
            return 0;
        });
        return options;
    }

    private string[] MistakesOf(string text)
    {
        Assert.Null(Read(text));
        return [.. _error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)[..^1]
            .Select(line => line[(line.IndexOf("voe.toml:", StringComparison.Ordinal) is var at and >= 0 ? at + 9 : 0)..])];
    }
}
