using System.Text;
using System.Text.Json;
using Voe.Testing;
using Voe.Testing.Aoe;

namespace Voe.Conformance.Tests.Aoe;

/// <summary>AoE targets that come, go and keep their config strings while a client is at the other end of the cable.</summary>
public sealed class AoeTargetTests : IDisposable
{
    private const int ConfigCommand = 1;
    private const byte ForceSet = 4;
    private const string Volume = "[[volume]]\nname = \"disk0\"\nsize = \"16MiB\"\n";

    private readonly AoeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Target_is_served_from_the_moment_it_is_added_to_the_one_it_is_removed_and_after_a_restart()
    {
        _lab.Start(Volume);
        using var client = new AoeInitiator(_lab.Cable.ClientInterface, 1, 0);
        Assert.Empty(Ask(client));
        Voe("target", "add", "disk0", "--aoe", "1.0", "--config-string", "mine");
        Assert.Equal("mine", Encoding.ASCII.GetString(client.QueryConfig()));
        byte[] data = [.. Enumerable.Range(0, 1 << 20).Select(index => (byte)(index * 7 % 251))];
        client.Write(0, data);
        AssertWritten(data.Length);

        _lab.Server.Kill();
        _lab.Start(Volume);
        client.QueryConfig();
        AssertReads(client, data);
        Voe("volume", "rename", "disk0", "disk1");
        AssertReads(client, data);
        Voe("target", "remove", "1.0");
        Assert.Empty(Ask(client));
    }

    [Fact]
    public void Read_only_target_refuses_writes_and_gives_the_reason_of_a_disk()
    {
        _lab.Start(Volume);
        Voe("target", "add", "disk0", "--aoe", "1.0", "--read-only");
        using AoeInitiator client = _lab.Connect(1, 0);
        client.Read(0, new byte[4096]);
        string refusal = Assert.Throws<IOException>(() => client.Write(0, new byte[4096])).Message;
        Assert.Contains("ATA status 41, error 04", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Config_string_that_a_client_set_outlives_the_server(bool isConfigured)
    {
        string configuration = isConfigured ? AoeLab.TwoTargets + "config-string = \"first\"\n" : Volume;
        int slot = isConfigured ? 1 : 0;
        _lab.Start(configuration);
        if (!isConfigured)
        {
            Voe("target", "add", "disk0", "--aoe", "1.0", "--config-string", "first");
        }

        using AoeInitiator client = _lab.Connect(1, slot);
        Assert.Equal("first", Encoding.ASCII.GetString(client.QueryConfig()));
        Assert.Equal(0, client.Ask(ConfigCommand, [0, 0, 0, 0, 0, ForceSet, 0, 6, .. "second"u8])[0].Error);
        _lab.Server.Kill();
        _lab.Start(configuration);
        Assert.Equal("second", Encoding.ASCII.GetString(client.QueryConfig()));
        if (isConfigured)
        {
            // Until the configuration says something else.
            _lab.Start(configuration.Replace("first", "third", StringComparison.Ordinal));
            Assert.Equal("third", Encoding.ASCII.GetString(client.QueryConfig()));
        }
    }

    [Fact]
    public void Volume_that_is_deleted_by_force_is_gone_from_the_wire_and_an_image_in_its_place_is_there()
    {
        _lab.Start(Volume);
        Voe("target", "add", "disk0", "--aoe", "1.0");
        using AoeInitiator client = _lab.Connect(1, 0);
        client.Write(0, new byte[4096]);
        byte[] image = [.. Enumerable.Range(0, 64 << 10).Select(index => (byte)(index % 239))];
        string file = _lab.File("image", image.Length);
        File.WriteAllBytes(file, image);
        Voe("import", file, "disk0", "--force");
        client.QueryConfig();
        AssertReads(client, image);
        Voe("volume", "delete", "disk0", "--yes", "--force");
        Assert.Empty(Ask(client));
    }

    // More, if a busy machine answered so late that the client asked again.
    private void AssertWritten(long least)
    {
        using var list = JsonDocument.Parse(Voe("target", "list", "--json"));
        JsonElement target = Assert.Single(list.RootElement.GetProperty("targets").EnumerateArray());
        Assert.InRange(target.GetProperty("activity").GetProperty("writtenBytes").GetInt64(), least, 2 * least);
    }

    private static IReadOnlyList<AoeAnswer> Ask(AoeInitiator client) => client.Ask(ConfigCommand, new byte[8], timeoutMs: 300);

    private static void AssertReads(AoeInitiator client, byte[] expected)
    {
        byte[] found = new byte[expected.Length];
        client.Read(0, found);
        Assert.True(expected.AsSpan().SequenceEqual(found), "what was read is not what was written");
    }

    private string Voe(params string[] arguments)
    {
        using VoeProcess voe = VoeProcess.Start(_lab.Store, arguments);
        Assert.True(voe.Wait() == 0, voe.Error);
        return Encoding.UTF8.GetString(voe.Output);
    }
}
