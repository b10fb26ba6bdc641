using System.Diagnostics;
using System.Globalization;
using Voe.Testing;
using Voe.Testing.Aoe;

namespace Voe.Conformance.Tests.Aoe;

/// <summary>voe-server at one end of a cable: data, access, and an interface that changes, seen by a client at the other.</summary>
public sealed class AoePeerTests
{
    private const int MiB = 1 << 20;
    private const int MaskCommand = 2;
    private const int ReserveCommand = 3;

    [Theory]
    [InlineData(1500, 2, 1)]
    [InlineData(1500, 2, 16)]
    [InlineData(9000, 17, 64)]
    public void What_was_written_is_read_back_and_outlives_the_server(int mtu, int sectors, int depth)
    {
        using var lab = new AoeLab(mtu);
        lab.Start(AoeLab.TwoTargets);
        byte[] data = Bytes(depth == 1 ? MiB / 4 : 8 * MiB, seed: depth);
        using (AoeInitiator client = lab.Connect(1, 0))
        {
            Assert.Equal(sectors, client.SectorsPerFrame);
            client.Depth = depth;
            client.Write(firstSector: 3, data);
            AssertHolds(client, 3, data);
        }

        lab.Server.Kill();
        lab.Start(AoeLab.TwoTargets);
        using AoeInitiator again = lab.Connect(1, 0);
        AssertHolds(again, 3, data);
    }

    [Fact]
    public void Broadcast_is_answered_by_each_target_and_a_stranger_by_none()
    {
        using var lab = new AoeLab();
        lab.Start(AoeLab.TwoTargets);
        using var client = new AoeInitiator(lab.Cable.ClientInterface, 0xffff, 0xff);
        IReadOnlyList<AoeAnswer> answers = client.Ask(1, new byte[8], timeoutMs: 500, isOneEnough: false);
        Assert.Equal([(1, 0), (1, 1)], answers.Select(answer => (answer.Shelf, answer.Slot)).Order());
        Assert.Single(answers.Select(answer => answer.Source).Distinct());
        (client.Shelf, client.TargetSlot) = (1, 2);
        Assert.Empty(client.Ask(1, new byte[8], timeoutMs: 300));
    }

    [Fact]
    public void Access_list_of_the_configuration_lets_nobody_else_in()
    {
        using var lab = new AoeLab();
        using var client = new AoeInitiator(lab.Cable.ClientInterface, 1, 0);
        string mine = string.Join(':', client.Address.Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));
        lab.Start(AoeLab.TwoTargets + "macs = [\"02:00:00:00:00:01\"]\n");
        Assert.Single(client.Ask(1, new byte[8]));
        client.TargetSlot = 1;
        Assert.Empty(client.Ask(1, new byte[8], timeoutMs: 300));
        lab.Start(AoeLab.TwoTargets + $"macs = [\"02:00:00:00:00:01\", \"{mine}\"]\n");
        Assert.Single(client.Ask(1, new byte[8]));
    }

    [Fact]
    public void Mask_list_and_reservation_of_another_shut_the_client_out()
    {
        using var lab = new AoeLab();
        lab.Start(AoeLab.TwoTargets);
        using AoeInitiator client = lab.Connect(1, 0);
        byte[] other = [2, 0, 0, 0, 0, 1];

        // Reserved for another: ATA commands but IDENTIFY are refused with error 6; force set with no address releases.
        Assert.Equal(0, client.Ask(ReserveCommand, [1, 1, .. other])[0].Error);
        Assert.Equal(6, client.Ask(0, [0, 0, 0, 0xe5, 0, 0, 0, 0, 0, 0, 0, 0])[0].Error);
        Assert.Equal(0, client.Ask(ReserveCommand, [2, 0])[0].Error);
        Assert.Equal(0, client.Ask(0, [0, 0, 0, 0xe5, 0, 0, 0, 0, 0, 0, 0, 0])[0].Error);

        // A mask with another in it: this client is not answered any more, but for what set it.
        client.Ask(MaskCommand, [0, 1, 0, 1, 0, 1, .. other], timeoutMs: 500);
        Assert.Empty(client.Ask(1, new byte[8], timeoutMs: 300));
        client.TargetSlot = 1;
        Assert.Single(client.Ask(1, new byte[8]));
    }

    [Fact]
    public void Link_follows_its_interface_through_MTU_and_address_down_and_up()
    {
        using var lab = new AoeLab();
        lab.Start(AoeLab.TwoTargets);
        using AoeInitiator client = lab.Connect(1, 0);
        Assert.Equal(2, client.SectorsPerFrame);
        lab.Cable.SetMtu(9000);
        lab.WaitForLog("MTU 9000, 17 sectors a frame");
        client.QueryConfig();
        Assert.Equal(17, client.SectorsPerFrame);
        byte[] data = Bytes(MiB, seed: 1);
        client.Write(0, data);

        lab.Cable.SetServerInterface("down");
        lab.WaitForLog("lan0 is down: AoE waits for it");
        lab.Cable.SetServerInterface("address", "02:00:00:00:00:77");
        lab.Cable.SetServerInterface("up");
        lab.WaitForLog("lan0: AoE at 02:00:00:00:00:77, MTU 9000");
        client.QueryConfig();
        Assert.Equal(0x02_00_00_00_00_77ul, client.Ask(1, new byte[8])[0].Source);
        AssertHolds(client, 0, data);
    }

    [Fact]
    public void Other_server_with_the_same_address_is_warned_of_whoever_started_first()
    {
        using var lab = new AoeLab();
        ExternalTool.Require("vblade");
        lab.Start(AoeLab.TwoTargets);
        using var other = Process.Start("vblade", ["-r", "1", "1", lab.Cable.ClientInterface, lab.File("other", MiB)]);
        try
        {
            lab.WaitForLog("answers to 1.1 as well");
            lab.Start(AoeLab.TwoTargets);
            lab.WaitForLog("answers to 1.1 as well");
        }
        finally
        {
            other.Kill();
            other.WaitForExit();
        }

        Assert.DoesNotContain("answers to 1.0", lab.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Capability_to_open_packet_sockets_is_all_that_is_needed_and_its_lack_is_explained()
    {
        using var lab = new AoeLab();
        Directory.CreateDirectory(lab.Store);
        HostTool.Run("chmod", "-R", "777", Path.GetDirectoryName(lab.Store)!);
        string[] nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
        var refused = Assert.Throws<InvalidOperationException>(
            () => lab.StartThrough([.. nobody, "--bounding-set", "-all"], AoeLab.TwoTargets));
        Assert.Contains("ended with status 4", refused.Message, StringComparison.Ordinal);
        Assert.Contains("setcap cap_net_raw=ep", refused.Message, StringComparison.Ordinal);
        Assert.Contains("AmbientCapabilities=CAP_NET_RAW", refused.Message, StringComparison.Ordinal);
        lab.StartThrough(
            [.. nobody, "--inh-caps", "-all,+net_raw", "--ambient-caps", "-all,+net_raw", "--bounding-set", "-all,+net_raw"],
            AoeLab.TwoTargets);
        using AoeInitiator client = lab.Connect(1, 0);
        client.Write(0, Bytes(MiB, seed: 2));
    }

    [Theory]
    [InlineData("nothing0", "there is no interface \"nothing0\": there are lan0")]
    [InlineData("lo", "lo is no Ethernet interface")]
    public void Interface_that_cannot_be_used_is_told(string name, string expected)
    {
        using var lab = new AoeLab();
        var refused = Assert.Throws<InvalidOperationException>(() => lab.Start(AoeLab.TwoTargets, "--aoe", name));
        Assert.Contains("ended with status 4", refused.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_are_no_larger_than_the_link_is_told()
    {
        using var lab = new AoeLab(9000);
        lab.Interface = "lan0,mtu=2000";
        lab.Start(AoeLab.TwoTargets);
        using AoeInitiator client = lab.Connect(1, 0);
        Assert.Equal(3, client.SectorsPerFrame);
    }

    private static void AssertHolds(AoeInitiator client, long firstSector, byte[] expected)
    {
        byte[] found = new byte[expected.Length];
        client.Read(firstSector, found);
        Assert.True(expected.AsSpan().SequenceEqual(found), "what was read is not what was written");
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
