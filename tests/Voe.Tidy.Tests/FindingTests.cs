using System.Text.RegularExpressions;

namespace Voe.Tidy.Tests;

/// <summary>Every code that voe-fsck prints is explained, and nothing else is.</summary>
public sealed partial class FindingTests
{
    [Fact]
    public void Every_code_has_a_severity_and_a_section_in_the_docs_and_the_reverse()
    {
        var numbers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (Match match in CodeRegex().Matches(SourceTree.Read("src/Voe.Store/Verify/FindingCode.cs")))
        {
            numbers.Add(match.Groups["name"].Value, "VF" + match.Groups["number"].Value.PadLeft(3, '0'));
        }

        Assert.True(numbers.Count > 30);
        var expected = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Match match in KindRegex().Matches(SourceTree.Read("src/Voe.Store/Verify/FindingKind.cs")))
        {
            Assert.True(numbers.Remove(match.Groups["name"].Value, out string? number), $"{match.Groups["name"].Value} has no number");
            expected.Add($"{number} {match.Groups["severity"].Value}");
        }

        Assert.Empty(numbers); // those without a severity
        string[] sections =
            [.. SectionRegex().Matches(SourceTree.Read("docs/fsck.md")).Select(
                static match => $"{match.Groups["code"].Value} {match.Groups["severity"].Value}")];
        Assert.Equal([.. expected], sections.AsSpan());
    }

    [GeneratedRegex(@"^    (?<name>\w+) = (?<number>\d+),", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex CodeRegex();

    [GeneratedRegex(@"new\(FindingCode\.(?<name>\w+), Severity\.(?<severity>\w+),", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex KindRegex();

    [GeneratedRegex(@"^### (?<code>VF\d{3})\n(?<severity>\w+):", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex SectionRegex();
}
