using System.Globalization;

namespace Voe.Conformance.Tests.Aoe;

/// <summary>The programs of aoetools that speak AoE themselves, without the kernel's driver.</summary>
public sealed class AoeToolTests : IDisposable
{
    private readonly AoeLab _lab;

    public AoeToolTests()
    {
        _lab = new AoeLab();
        _lab.Start(AoeLab.TwoTargets);
    }

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Config_string_is_set_tested_and_refused_as_aoecfg_expects()
    {
        Assert.Equal("first", Config("fset", "first"));
        Assert.Equal("first", Config("read"));
        Assert.Equal("first", Config("set", "first"));
        Assert.Equal("*badcfg*", Config("set", "other"));
        Assert.Equal("first", Config("test", "first"));
        Assert.Equal("", Config("test", "firs"));
        Assert.Equal("first", Config("prefix", "firs"));
        Assert.Equal("", Config("prefix", "other"));
        Assert.Equal("", Config("fset", ""));
    }

    [Fact]
    public void All_targets_answer_the_broadcast_of_aoecfg()
    {
        Config("fset", "mine");
        string report = ExternalTool.Run("aoecfg", "-t", "1", _lab.Cable.ClientInterface);
        Assert.Matches(@"(?m)1\.0\s+mine", report);
        Assert.Matches(@"(?m)1\.1\s", report);
    }

    [Fact]
    public void Ping_and_identify_are_answered()
    {
        ExternalTool.Run("aoeping", "-s", "2", "1", "0", _lab.Cable.ClientInterface);
        string identity = ExternalTool.Run("aoeping", "-s", "2", "-I", "1", "0", _lab.Cable.ClientInterface);
        Assert.Contains("serial_number: ", identity, StringComparison.Ordinal);
        Assert.Contains("model: ", identity, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1500, 1024)]
    [InlineData(9000, 8704)]
    public void Sancheck_finds_each_target_once_with_frames_of_the_MTU(int mtu, int payload)
    {
        if (mtu != 1500)
        {
            _lab.Cable.SetMtu(mtu);
            _lab.WaitForLog("MTU 9000");
        }

        string report = ExternalTool.Run("aoe-sancheck", _lab.Cable.ClientInterface);
        string size = payload.ToString(CultureInfo.InvariantCulture);
        Assert.Matches($@"(?m)^e1\.0\s+1\s+{size}\s", report);
        Assert.Matches($@"(?m)^e1\.1\s+1\s+{size}\s", report);
    }

    // aoecfg ends with 0 whether it was answered or not; what it prints tells.
    private string Config(string command, string? text = null)
    {
        string[] value = text is null ? [] : ["-s", text];
        return ExternalTool.Run("aoecfg", ["-t", "1", "-c", command, .. value, "1", "0", _lab.Cable.ClientInterface]).Trim();
    }
}
