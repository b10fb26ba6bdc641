using System.Globalization;
using Voe.Admin.Commands;
using Voe.Store;
using Voe.Store.Verify;

namespace Voe.Tool;

/// <summary>A store's status for people: a line for each subject, then the exports of the server.</summary>
internal static class StatusReport
{
    /// <summary>Prints it.</summary>
    public static void Write(StoreStatus status, TextWriter output)
    {
        Line("store", $"{status.Path}, {status.Id}, {status.Hash}");
        Line("server", status.Server is { } server
            ? $"{server.Program}, process {server.ProcessId}, up {Duration(server.UptimeSeconds)}{(server.IsReadOnly ? ", read-only" : "")}"
            : "none runs; opened by this program");
        if (status.Server is { } listening)
        {
            Line("listens", listening.Listeners.Count > 0 ? string.Join(", ", listening.Listeners) : "nowhere");
            Line("clients", Number(listening.Connections));
        }

        Line("volumes", $"{status.Volumes}, {ByteSize.Round(status.VolumeBytes)}, of which {ByteSize.Round(status.MappedBytes)} hold data");
        Line("stored", $"{ByteSize.Round(status.StoredBytes)} in {Number(status.Chunks)} chunks, at most "
            + $"{ByteSize.Round(status.MaxLiveBytes)} of it in use");
        string free = status.FileSystem is { } disk
            ? $"; {ByteSize.Round(disk.FreeBytes)} of {ByteSize.Round(disk.TotalBytes)} are free on the disk"
            : "";
        Line("packs", $"{status.Packs}, {ByteSize.Round(status.PackBytes)}{free}");
        Line("ratio", status.StoredBytes == 0 || status.MappedBytes == 0
            ? "nothing is stored yet"
            : $"deduplication {Commands.Ratio(status.DeduplicationRatio)}, compression {Commands.Ratio(status.CompressionRatio)}, together "
                + Commands.Ratio(status.DeduplicationRatio * status.CompressionRatio));
        LogStatus log = status.Log;
        Line("log", $"batch {Number(log.AppliedLsn)} written, {Number(log.DurableLsn)} durable, {Number(log.CheckpointLsn)} in the index"
            + (log.BytesSinceCheckpoint > 0 ? $"; {ByteSize.Round(log.BytesSinceCheckpoint)} to replay after a crash" : ""));
        if (log.Failure is { } failure)
        {
            Line("failed", $"{failure}: writes are refused until the disk works again");
        }

        Line("scrub", status.LastScrub is { } scrub ? Scrub(scrub) : "never done");
        Line("memory", Memory(status.Memory));
        if (status.Server is { Exports.Count: > 0 } serving)
        {
            output.WriteLine();
            var table = new TextTable("EXPORT", "SIZE", "CLIENTS");
            foreach (ExportStatus export in serving.Exports)
            {
                table.Add(export.Name, ByteSize.Format(export.Size), Number(export.Connections));
            }

            table.Write(output);
        }

        void Line(string subject, string text) => output.WriteLine($"{subject,-8} {text}");
    }

    /// <summary>Prints what a scrub found.</summary>
    public static void WriteScrub(ScrubReply reply, TextWriter output)
    {
        foreach (FindingReport finding in reply.Findings)
        {
            string place = finding.Pack is { } pack ? FormattableString.Invariant($"pack {pack}, offset {finding.Offset}: ") : "";
            output.WriteLine($"{finding.Code} {finding.Severity}: {place}{finding.Message}");
            foreach (AffectedReport range in finding.Affected)
            {
                output.WriteLine(FormattableString.Invariant(
                    $"    hurts volume \"{range.Volume}\", bytes {range.Offset} to {range.Offset + range.Length - 1}"));
            }

            if (finding.MoreBytes > 0)
            {
                output.WriteLine($"    and {ByteSize.Round(finding.MoreBytes)} more");
            }
        }

        if (reply.OmittedFindings > 0)
        {
            output.WriteLine($"and {Number(reply.OmittedFindings)} more");
        }

        output.WriteLine($"{Verdict(reply.Summary)}: {Number(reply.Packs)} packs, {Number(reply.Summary.Chunks)} chunks, "
            + $"{ByteSize.Round(reply.Summary.Bytes)} verified in {Duration(reply.Summary.Seconds)}");
    }

    private static string Scrub(ScrubStatus scrub) =>
        $"{Verdict(scrub)}, {Commands.Time(scrub.Finished)}: {ByteSize.Round(scrub.Bytes)} in "
         + Duration(scrub.Seconds) + (scrub.Codes.Count > 0 ? $"; {string.Join(", ", scrub.Codes)}" : "");

    private static string Verdict(ScrubStatus scrub) => scrub switch
    {
        { Damage: > 0 } => $"DAMAGED, {Number(scrub.Damage)} findings",
        { Repairable: > 0 } => "sound, but with something to repair",
        _ => "sound",
    };

    private static string Memory(MemoryStatus memory)
    {
        long lookups = memory.ChunkCacheHits + memory.ChunkCacheMisses;
        string hits = lookups > 0
            ? string.Create(CultureInfo.InvariantCulture, $", {100.0 * memory.ChunkCacheHits / lookups:F0} % hits")
            : "";
        return $"chunk cache {ByteSize.Round(memory.ChunkCacheBytes)} of {ByteSize.Round(memory.ChunkCacheSize)}{hits}; index up to "
            + $"{ByteSize.Round(memory.IndexMemory)}, RocksDB up to {ByteSize.Round(memory.RocksDbMemory)}";
    }

    private static string Number<T>(T number)
        where T : IFormattable => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Duration(double seconds)
    {
        var time = TimeSpan.FromSeconds(seconds);
        return time switch
        {
            { TotalDays: >= 1 } => FormattableString.Invariant($"{(int)time.TotalDays} d {time.Hours} h"),
            { TotalHours: >= 1 } => FormattableString.Invariant($"{(int)time.TotalHours} h {time.Minutes} min"),
            { TotalMinutes: >= 1 } => FormattableString.Invariant($"{(int)time.TotalMinutes} min {time.Seconds} s"),
            _ => FormattableString.Invariant($"{(int)time.TotalSeconds} s"),
        };
    }
}
