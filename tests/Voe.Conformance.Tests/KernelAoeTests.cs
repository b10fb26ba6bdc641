using System.Globalization;
using Voe.Store;
using Voe.Testing;

namespace Voe.Conformance.Tests;

/// <summary>
/// Linux's own AoE driver against voe-server, and the same scripts against vblade: what fails with both is the script's fault.
/// </summary>
[Collection(KernelCollection.Name)]
public sealed class KernelAoeTests : IDisposable
{
    private const string Volumes = """
        [[volume]]
        name = "disk0"
        size = "512MiB"
        [[volume]]
        name = "disk1"
        size = "64MiB"
        [[target]]
        name = "target0"
        volume = "disk0"
        shelf = 1
        slot = 0
        [[target]]
        name = "target1"
        volume = "disk1"
        shelf = 1
        slot = 1
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <param name="payload">Bytes that a frame of this MTU takes: whole sectors behind 36 bytes of headers.</param>
    [Theory]
    [InlineData(1500, "ext4", 1024)]
    [InlineData(9000, "xfs", 8704)]
    public void A_file_system_in_a_partition_is_sound_after_remount_and_check(int mtu, string type, int payload)
    {
        Rig.SkipUnlessPossible();
        RigRun run = Rig.Run(Server(mtu, links: 1), "aoe-file-system.sh", "1.0", type, Number(payload)).AssertSuccess();
        Assert.Contains($"{type} on /dev/etherd/e1.0p2 is sound", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1500)]
    [InlineData(9000)]
    public void Random_writes_to_two_targets_over_two_links_read_back_right(int mtu)
    {
        Assert.SkipUnless(mtu == 9000 || KernelCollection.IsLong, "in the long form only: both MTUs have their test above");
        Rig.SkipUnlessPossible();
        RigRun run = Rig.Run(Server(mtu, links: 2), "aoe-random-writes.sh", "2", "1.0", "1.1").AssertSuccess();
        Assert.Contains("/dev/etherd/e1.0 verified", run.Output, StringComparison.Ordinal);
        Assert.Contains("/dev/etherd/e1.1 verified", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1500, "ext4")]
    [InlineData(9000, "xfs")]
    public void A_file_system_lives_on_while_the_server_is_killed_and_started_again(int mtu, string type)
    {
        Assert.SkipUnless(mtu == 1500 || KernelCollection.IsLong, "in the long form only: the other MTU has its turn");
        Rig.SkipUnlessPossible();
        int kills = KernelCollection.IsLong ? 10 : 2;
        string[] options = [.. Server(mtu, links: 1), "--timeout", Number(120 + (kills * 10))];
        RigRun run = Rig.Run(options, "aoe-restarts.sh", "1.0", Number(kills), type).AssertSuccess();
        Assert.Contains($"over {kills} deaths of the server", run.Output, StringComparison.Ordinal);
        using VoeStore store = VoeStore.Open(Path.Combine(_directory.Path, "store"));
        Assert.Equal(2, store.Volumes.Count);
    }

    [Fact]
    public void One_volume_over_AoE_and_NBD_at_once_is_one_disk()
    {
        Rig.SkipUnlessPossible();
        RigRun run = Rig.Run(Server(1500, links: 1), "aoe-beside-nbd.sh", "1.0", "target0").AssertSuccess();
        Assert.Contains("both see what the other wrote", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1500, "aoe-file-system.sh", "1.0", "ext4", "1024")]
    [InlineData(9000, "aoe-file-system.sh", "1.0", "xfs", "8704")]
    [InlineData(9000, "aoe-random-writes.sh", "1", "1.0")]
    [InlineData(1500, "aoe-restarts.sh", "1.0", "2", "ext4")]
    public void Scripts_find_nothing_wrong_with_vblade(int mtu, string script, params string[] arguments)
    {
        Assert.SkipUnless(KernelCollection.IsLong, "in the long form only: it says something of the scripts, not of voe-server");
        Rig.SkipUnlessPossible();
        string image = Path.Combine(_directory.Path, "disk");
        using (FileStream file = File.Create(image))
        {
            file.SetLength(512 << 20);
        }

        string[] options = ["--mtu", Number(mtu), "--server", $"exec vblade 1 0 voe0 '{image}'", "--ready", "aoe"];
        Rig.Run(options, script, arguments).AssertSuccess();
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string[] Server(int mtu, int links)
    {
        string config = Path.Combine(_directory.Path, "voe.toml");
        File.WriteAllText(config, Volumes);
        IEnumerable<string> interfaces = Enumerable.Range(0, links).SelectMany(link => new[] { "--aoe", $"voe{link}" });
        string[] server = Rig.HostServer(Path.Combine(_directory.Path, "store"), ["--config", config, .. interfaces]);
        return [.. server, "--mtu", Number(mtu), "--links", Number(links)];
    }
}
