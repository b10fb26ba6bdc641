using System.Globalization;
using System.Text.RegularExpressions;
using Voe.Testing;

namespace Voe.Conformance.Tests;

/// <summary>
/// voe-server in a machine whose power is cut: what the kernel's client flushed is there at the next start, and no block is torn (P2, P3);
/// without the index too (P5), and voe-fsck finds it sound. What a life checks and writes is in tests/rig/scripts/power-cut.py.
/// </summary>
[Collection(KernelCollection.Name)]
public sealed partial class KernelPowerCutTests(ITestOutputHelper output)
{
    // The moments are not repeatable, for the machine runs in real time; what is written, and about when the power goes, is.
    private static int Seed =>
        int.TryParse(Environment.GetEnvironmentVariable("VOE_POWER_CUT_SEED"), CultureInfo.InvariantCulture, out int seed) ? seed : 1;

    /// <param name="cache">"kept": what reached the disk but was not flushed survives; "lost": it does not.</param>
    [Theory]
    [InlineData("kept")]
    [InlineData("lost")]
    public void What_was_flushed_survives_the_loss_of_power(string cache)
    {
        Rig.SkipUnlessPossible();
        output.WriteLine($"VOE_POWER_CUT_SEED={Seed}");
        var chance = new Random(Seed);
        using var directory = new TemporaryDirectory();
        string programs = Path.Combine(directory.Path, "programs");
        string share = Directory.CreateDirectory(Path.Combine(directory.Path, "share")).FullName;
        Rig.CopyServer(programs);
        string[] machine = ["--programs", programs, "--share", share, "--disk", Path.Combine(directory.Path, "disk") + ":1G",
            "--timeout", "300", .. cache == "lost" ? ["--volatile"] : Array.Empty<string>()];

        int lives = KernelCollection.IsLong ? 25 : 3;
        var acknowledged = new List<string>();
        for (int life = 0; life < lives; life++)
        {
            // Every third time at any moment, be it while voe-fsck reads or the server replays its log; else after some flush.
            string[] cut = life % 3 == 2
                ? ["--kill-after", (2 + (chance.NextDouble() * 16)).ToString("F1", CultureInfo.InvariantCulture)]
                : ["--kill-on", $"FLUSH {chance.Next(1, 40)}:"];
            RigRun run = Rig.Run([.. machine, .. cut], "power-cut.py", $"{Seed}", $"{life}", string.Join(',', acknowledged), "write");
            output.WriteLine($"life {life}, {cut[0]} {cut[1]}:\n{run.Output}");
            run.AssertSuccess();
            acknowledged.Add($"{life}:{LastAcknowledged(run.Output)}");
        }

        RigRun last = Rig.Run(machine, "power-cut.py", $"{Seed}", $"{lives}", string.Join(',', acknowledged), "verify").AssertSuccess();
        Assert.Contains("VERIFIED from the packs alone", last.Output, StringComparison.Ordinal);
        Assert.Contains(acknowledged, pair => !pair.EndsWith(":0", StringComparison.Ordinal)); // else nothing was tested
    }

    /// <summary>The client never flushes, and neither does Linux's driver: what was answered is durable all the same (P2).</summary>
    [Fact]
    public void What_AoE_answered_survives_the_loss_of_power_without_any_flush()
    {
        Rig.SkipUnlessPossible();
        output.WriteLine($"VOE_POWER_CUT_SEED={Seed}");
        var chance = new Random(Seed);
        using var directory = new TemporaryDirectory();
        string programs = Path.Combine(directory.Path, "programs");
        Rig.CopyServer(programs);
        string[] machine =
            ["--programs", programs, "--disk", Path.Combine(directory.Path, "disk") + ":1G", "--timeout", "300", "--volatile"];

        int lives = KernelCollection.IsLong ? 10 : 1;
        var acknowledged = new List<string>();
        for (int life = 0; life < lives; life++)
        {
            RigRun run = Rig.Run(
                [.. machine, "--kill-on", $"ACK {chance.Next(100, 1000)}."], "aoe-power-cut.py", $"{life}", string.Join(',', acknowledged),
                "write");
            run.AssertSuccess();
            acknowledged.Add($"{life}:{LastAcknowledged(run.Output)}");
        }

        RigRun last = Rig.Run(machine, "aoe-power-cut.py", $"{lives}", string.Join(',', acknowledged), "verify").AssertSuccess();
        output.WriteLine($"{string.Join(',', acknowledged)}:\n{last.Output}");
        Assert.DoesNotContain("KEPT 0.", last.Output, StringComparison.Ordinal);
        Assert.Contains("KEPT ", last.Output, StringComparison.Ordinal);
    }

    private static string LastAcknowledged(string output) =>
        Acknowledgement().Matches(output) is [.., var last] ? last.Groups["operation"].Value : "0";

    [GeneratedRegex(@"ACK (?<operation>[0-9]+)\.", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Acknowledgement();
}
