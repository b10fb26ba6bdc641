using Voe.Store.Verify;

namespace Voe.Admin.Commands;

/// <summary>Verifies all packs of a store that is in use.</summary>
internal static class ScrubCommand
{
    private const int MaxFindings = 1000; // of a reply, whose line is bounded
    private const int MaxRanges = 100;
    private const int MaxTold = 100; // findings that come to the log of a server

    /// <summary>Scrubs. Damage that is found is the reply, no error.</summary>
    public static ScrubReply Run(AdminContext context, ScrubRequest request, AdminSession session)
    {
        if (request.MaxBytesPerSecond < 0)
        {
            throw new AdminException(AdminErrorKind.Invalid, $"a rate of {request.MaxBytesPerSecond} bytes a second is not possible");
        }

        TimeProvider clock = context.Options.Clock;
        long start = clock.GetTimestamp();
        VerifyResult result = context.Store.Scrub(new ScrubOptions
        {
            MaxBytesPerSecond = request.MaxBytesPerSecond ?? context.ScrubBytesPerSecond,
            Cancellation = session.Cancellation,
            Progress = step => session.Report(step.Operation, step.Done, step.Total),
        });
        foreach (Finding finding in result.Findings.OrderByDescending(static finding => finding.Severity).Take(MaxTold))
        {
            context.ScrubFinding?.Invoke(finding);
        }

        var status = new ScrubStatus(
            clock.GetUtcNow(),
            clock.GetElapsedTime(start).TotalSeconds,
            result.Bytes,
            result.Chunks,
            Count(result, Severity.Damage),
            Count(result, Severity.Repairable),
            Count(result, Severity.Note),
            [.. result.Findings.Select(static finding => finding.Kind.Id).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]);
        context.Scrubs.Keep(status);
        FindingReport[] findings = [.. result.Findings.Take(MaxFindings).Select(Report)];
        return new ScrubReply(
            status, result.Packs, result.Batches, result.IsSound, result.IsClean, findings,
            result.OmittedFindings + result.Findings.Count - findings.Length);
    }

    private static int Count(VerifyResult result, Severity severity) =>
        result.Findings.Count(finding => finding.Severity == severity);

    private static FindingReport Report(Finding finding)
    {
        FindingReport report = FindingReport.Of(finding);
        return report with
        {
            Affected = [.. report.Affected.Take(MaxRanges)],
            MoreBytes = report.MoreBytes + report.Affected.Skip(MaxRanges).Sum(static range => range.Length),
        };
    }
}
