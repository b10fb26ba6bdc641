using System.CommandLine;
using System.Text.Json;
using Voe.Store;
using Voe.Store.Recovery;
using Voe.Store.Repair;
using Voe.Store.Verify;

namespace Voe.Fsck;

/// <summary>The commands <c>repair</c> and <c>rebuild-index</c>: those that change a store.</summary>
internal static class RepairCommand
{
    /// <summary>Repairs a store.</summary>
    public static Command CreateRepair()
    {
        var store = new Argument<string>("STORE") { Description = "The store's directory." };
        var from = new Option<string[]>("--from")
        {
            Description = "Where lost data may be found: the directory of another store, or a raw image. May be repeated.",
            HelpName = "STORE|IMAGE",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be done, and change nothing." };
        var older = new Option<bool>("--accept-older-data")
        {
            Description = "Go on where writes are lost of which nobody can tell what they changed: volumes show older content there.",
        };
        var json = new Option<bool>("--json") { Description = "Print the result as one JSON object." };
        var command = new Command("repair",
            "Restore what is damaged from wherever it can be had; put the rest into STORE/lost+found, and remember it as lost: reading it "
            + "stays an error. Every step survives a crash.") { store, from, dryRun, older, json };
        command.SetAction(result => Repair(result.GetRequiredValue(store), result.GetValue(json), new RepairOptions
        {
            From = result.GetValue(from) ?? [],
            IsDryRun = result.GetValue(dryRun),
            AcceptsOlderData = result.GetValue(older),
        }));
        return command;
    }

    /// <summary>Rebuilds a store's index.</summary>
    public static Command CreateRebuildIndex()
    {
        var store = new Argument<string>("STORE") { Description = "The store's directory." };
        const string Description = "Make the index anew from the packs. The old one stays until the new one is complete.";
        var command = new Command("rebuild-index", Description) { store };
        command.SetAction(result => Guarded(json: false, meter =>
        {
            string path = result.GetRequiredValue(store);
            RecoveryReport report = IndexRebuild.Run(path, new StoreOptions { CreateIfMissing = false, Progress = meter.Report });
            meter.Clear();
            Console.WriteLine(
                $"{path}: the index was made anew from {report.ReplayedBatches} batches, {report.ReplayedBytes} bytes of log");
            return ExitStatus.Corrected;
        }));
        return command;
    }

    private static int Repair(string path, bool json, RepairOptions options) => Guarded(json, meter =>
    {
        RepairResult result = StoreRepair.Run(path, options with { Progress = meter.Report });
        meter.Clear();
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                store = path,
                dryRun = options.IsDryRun,
                outcome = JsonNamingPolicy.CamelCase.ConvertName(result.Outcome.ToString()),
                refusal = result.Refusal,
                steps = result.Steps.Select(static step => StepReport.Of(step)),
                lost = result.Lost.Select(static range => new AffectedReport(range.Volume, range.VolumeId, range.Offset, range.Length)),
            }));
        }
        else
        {
            Print(path, options, result);
        }

        return result.Outcome switch
        {
            RepairOutcome.Clean => ExitStatus.Clean,
            RepairOutcome.Corrected => ExitStatus.Corrected,
            RepairOutcome.CorrectedWithLosses => ExitStatus.Corrected | ExitStatus.Uncorrected,
            _ => ExitStatus.Uncorrected,
        };
    });

    private static void Print(string path, RepairOptions options, RepairResult result)
    {
        foreach (RepairStep step in result.Steps)
        {
            Console.WriteLine(step);
        }

        foreach (AffectedRange range in result.Lost)
        {
            Console.WriteLine($"lost: {range}");
        }

        if (result.Refusal is { } refusal)
        {
            Console.WriteLine($"{path}: not repaired: {refusal}");
            return;
        }

        Console.WriteLine(result.Outcome switch
        {
            RepairOutcome.Clean => $"{path}: nothing to repair",
            RepairOutcome.Corrected => $"{path}: repaired; nothing is lost. The record is in {path}/lost+found",
            RepairOutcome.CorrectedWithLosses => $"{path}: repaired, but something is lost. The record is in {path}/lost+found",
            _ when options.IsDryRun => $"{path}: would be repaired as above; nothing was changed",
            _ => $"{path}: not repaired",
        });
    }

    private static int Guarded(bool json, Func<ProgressMeter, int> action)
    {
        var meter = new ProgressMeter(Console.Error, !json && !Console.IsErrorRedirected, TimeProvider.System);
        try
        {
            return action(meter);
        }
        catch (StoreException e)
        {
            meter.Clear();
            Console.Error.WriteLine($"voe-fsck: {e.Message}");
            return e is StoreDamagedException ? ExitStatus.Uncorrected : ExitStatus.OperationalError;
        }
    }
}
