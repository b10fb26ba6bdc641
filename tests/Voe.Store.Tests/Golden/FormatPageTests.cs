using System.Globalization;
using System.Text.RegularExpressions;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Store.Tests.Golden;

/// <summary>docs/format.md in step with the program.</summary>
public sealed partial class FormatPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "format.md"));

    [Fact]
    public void The_example_is_what_the_program_writes()
    {
        var disk = new SimulatedDisk();
        using var index = new TemporaryDirectory(inMemory: true);
        using (VoeStore store = VoeStore.Open(disk.Root, index.Path, GoldenStore.Options))
        {
            byte[] ones = new byte[4096];
            Array.Fill(ones, (byte)1);
            store.CreateVolume("a", 8192, 4096, CompressionSetting.None).Write([new BlockWrite(0, ones)]);
        }

        byte[] pack = disk.Content("packs/0000000001.pack");
        (int start, byte[] example) = Example();
        Assert.Equal(Dump(pack.AsSpan(start, example.Length), start), Dump(example, start));
        Assert.Equal(64 + 56 + 56, example.Length); // header, a Chunks record, an Extent record
        Assert.Contains($"at offset {start},", Page, StringComparison.Ordinal);
        Assert.Equal(start + example.Length + 4096 + 64, pack.Length); // behind it, the empty batch of the closing
        Assert.False(pack.AsSpan(start + example.Length, 4096).ContainsAnyExcept((byte)1));
    }

    // The lines of the last block of code: offset in decimal, then 32 bytes in hexadecimal.
    private static (int Start, byte[] Bytes) Example()
    {
        Match[] lines = [.. (IEnumerable<Match>)ExampleLine().Matches(Page[Page.IndexOf("## An example", StringComparison.Ordinal)..])];
        Assert.NotEmpty(lines);
        return (int.Parse(lines[0].Groups["offset"].ValueSpan, CultureInfo.InvariantCulture),
            [.. lines.SelectMany(static line => Convert.FromHexString(line.Groups["hex"].ValueSpan))]);
    }

    private static string Dump(ReadOnlySpan<byte> bytes, int start)
    {
        var lines = new List<string>();
        for (int at = 0; at < bytes.Length; at += 32)
        {
            lines.Add($"{start + at}  {Convert.ToHexStringLower(bytes[at..Math.Min(at + 32, bytes.Length)])}");
        }

        return string.Join('\n', lines);
    }

    [GeneratedRegex(
        @"^(?<offset>\d{4})  (?<hex>[0-9a-f]+)$", RegexOptions.Multiline | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex ExampleLine();
}
