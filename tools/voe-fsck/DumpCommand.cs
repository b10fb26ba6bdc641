using System.CommandLine;
using Voe.Store;
using Voe.Store.Dump;

namespace Voe.Fsck;

/// <summary><c>voe-fsck dump</c>.</summary>
internal static class DumpCommand
{
    private static readonly Dictionary<string, DumpTarget> Targets = new(StringComparer.Ordinal)
    {
        ["pack"] = DumpTarget.Pack,
        ["batch"] = DumpTarget.Batch,
        ["chunk"] = DumpTarget.Chunk,
        ["volume"] = DumpTarget.Volume,
        ["root"] = DumpTarget.Root,
    };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var store = new Argument<string>("STORE") { Description = "The store's directory." };
        var what = new Argument<string?>("WHAT")
        {
            Description = "pack, batch, chunk, volume or root. Left out: superblock, packs, volumes, the end of the log.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var name = new Argument<string?>("WHICH")
        {
            Description = "The pack's number, the batch's LSN, the volume's name; a hash, or 8 or more of its first digits.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var json = new Option<bool>("--json") { Description = "Print JSON: an object a line." };
        var raw = new Option<string?>("--raw")
        {
            Description = "Save the chunk's bytes there. The file must not exist; nothing is saved when no place verifies.",
            HelpName = "FILE",
        };
        var command = new Command("dump", "Show what the store, or a part of it, is made of. For debugging; changes nothing.")
        {
            store, what, name, json, raw,
        };
        command.Validators.Add(result =>
        {
            string? target = result.GetValue(what);
            if (target is not null && !Targets.ContainsKey(target))
            {
                result.AddError($"\"{target}\": one of {string.Join(", ", Targets.Keys)} expected");
            }
            else if (target is not null && result.GetValue(name) is null)
            {
                result.AddError($"{target}: which one is missing");
            }

            if (result.GetValue(raw) is not null && target is not "chunk")
            {
                result.AddError("--raw is for chunks");
            }
        });
        command.SetAction(result => Run(
            result.GetRequiredValue(store),
            result.GetValue(what) is { } target
                ? new DumpOptions { Target = Targets[target], Name = result.GetValue(name)! }
                : new DumpOptions(),
            result.GetValue(json),
            result.GetValue(raw)));
        return command;
    }

    private static int Run(string path, DumpOptions options, bool json, string? raw)
    {
        using var interruption = new Interruption();
        var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: 1 << 16); // flushed below: a failure of that has a status
        var meter = new ProgressMeter(Console.Error, !Console.IsErrorRedirected && Console.IsOutputRedirected, TimeProvider.System);
        try
        {
            if (raw is not null && File.Exists(raw))
            {
                throw new IOException($"\"{raw}\" exists already; nothing was done"); // before minutes of work
            }

            options = options with
            {
                Progress = meter.Report,
                Cancellation = interruption.Token,
                Content = raw is null ? null : bytes => Save(raw, bytes),
            };
            StoreDump.Run(path, options, entry => output.WriteLine(json ? entry.ToJson() : entry.ToString()));
            output.Flush();
            meter.Clear();
            return ExitStatus.Clean;
        }
        catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            meter.Clear();
            TryFlush(output);
            Console.Error.WriteLine($"voe-fsck: {(e is OperationCanceledException ? "interrupted" : e.Message)}");
            return ExitStatus.OperationalError;
        }
    }

    private static void Save(string path, byte[] bytes)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    // What was found before the error is shown, if whoever reads it is still there.
    private static void TryFlush(StreamWriter output)
    {
        try
        {
            output.Flush();
        }
        catch (IOException)
        {
            // The reader has gone: head, for one.
        }
    }
}
