using System.CommandLine;
using System.Text.Json;
using Voe.Store;
using Voe.Store.Verify;

namespace Voe.Fsck;

/// <summary>voe-fsck: verifies a store that no server has open.</summary>
internal static class Program
{
    // As fsck(8).
    private const int Clean = 0;
    private const int Uncorrected = 4;
    private const int OperationalError = 8;

    private static int Main(string[] args)
    {
        var store = new Argument<string>("STORE") { Description = "The store's directory." };
        var json = new Option<bool>("--json") { Description = "Print the result as one JSON object." };
        var verify = new Command("verify", "Read all packs and verify every checksum and every hash. Changes nothing.") { store, json };
        verify.SetAction(result => Verify(result.GetRequiredValue(store), result.GetValue(json)));
        var root = new RootCommand(
            "Checks a VoE store that no server has open.\n\nExit status: 0 clean, 4 damage or something to repair was found, "
            + "8 the check could not be done.") { verify };
        ParseResult parsed = root.Parse(args);
        int status = parsed.Invoke();
        return parsed.Errors.Count > 0 ? OperationalError : status;
    }

    private static int Verify(string path, bool json)
    {
        var meter = new ProgressMeter(Console.Error, !json && !Console.IsErrorRedirected, TimeProvider.System);
        try
        {
            VerifyResult result = StoreVerifier.Run(path, meter.Report);
            meter.Clear();
            Print(path, result, json);
            return result.IsClean ? Clean : Uncorrected;
        }
        catch (StoreException e)
        {
            meter.Clear();
            Console.Error.WriteLine($"voe-fsck: {e.Message}");
            return OperationalError;
        }
    }

    private static void Print(string path, VerifyResult result, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    store = path,
                    sound = result.IsSound,
                    clean = result.IsClean,
                    packs = result.Packs,
                    batches = result.Batches,
                    chunks = result.Chunks,
                    bytes = result.Bytes,
                    findings = result.Findings.Select(FindingReport.Of),
                }));
            return;
        }

        foreach (Finding finding in result.Findings)
        {
            Console.WriteLine(finding);
        }

        string verdict = result.IsClean ? "sound" : result.IsSound ? "sound, but with something to repair" : "DAMAGED";
        Console.WriteLine(
            $"{path}: {verdict}: {result.Packs} packs, {result.Batches} batches, {result.Chunks} chunks, {result.Bytes} bytes verified");
    }
}
