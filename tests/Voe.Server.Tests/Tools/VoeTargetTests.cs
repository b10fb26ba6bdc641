using System.Text.Json;
using Voe.Testing;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Tool.ExitStatus; // here, since the server's own is nearer else

/// <summary>AoE targets by voe, on a store that it opens itself.</summary>
public sealed class VoeTargetDirectTests() : VoeTargetTests(isServed: false)
{
    [Fact]
    public void Damaged_targets_are_told_and_stop_the_start_of_a_server()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Does("target", "add", "a", "--aoe", "1.0");
        string file = Path.Combine(StorePath, "targets");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^2] ^= 1;
        File.WriteAllBytes(file, bytes);
        Refuses(ExitStatus.Refused, "targets is damaged: checksum", "target", "list");
        var refused = Assert.Throws<InvalidOperationException>(() => StartServer());
        Assert.Contains("ended with status 3", refused.Message, StringComparison.Ordinal);
        Assert.Contains("targets is damaged: checksum", refused.Message, StringComparison.Ordinal);
        File.Delete(file);
        using ServerProcess server = StartServer();
    }

    [Fact]
    public void Target_at_an_address_of_the_configuration_is_not_served_and_told()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Does("target", "add", "a", "--aoe", "1.0");
        File.WriteAllText(FilePath("voe.toml"), "[[target]]\nname = \"t\"\nvolume = \"a\"\nshelf = 1\nslot = 0\n");
        using ServerProcess server = StartServer("--config", FilePath("voe.toml"));
        JsonElement target = Assert.Single(Targets());
        Assert.EndsWith("voe.toml:1: [[target]] 1", target.GetProperty("from").GetString(), StringComparison.Ordinal);
        Refuses(ExitStatus.Refused, "[[target]] 1 already", "target", "add", "a", "--aoe", "1.0");
        Does("target", "remove", "1.0"); // that of the store
        Refuses(ExitStatus.Refused, "is a target of the server's configuration", "target", "remove", "1.0");
    }
}

/// <summary>The same by a server that has the store open, and serves AoE nowhere.</summary>
public sealed class VoeTargetServedTests() : VoeTargetTests(isServed: true);

/// <summary>What <c>voe target</c> does and prints; the same whoever has the store open.</summary>
public abstract class VoeTargetTests(bool isServed) : VoeBench(isServed)
{
    [Fact]
    public void A_target_is_added_listed_and_removed()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Assert.Equal("added 1.0: a, read-write, durability power\n", Does("target", "add", "a", "--aoe", "1.0"));
        Assert.Equal(
            "added 7.254: a, read-only, 2 MACs, durability process\n",
            Does(
                "target", "add", "a", "--aoe", "7.254", "--read-only", "--config-string", "mine", "--macs",
                "00:16:3e:01:02:03,00-16-3E-01-02-04", "--durability", "process"));
        string[] lines = Does("target", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Matches(@"^1\.0 +a +1 MiB +read-write +power +- +- +store *$", lines[1]);
        Assert.Matches(@"^7\.254 +a +1 MiB +read-only, 2 MACs +process +- +- +store +mine$", lines[2]);
        JsonElement target = Targets()[1];
        Assert.Equal(
            "00:16:3e:01:02:03 00:16:3e:01:02:04",
            string.Join(' ', target.GetProperty("macs").EnumerateArray().Select(mac => mac.GetString())));
        Assert.Equal("removed 1.0; the volume a stays\n", Does("target", "remove", "1.0"));
        Assert.Equal("7.254", Addresses());
        Assert.Equal("a", Names());
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Does("volume", "create", "b", "--size", "1MiB");
        Does("target", "add", "a", "--aoe", "1.0");
        Refuses(ExitStatus.Refused, "the AoE address 1.0 is that of a already", "target", "add", "b", "--aoe", "1.0");
        Refuses(ExitStatus.Refused, "the store has: a, b", "target", "add", "c", "--aoe", "1.1");
        foreach (string address in (string[])["1", "1.255", "65535.0", "-1.0", "1.0.0", "e1.0"])
        {
            Refuses(ExitStatus.Refused, "is no AoE address: write SHELF.SLOT", "target", "add", "b", "--aoe", address);
        }

        Refuses(ExitStatus.Refused, "is no Ethernet address", "target", "add", "b", "--aoe", "1.1", "--macs", "ff:ff:ff:ff:ff:ff");
        Refuses(ExitStatus.Refused, "is no Ethernet address", "target", "add", "b", "--aoe", "1.1", "--macs", "00:16:3e");
        Refuses(ExitStatus.Refused, "1025 bytes, at most 1024", "target", "add", "b", "--aoe", "1.1", "--config-string", new('x', 1025));
        Refuses(ExitStatus.Refused, "has no AoE target 1.1", "target", "remove", "1.1");
        Assert.Equal("1.0", Addresses());
    }

    [Fact]
    public void A_target_goes_with_its_volume_through_rename_resize_and_import()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Does("target", "add", "a", "--aoe", "1.0");
        Does("volume", "rename", "a", "b");
        Does("volume", "resize", "b", "2MiB");
        Does("volume", "create", "a", "--size", "1MiB"); // no heir of the name
        Assert.Equal(("b", 2 << 20), Only());
        Does("import", WriteImage(), "b", "--force");
        Assert.Equal(("b", (5 << 20) + 1536), Only());
        Does("volume", "rename", "b", "c");
        Assert.Equal(("c", (5 << 20) + 1536), Only());
    }

    [Fact]
    public void A_volume_with_a_target_is_deleted_by_force_only_and_its_target_with_it()
    {
        Does("volume", "create", "a", "--size", "1MiB");
        Does("target", "add", "a", "--aoe", "1.0");
        Does("target", "add", "a", "--aoe", "1.1", "--read-only");
        Refuses(ExitStatus.Refused, "a is the AoE target 1.0, 1.1: remove that", "volume", "delete", "a", "--yes");
        Assert.Equal("1.0 1.1", Addresses());
        Does("volume", "delete", "a", "--yes", "--force");
        Assert.Equal("", Addresses());
        Does("volume", "create", "a", "--size", "1MiB");
        Assert.Equal("", Addresses());
    }

    protected JsonElement[] Targets() => [.. Json("target", "list").GetProperty("targets").EnumerateArray()];

    private string Addresses() => string.Join(' ', Targets().Select(target => target.GetProperty("address").GetString()));

    private (string? Name, long Size) Only()
    {
        JsonElement target = Assert.Single(Targets());
        return (target.GetProperty("name").GetString(), target.GetProperty("size").GetInt64());
    }
}
