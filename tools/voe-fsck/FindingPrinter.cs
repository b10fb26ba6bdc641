using System.Globalization;
using System.Text.Json;
using Voe.Store;
using Voe.Store.Verify;

namespace Voe.Fsck;

/// <summary>Prints what a verification found: lines for people, or one JSON object (docs/fsck.md, "JSON").</summary>
/// <param name="output">Where to.</param>
internal sealed class FindingPrinter(TextWriter output)
{
    // Beyond, a line says how many more: the JSON has them all.
    private const int MaxRangesShown = 8;
    private static readonly JsonSerializerOptions Json = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints a result as JSON.</summary>
    public void WriteJson(string path, VerifyResult result) => output.WriteLine(JsonSerializer.Serialize(
        new
        {
            store = path,
            depth = result.Depth == VerifyDepth.Deep ? "deep" : "quick",
            sound = result.IsSound,
            clean = result.IsClean,
            packs = result.Packs,
            batches = result.Batches,
            chunks = result.Chunks,
            bytes = result.Bytes,
            findings = result.Findings.Select(FindingReport.Of),
            omittedFindings = result.OmittedFindings,
        },
        Json));

    /// <summary>Prints a result for people.</summary>
    public void WriteText(string path, VerifyResult result)
    {
        foreach (Finding finding in result.Findings)
        {
            Write(finding);
        }

        if (result.OmittedFindings > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"and {result.OmittedFindings} more of the same kinds"));
        }

        string verdict = result.IsClean ? "sound" : result.IsSound ? "sound, but with something to repair" : "DAMAGED";
        string how = result.Depth == VerifyDepth.Deep ? "" : ", chunks not read";
        string counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{result.Packs} packs, {result.Batches} batches, {result.Chunks} chunks, {result.Bytes} bytes");
        output.WriteLine($"{path}: {verdict}: {counts} verified{how}");
        if (!result.IsClean)
        {
            output.WriteLine("docs/fsck.md says what each code means and what to do");
        }
    }

    /// <summary>Prints one finding, with what it hurts.</summary>
    public void Write(Finding finding)
    {
        output.WriteLine(finding);
        foreach (AffectedRange range in finding.Affected.Take(MaxRangesShown))
        {
            output.WriteLine($"    hurts {range}");
        }

        long more = finding.MoreBytes + finding.Affected.Skip(MaxRangesShown).Sum(static range => range.Length);
        if (more > 0)
        {
            output.WriteLine($"    and {ByteSize.Round(more)} more");
        }
    }
}
