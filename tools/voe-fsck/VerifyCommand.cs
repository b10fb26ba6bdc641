using System.CommandLine;
using Voe.Store;
using Voe.Store.Verify;

namespace Voe.Fsck;

/// <summary><c>voe-fsck verify</c>.</summary>
internal static class VerifyCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var store = new Argument<string>("STORE") { Description = "The store's directory." };
        var quick = new Option<bool>("--quick")
        {
            Description = "Headers, footers, records, and the index's accounts; no chunk is read. Takes seconds for 100 GiB.",
        };
        var deep = new Option<bool>("--deep") { Description = "Everything (the default): each chunk, each map, the index row by row." };
        var json = new Option<bool>("--json") { Description = "Print the result as one JSON object." };
        var threads = new Option<int>("--threads")
        {
            Description = "Packs that are read at a time; as many as there are processors unless said.",
            HelpName = "N",
            DefaultValueFactory = static _ => Environment.ProcessorCount,
        };
        var rate = new Option<long>("--max-bytes-per-second")
        {
            Description = "Read no faster: 50MiB, 200M, bytes without a unit; 0 (the default) for no limit.",
            HelpName = "SIZE",
            CustomParser = static result =>
            {
                string text = result.Tokens is [.., var token] ? token.Value : "";
                if (!ByteSize.TryParse(text, out long size))
                {
                    result.AddError($"--max-bytes-per-second: \"{text}\" is no size: {ByteSize.Expected}");
                }

                return size;
            },
        };
        var command = new Command("verify", "Check the store and say what is hurt. Changes nothing.")
        {
            store, quick, deep, json, threads, rate,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(quick) && result.GetValue(deep))
            {
                result.AddError("--quick and --deep: one of them");
            }

            if (result.GetResult(threads) is { Errors: var errors } && !errors.Any() && result.GetValue(threads) is < 1 or > 1024)
            {
                result.AddError("--threads: 1 to 1024");
            }
        });
        command.SetAction(result =>
        {
            var options = new VerifyOptions
            {
                Depth = result.GetValue(quick) ? VerifyDepth.Quick : VerifyDepth.Deep,
                Threads = result.GetValue(threads),
                MaxBytesPerSecond = result.GetValue(rate),
            };
            return Run(result.GetRequiredValue(store), options, result.GetValue(json));
        });
        return command;
    }

    private static int Run(string path, VerifyOptions options, bool json)
    {
        using var interruption = new Interruption();
        var meter = new ProgressMeter(Console.Error, !Console.IsErrorRedirected, TimeProvider.System);
        try
        {
            VerifyResult result = StoreVerifier.Run(
                path, options with { Progress = meter.Report, Cancellation = interruption.Token });
            meter.Clear();
            var printer = new FindingPrinter(Console.Out);
            if (json)
            {
                printer.WriteJson(path, result);
            }
            else
            {
                printer.WriteText(path, result);
            }

            return result.IsClean ? ExitStatus.Clean : ExitStatus.Uncorrected;
        }
        catch (Exception e) when (e is StoreException or OperationCanceledException)
        {
            meter.Clear();
            Console.Error.WriteLine($"voe-fsck: {(e is OperationCanceledException ? "interrupted" : e.Message)}");
            if (e is StoreLockedException)
            {
                Console.Error.WriteLine($"voe-fsck: if that is a voe-server, \"voe scrub --store {path}\" verifies the store as it runs");
            }

            return ExitStatus.OperationalError;
        }
    }
}
