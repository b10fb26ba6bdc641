using Voe.Store;
using Voe.Testing;

namespace Voe.Conformance.Tests;

/// <summary>Linux's own NBD client, with a file system on top, against voe-server.</summary>
[Collection(KernelCollection.Name)]
public sealed class KernelNbdTests
{
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    public void A_file_system_is_sound_after_remount_trim_and_check(string type)
    {
        Rig.SkipUnlessPossible();
        using var store = new TemporaryDirectory();
        RigRun run = Rig.Run(Rig.HostServer(store.Path, "--volume", "disk0=512MiB"), "file-system.sh", "disk0", type).AssertSuccess();
        Assert.Contains(" bytes) trimmed", run.Output, StringComparison.Ordinal);
        Assert.Contains($"{type} on /dev/nbd0 is sound", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_writes_of_any_size_read_back_right()
    {
        Rig.SkipUnlessPossible();
        using var store = new TemporaryDirectory();
        RigRun run = Rig.Run(Rig.HostServer(store.Path, "--volume", "disk0=64MiB"), "random-writes.sh", "disk0").AssertSuccess();
        Assert.Contains("/dev/nbd0 verified", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none", "4KiB")]
    [InlineData("zstd", "16KiB")]
    public void Equal_files_take_the_space_of_one(string compression, string chunkSize)
    {
        Rig.SkipUnlessPossible();
        const int copies = 8;
        const int mib = 16;
        using var store = new TemporaryDirectory();
        string volume = $"disk0=256MiB,compression={compression},chunk-size={chunkSize}";
        Rig.Run(Rig.HostServer(store.Path, "--volume", volume, "--pack-size", "4MiB"), "dedup.sh", "disk0", $"{mib}", $"{copies}")
            .AssertSuccess();

        // Of 9 times 16 MiB the file system wrote, 2 times 16 are distinct; the rest is its own metadata and one open pack.
        long stored = new DirectoryInfo(Path.Combine(store.Path, "packs")).EnumerateFiles().Sum(pack => pack.Length);
        Assert.InRange(stored, 2L * mib * MiB, 3L * mib * MiB);
    }

    [Theory]
    [InlineData("ext4", 3)]
    [InlineData("xfs", 1)]
    [InlineData("btrfs", 1)]
    public void A_file_system_lives_on_while_the_server_is_killed_and_started_again(string type, int kills)
    {
        Rig.SkipUnlessPossible();
        kills = KernelCollection.IsLong ? 20 : kills;
        using var store = new TemporaryDirectory();
        string[] server = Rig.HostServer(store.Path, "--volume", "disk0=512MiB", "--pack-size", "4MiB");
        string[] options = [.. server, "--timeout", $"{120 + (kills * 10)}"];
        RigRun run = Rig.Run(options, "restarts.sh", "disk0", $"{kills}", type).AssertSuccess();
        Assert.Contains($"over {kills} deaths of the server", run.Output, StringComparison.Ordinal);
        Assert.Contains("nbd-hold: /dev/nbd0 is connected again", run.Output, StringComparison.Ordinal);
        using VoeStore opened = VoeStore.Open(store.Path);
        Assert.Equal("disk0", Assert.Single(opened.Volumes).Name);
    }
}
