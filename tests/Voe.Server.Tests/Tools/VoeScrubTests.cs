using System.Text.Json;
using Voe.Server.Configuration;
using Voe.Server.Hosting;

namespace Voe.Server.Tests.Tools;

/// <summary><c>voe scrub</c>, whoever has the store open.</summary>
public abstract class VoeScrubTests(bool isServed) : VoeBench(isServed)
{
    [Fact]
    public void A_scrub_says_what_is_hurt_ends_with_5_and_is_told_by_the_status()
    {
        byte[] noise = new byte[64 * 4096];
        new Random(5).NextBytes(noise);
        File.WriteAllBytes(FilePath("image"), noise);
        Does("import", FilePath("image"), "a");
        Assert.Contains("never done", Does("status"), StringComparison.Ordinal);
        Assert.StartsWith("sound: 1 packs, 64 chunks", Does("scrub", "--max-bytes-per-second", "0"), StringComparison.Ordinal);

        string pack = Path.Combine(StorePath, "packs", "0000000001.pack");
        byte[] bytes = ReadShared(pack);
        int offset = bytes.AsSpan().IndexOf(noise.AsSpan(4096, 4096));
        Assert.True(offset > 0);
        using (FileStream file = File.Open(pack, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = offset + 77;
            file.WriteByte((byte)(bytes[offset + 77] ^ 1));
        }

        Assert.Equal(5, Invoke("--store", StorePath, "scrub", "--max-bytes-per-second", "1GiB"));
        Assert.StartsWith($"VF030 damage: pack 1, offset {offset}: chunk ", Output, StringComparison.Ordinal);
        Assert.Contains("    hurts volume \"a\", bytes 4096 to 8191\n", Output, StringComparison.Ordinal);
        Assert.Contains("the store is damaged", Error, StringComparison.Ordinal);

        Assert.Equal(5, Invoke("--store", StorePath, "scrub", "--max-bytes-per-second", "0", "--json"));
        JsonElement finding = Assert.Single(
            JsonSerializer.Deserialize<JsonElement>(Output).GetProperty("findings").EnumerateArray());
        Assert.Equal(("VF030", offset), (finding.GetProperty("code").GetString(), finding.GetProperty("offset").GetInt32()));
        JsonElement status = Json("status").GetProperty("lastScrub");
        Assert.Equal((1, "VF030"), (status.GetProperty("damage").GetInt32(), status.GetProperty("codes")[0].GetString()));
        Assert.Contains("DAMAGED, 1 findings", Does("status"), StringComparison.Ordinal);
        if (Server is { } server)
        {
            Assert.Contains("scrub: VF030 Damage: pack 1", server.Log, StringComparison.Ordinal);
        }
    }

    private static byte[] ReadShared(string path)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }
}

/// <summary>With no server.</summary>
public sealed class VoeScrubDirectTests() : VoeScrubTests(isServed: false);

/// <summary>By a server.</summary>
public sealed class VoeScrubServedTests() : VoeScrubTests(isServed: true);

/// <summary>When a server scrubs by itself.</summary>
public sealed class ScrubScheduleTests
{
    [Theory]
    [InlineData(null, 168.0, 1.0)] // never scrubbed: an hour after the start
    [InlineData(null, 0.5, 0.5)]
    [InlineData(-24.0, 168.0, 144.0)]
    [InlineData(-1000.0, 168.0, 1.0)] // long due, but a start has other things to do
    public void The_next_scrub_is_due_after_the_last(double? lastHours, double intervalHours, double expectedHours)
    {
        DateTimeOffset start = DateTimeOffset.UnixEpoch;
        DateTimeOffset? last = lastHours is { } hours ? start.AddHours(hours) : null;
        Assert.Equal(start.AddHours(expectedHours), ScrubService.NextDue(start, last, TimeSpan.FromHours(intervalHours)));
    }

    [Theory]
    [InlineData("7d", 7 * 24 * 60)]
    [InlineData("12h", 12 * 60)]
    [InlineData("90m", 90)]
    [InlineData("never", 0)]
    public void Durations_are_days_hours_or_minutes(string text, int minutes)
    {
        var mistakes = new Mistakes();
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, $"[store]\npath = \"/x\"\n[scrub]\nevery = \"{text}\"\n");
            Assert.Equal(TimeSpan.FromMinutes(minutes), ServerConfiguration.Read(new Arguments(path, [], []), mistakes).ScrubInterval);
            Assert.Empty(mistakes.All);
            foreach (string bad in (string[])["7", "d", "7w", "-1d", "0d", "1001d", ""])
            {
                File.WriteAllText(path, $"[store]\npath = \"/x\"\n[scrub]\nevery = \"{bad}\"\n");
                _ = ServerConfiguration.Read(new Arguments(path, [], []), mistakes);
                Assert.Contains("is no duration", mistakes.All.Last(), StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
