using Voe.Store;
using Voe.Testing;
using Voe.Tool;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Tool.ExitStatus; // here, since the server's own is nearer else

/// <summary>The command line of voe: help, mistakes, stores that cannot be opened, completion.</summary>
public sealed class VoeUsageTests() : VoeBench(isServed: false)
{
    [Fact]
    public void A_store_in_use_is_left_alone_and_who_uses_it_is_told()
    {
        using VoeStore other = VoeStore.Open(StorePath, new StoreOptions { ChunkCacheSize = 0, Holder = "another program" });
        Refuses(ExitStatus.Store, "the store is in use", "status");
        Assert.Contains($"held by another program, process {Environment.ProcessId}", Error, StringComparison.Ordinal);
        Assert.Contains("does not answer at admin.sock", Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_holds_no_store_is_left_as_it_is()
    {
        string empty = FilePath("empty");
        Assert.Equal(ExitStatus.Store, Invoke("--store", empty, "status"));
        Assert.False(Directory.Exists(empty));
        Directory.CreateDirectory(empty);
        Assert.Equal(ExitStatus.Store, Invoke("--store", empty, "volume", "create", "a", "--size", "1M"));
        Assert.Contains("holds no store", Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(empty));
    }

    [Theory]
    [InlineData("--store", "status")] // the one that is given no store
    [InlineData("Required command")]
    [InlineData("Required command", "volume")]
    [InlineData("--size", "volume", "create", "a")]
    [InlineData("SIZE", "volume", "resize", "a")]
    [InlineData("KiB, MiB", "volume", "create", "a", "--size", "10GB")]
    [InlineData("KiB, MiB", "volume", "resize", "a", "-1")]
    [InlineData("zstd:LEVEL", "volume", "create", "a", "--size", "1M", "--compression", "gzip")]
    [InlineData("--compression", "volume", "set", "a")]
    [InlineData("NEW-NAME", "volume", "rename", "a")]
    [InlineData("NAME", "import", "file")]
    [InlineData("frobnicate", "status", "--frobnicate")]
    [InlineData("bash", "completion", "csh")]
    public void Mistakes_are_told_with_what_would_be_right(string reason, params string[] arguments)
    {
        Assert.Equal(ExitStatus.Usage, Invoke(arguments is ["status"] ? arguments : ["--store", StorePath, .. arguments]));
        Assert.Contains(reason, Error, StringComparison.Ordinal);
        Assert.Contains("--help", Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_names_the_commands_and_the_exit_statuses()
    {
        Assert.Equal(0, Invoke("--help"));
        Assert.All(
            new[] { "--store", "--json", "status", "volume", "import", "export", "completion", "Exit status" },
            text => Assert.Contains(text, Output, StringComparison.Ordinal));
        Assert.Equal(0, Invoke("volume", "--help"));
        Assert.All(
            new[] { "list", "show", "create", "resize", "rename", "set", "delete" },
            text => Assert.Contains(text, Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("voe vol", "volume")]
    [InlineData("voe volume re", "--store create rename resize")]
    [InlineData("voe --store x export -", "--force --help --json --store -? -h")]
    [InlineData("voe volume set a --compression ", "lz4 none zstd")]
    public void Shells_are_told_what_can_come_next(string line, string expected)
    {
        Assert.Equal(0, Invoke($"[suggest:{line.Length}]", line));
        Assert.Equal(expected, string.Join(' ', Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completion_scripts_ask_voe_itself(string shell)
    {
        Assert.Equal(0, Invoke("completion", shell));
        Assert.Contains("[suggest:", Output, StringComparison.Ordinal);
    }
}
