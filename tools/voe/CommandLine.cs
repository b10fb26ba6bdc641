using System.CommandLine;
using System.CommandLine.Parsing;
using Voe.Store;
using Voe.Store.Chunks;

namespace Voe.Admin;

/// <summary>The command line of voe: from arguments to <see cref="StoreCommands"/>.</summary>
/// <param name="output">Where results go.</param>
/// <param name="error">Where mistakes and refusals go.</param>
internal sealed class CommandLine(TextWriter output, TextWriter error)
{
    // A tool that opens, looks and closes wants little memory beside a machine's other work.
    private static readonly StoreOptions Options = new()
    {
        CreateIfMissing = false,
        ChunkCacheSize = 0,
        IndexMemory = 64L << 20,
        RocksDbMemory = 32L << 20,
        Holder = "voe",
    };

    private readonly Option<string> _store = new("--store")
    {
        Description = "The store's directory.",
        HelpName = "DIR",
        Required = true,
        Recursive = true,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, for programs; sizes are in bytes." };
    private readonly Option<bool> _yes = new("--yes") { Description = "Do it, although data will be lost." };
    private readonly Argument<string> _name = new("NAME") { Description = "The volume's name." };
    private readonly Argument<string> _newName = new("NEW-NAME") { Description = "Its name from now on." };
    private readonly Option<long> _size = SizeOption("--size", "The volume's size, a multiple of 512: 10GiB, 512M, bytes without a unit.");
    private readonly Option<long> _chunkSize = SizeOption("--chunk-size", "4KiB (the default) to 64KiB, a power of two. Never changes.");

    private readonly Option<CompressionSetting?> _compression = new("--compression")
    {
        Description = "For new chunks: none, lz4 (the default), zstd, or zstd:LEVEL.",
        HelpName = "SETTING",
        CustomParser = static result =>
        {
            if (CompressionSetting.TryParse(result.Tokens[^1].Value, out CompressionSetting setting))
            {
                return setting;
            }

            result.AddError($"--compression: write none, lz4, zstd, or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}");
            return null;
        },
    };

    /// <summary>Does what the arguments say. Mistakes are listed on the error output.</summary>
    /// <returns>The process's exit status.</returns>
    public int Invoke(string[] arguments)
    {
        ParseResult parsed = Build().Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (ParseError mistake in parsed.Errors)
            {
                error.WriteLine($"voe: {mistake.Message}");
            }

            error.WriteLine("voe: --help tells what can be said");
            return ExitStatus.Usage;
        }

        return parsed.Invoke(new InvocationConfiguration { Output = output, Error = error });
    }

    private RootCommand Build()
    {
        _size.Required = true;
        var volume = new Command("volume", "Volumes of the store.")
        {
            Command("list", "All volumes.", (commands, result) => commands.List(result.GetValue(_json)), _json),
            Command("show", "One volume.", (commands, result) => commands.Show(Name(result), result.GetValue(_json)), _name, _json),
            Command(
                "create",
                "Make a volume. voe-server serves it from its next start on.",
                Create,
                _name,
                _size,
                _chunkSize,
                _compression),
            Command(
                "resize",
                "Change a volume's size. What it gains reads as zeroes.",
                (commands, result) => commands.Resize(Name(result), result.GetValue(_size), result.GetValue(_yes)),
                _name,
                _size,
                _yes),
            Command(
                "rename",
                "Change a volume's name.",
                (commands, result) => commands.Rename(Name(result), result.GetRequiredValue(_newName)),
                _name,
                _newName),
            Command("delete", "Delete a volume.", (commands, result) => commands.Delete(Name(result), result.GetValue(_yes)), _name, _yes),
        };
        return new RootCommand("""
            Looks after a VoE store that no server has open.

            Exit status: 0 done, 1 a bug, 2 the command line makes no sense, 3 the store cannot be opened (in use, missing,
            damaged), 4 refused or failed (no such volume, a name that is taken, --yes not said, a full disk).
            """)
        {
            _store,
            Command("status", "What the store holds.", (commands, result) => commands.Status(result.GetValue(_json)), _json),
            volume,
        };
    }

    private static Option<long> SizeOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        CustomParser = result =>
        {
            if (!ByteSize.TryParse(result.Tokens[^1].Value, out long size))
            {
                result.AddError($"{name}: \"{result.Tokens[^1].Value}\" is no size: {ByteSize.Expected}");
            }

            return size;
        },
    };

    private Command Command(string name, string description, Func<StoreCommands, ParseResult, int> action, params Symbol[] symbols)
    {
        var command = new Command(name, description);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Option option)
            {
                command.Options.Add(option);
            }
            else
            {
                command.Arguments.Add((Argument)symbol);
            }
        }

        command.SetAction(result => Run(result, action));
        return command;
    }

    private string Name(ParseResult result) => result.GetRequiredValue(_name);

    private int Create(StoreCommands commands, ParseResult result)
    {
        long chunkSize = result.GetResult(_chunkSize) is null ? VolumeLimits.MinChunkSize : result.GetValue(_chunkSize);
        return commands.Create(
            Name(result), result.GetValue(_size), (int)Math.Min(chunkSize, int.MaxValue), result.GetValue(_compression));
    }

    private int Run(ParseResult result, Func<StoreCommands, ParseResult, int> action)
    {
        VoeStore store;
        try
        {
            store = VoeStore.Open(result.GetRequiredValue(_store), Options with { Progress = Tell });
        }
        catch (StoreLockedException e)
        {
            error.WriteLine($"voe: the store is in use: {e.Message}; stop voe-server first");
            return ExitStatus.Store;
        }
        catch (StoreException e)
        {
            error.WriteLine($"voe: {e.Message}");
            return ExitStatus.Store;
        }

        try
        {
            using (store)
            {
                return action(new StoreCommands(store, output, error), result);
            }
        }
        catch (StoreException e)
        {
            error.WriteLine($"voe: {e.Message}");
            return ExitStatus.Refused;
        }
    }

    // One line says why opening takes long; most of the time there is nothing to tell.
    private void Tell(StoreProgress progress)
    {
        if (progress.Done == 1 && progress.Total > 1)
        {
            error.WriteLine($"voe: {progress.Operation}: {progress.Total} packs");
        }
    }
}
