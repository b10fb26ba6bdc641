using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Admin.Protocol;
using Voe.Admin.Targets;
using Voe.Store;
using Voe.Store.Chunks;

namespace Voe.Tool;

/// <summary>The command line of voe: from arguments to <see cref="Commands"/>.</summary>
/// <param name="console">Where results, mistakes and refusals go.</param>
/// <param name="interruption">Ends copies in order; null where nothing does.</param>
internal sealed class CommandLine(ToolConsole console, Interruption? interruption = null)
{
    // A tool that opens, looks and closes wants little memory beside a machine's other work.
    private static readonly StoreOptions SmallStore = new()
    {
        CreateIfMissing = false,
        ChunkCacheSize = 0,
        IndexMemory = 64L << 20,
        RocksDbMemory = 32L << 20,
        Holder = "voe",
    };

    // A copy goes through the index as fast as with a server.
    private static readonly StoreOptions CopyingStore = new() { CreateIfMissing = false, ChunkCacheSize = 0, Holder = "voe" };

    private readonly Option<string> _store = new("--store")
    {
        Description = "The store's directory.",
        HelpName = "DIR",
        Recursive = true,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, for programs; sizes are in bytes.", Recursive = true };
    private readonly Option<bool> _quick = new("--quick") { Description = "Counts as of the index's last checkpoint, without making one." };
    private readonly Option<bool> _yes = new("--yes") { Description = "Do it, although data will be lost." };
    private readonly Argument<string> _name = new("NAME") { Description = "The volume's name." };
    private readonly Argument<string> _newName = new("NEW-NAME") { Description = "Its name from now on." };
    private readonly Argument<string> _newVolume = new("NAME") { Description = "The name of the volume to make." };
    private readonly Argument<string> _source = new("FILE") { Description = "A raw image: a file, a block device, - for standard input." };
    private readonly Argument<string> _target = new("FILE") { Description = "The image to write, or - for standard output." };
    private readonly Argument<string> _shell = new("SHELL") { Description = "bash, zsh or fish." };
    private readonly Option<bool> _forceDelete = new("--force") { Description = "Although clients are attached: they are disconnected." };
    private readonly Option<bool> _forceImport = new("--force") { Description = "Put the image in the place of a volume of that name." };
    private readonly Option<bool> _forceExport = new("--force") { Description = "Write over a file, or a block device, that is there." };

    private readonly Argument<long> _newSize = new("SIZE")
    {
        Description = "The volume's size from now on.",
        CustomParser = result => ParseSize(result, "SIZE"),
    };

    private readonly Option<long> _size = SizeOption("--size", "The volume's size, a multiple of 512: 10GiB, 512M, bytes without a unit.");
    private readonly Option<long> _imageSize = SizeOption("--size", "The volume's size; that of the image unless said.");
    private readonly Option<long> _chunkSize = SizeOption("--chunk-size", "4KiB (the default) to 64KiB, a power of two. Never changes.");
    private readonly Option<string> _aoe = new("--aoe")
    {
        Description = "Its address, such as 1.0.",
        HelpName = "SHELF.SLOT",
        Required = true,
    };

    private readonly Option<bool> _readOnly = new("--read-only") { Description = "Nobody may write to it." };
    private readonly Option<string> _configString = new("--config-string")
    {
        Description = "What AoE's config query answers.",
        HelpName = "TEXT",
    };

    private readonly Option<string> _durability = new("--durability")
    {
        Description = "What a write survives that was answered: power (the default), or process, the death of the server alone.",
        HelpName = "PROMISE",
    };

    private readonly Option<string[]> _macs = new("--macs")
    {
        Description = "The Ethernet addresses that may use it; everybody unless said. May be given more than once.",
        HelpName = "MAC[,MAC]...",
    };

    private readonly Argument<string> _address = new("ADDRESS") { Description = "The target's address, such as 1.0." };

    private readonly Option<long> _rate = SizeOption(
        "--max-bytes-per-second", "Read no faster: 50MiB, 200M; 0 for no limit. Unless said, what the server was told (32MiB).");

    private readonly Option<string> _compression = CompressionOption();
    private readonly Option<string> _newCompression = CompressionOption();

    /// <summary>Does what the arguments say. Mistakes are listed on the error output.</summary>
    /// <returns>The process's exit status.</returns>
    public int Invoke(string[] arguments)
    {
        ParseResult parsed = Build().Parse(arguments);
        bool isForShell = arguments is [['[', ..], ..];
        if (parsed.Errors.Count > 0 && !isForShell)
        {
            foreach (ParseError mistake in parsed.Errors)
            {
                console.Error.WriteLine($"voe: {mistake.Message}");
            }

            console.Error.WriteLine("voe: --help tells what can be said");
            return ExitStatus.Usage;
        }

        return parsed.Invoke(new InvocationConfiguration
        {
            Output = console.Output,
            Error = console.Error,
            ProcessTerminationTimeout = null, // Interruption sees to that
        });
    }

    private RootCommand Build()
    {
        _size.Required = true;
        _newCompression.Required = true;
        _shell.AcceptOnlyFromAmong(Completion.Shells);
        _name.CompletionSources.Add(SuggestVolumes);
        _address.CompletionSources.Add(SuggestTargets);
        _durability.AcceptOnlyFromAmong([.. TargetAddress.Durabilities]);
        var completion = new Command("completion", "Print a script that lets a shell complete this program's command line.") { _shell };
        completion.SetAction(result => console.Output.WriteLine(Completion.Script(result.GetRequiredValue(_shell))));
        return new RootCommand("""
            Looks after a VoE store: speaks to the voe-server that has it open, by the socket admin.sock in the store's directory,
            and opens it itself when none does. What a command did is durable when it ends.

            Exit status: 0 done, 1 a bug, 2 the command line makes no sense, 3 the store cannot be opened (in use, missing,
            damaged), 4 refused or failed (no such volume, a name that is taken, --yes not said, a full disk), 5 a copy is not
            what was copied, or a scrub found damage, 130 interrupted; what it had begun is undone.
            """)
        {
            _store,
            _json,
            Command("status", "What the store holds and who serves it.", Status, _quick),
            Volume(),
            Target(),
            Copy(
                "import", "Make a volume of a raw image, verify it, and tell how it went. Holes are skipped.",
                Import, _source, _newVolume, _imageSize, _chunkSize, _compression, _forceImport),
            Copy("export", "Make a raw image of a volume, and verify it. Holes stay holes.", Export, _name, _target, _forceExport),
            new RootCommands(console, _json, interruption).Build(_chunkSize),
            Copy(
                "scrub", "Verify every pack while the store is in use, read from the disk itself. Exit status 5: damage was found.",
                (commands, result, cancellation) => commands.Scrub(Given(result, _rate), cancellation), _rate),
            completion,
        };
    }

    private Command Volume() => new("volume", "Volumes of the store.")
    {
        Command("list", "All volumes.", (commands, result) => commands.List(result.GetValue(_quick)), _quick),
        Command("show", "One volume.", (commands, result) => commands.Show(Name(result)), _name),
        Command("create", "Make a volume. A running server serves it at once.", Create, _newVolume, _size, _chunkSize, _compression),
        Command(
            "resize",
            "Change a volume's size, also while it is attached. What it gains reads as zeroes.",
            (commands, result) => commands.Resize(new(Name(result), result.GetRequiredValue(_newSize), result.GetValue(_yes))),
            _name,
            _newSize,
            _yes),
        Command(
            "rename",
            "Change a volume's name. Clients that have it attached keep it.",
            (commands, result) => commands.Rename(new(Name(result), result.GetRequiredValue(_newName))),
            _name,
            _newName),
        Command(
            "set",
            "Change how new data of a volume is compressed.",
            (commands, result) => commands.Set(new(Name(result), result.GetRequiredValue(_newCompression))),
            _name,
            _newCompression),
        Command(
            "delete",
            "Delete a volume.",
            (commands, result) => commands.Delete(new(Name(result), result.GetValue(_yes), result.GetValue(_forceDelete))),
            _name,
            _yes,
            _forceDelete),
    };

    private Command Target() => new("target", "AoE targets that the store keeps; a server's configuration may have others.")
    {
        Command("list", "All AoE targets, with a running server those of its configuration too.", (commands, _) => commands.ListTargets()),
        Command(
            "add",
            "Make a volume an AoE target. A running server with --aoe serves it at once.",
            (commands, result) => commands.AddTarget(new(
                Name(result), result.GetRequiredValue(_aoe), result.GetValue(_readOnly), result.GetValue(_configString),
                result.GetValue(_macs)?.SelectMany(list => list.Split(',')).ToArray(), result.GetValue(_durability))),
            _name,
            _aoe,
            _readOnly,
            _configString,
            _macs,
            _durability),
        Command(
            "remove",
            "Take an AoE target away. The volume stays.",
            (commands, result) => commands.RemoveTarget(new(result.GetRequiredValue(_address))),
            _address),
    };

    private static Option<string> CompressionOption()
    {
        var option = new Option<string>("--compression")
        {
            Description = "For new chunks: none, lz4 (the default), zstd, or zstd:LEVEL.",
            HelpName = "SETTING",
        };
        option.CompletionSources.Add("none", "lz4", "zstd");
        option.Validators.Add(static result =>
        {
            if (result.Tokens is [.., var token] && !CompressionSetting.TryParse(token.Value, out _))
            {
                result.AddError($"--compression: write none, lz4, zstd, or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}");
            }
        });
        return option;
    }

    private static Option<long> SizeOption(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        CustomParser = result => ParseSize(result, name),
    };

    private static long ParseSize(ArgumentResult result, string name)
    {
        string text = result.Tokens is [.., var token] ? token.Value : "";
        if (!ByteSize.TryParse(text, out long size))
        {
            result.AddError($"{name}: \"{text}\" is no size: {ByteSize.Expected}");
        }

        return size;
    }

    private static long? Given(ParseResult result, Option<long> option) =>
        result.GetResult(option) is null ? null : result.GetValue(option);

    private Command Command(string name, string description, Action<Commands, ParseResult> action, params Symbol[] symbols) =>
        Command(name, description, (commands, result, _) => action(commands, result), SmallStore, symbols);

    private Command Copy(
        string name, string description, Action<Commands, ParseResult, CancellationToken> action, params Symbol[] symbols) =>
        Command(name, description, action, CopyingStore, symbols);

    private Command Command(
        string name, string description, Action<Commands, ParseResult, CancellationToken> action, StoreOptions options, Symbol[] symbols)
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

        command.Validators.Add(result =>
        {
            if (result.GetResult(_store) is null)
            {
                result.AddError("Option '--store' is required.");
            }
        });
        command.SetAction(result => Run(result, action, options));
        return command;
    }

    private string Name(ParseResult result) => result.GetRequiredValue(_name);

    private void Status(Commands commands, ParseResult result) => commands.Status(result.GetValue(_quick));

    private void Create(Commands commands, ParseResult result) => commands.Create(new(
        result.GetRequiredValue(_newVolume), result.GetValue(_size), Given(result, _chunkSize), result.GetValue(_compression)));

    private void Import(Commands commands, ParseResult result, CancellationToken cancellation)
    {
        var request = new ImportRequest(
            result.GetRequiredValue(_newVolume), Given(result, _imageSize), Given(result, _chunkSize), result.GetValue(_compression),
            result.GetValue(_forceImport));
        commands.Import(result.GetRequiredValue(_source), request, cancellation);
    }

    private void Export(Commands commands, ParseResult result, CancellationToken cancellation) =>
        commands.Export(Name(result), result.GetRequiredValue(_target), result.GetValue(_forceExport), cancellation);

    private int Run(ParseResult result, Action<Commands, ParseResult, CancellationToken> action, StoreOptions options)
    {
        IStoreAdmin admin;
        try
        {
            using var bar = new ProgressBar(console);
            admin = StoreAdmin.Open(
                result.GetRequiredValue(_store),
                options with { Progress = step => bar.Show(new AdminProgress(step.Operation, step.Done, step.Total)) });
        }
        catch (Exception failure) when (failure is StoreException or AdminException)
        {
            console.Error.WriteLine($"voe: {failure.Message}");
            return ExitStatus.Store;
        }

        try
        {
            using (admin)
            {
                bool isCopy = ReferenceEquals(options, CopyingStore);
                action(
                    new Commands(admin, console, result.GetValue(_json)),
                    result,
                    isCopy && interruption is not null ? interruption.Expect() : CancellationToken.None);
                return ExitStatus.Done;
            }
        }
        catch (Exception failure) when (failure is StoreException or AdminException or OperationCanceledException)
        {
            var told = AdminException.From(failure);
            console.Error.WriteLine($"voe: {told.Message}");
            return ExitStatus.Of(told.Kind);
        }
    }

    // From a running server only: to open a store takes too long for a key press, and would keep a server from starting.
    private IEnumerable<CompletionItem> SuggestVolumes(CompletionContext context) => Suggest(
        context,
        static admin => admin.Invoke(AdminCommands.VolumeList, new VolumeListRequest(Quick: true), AdminSession.Plain)
            .Volumes.Select(static volume => volume.Name));

    private IEnumerable<CompletionItem> SuggestTargets(CompletionContext context) => Suggest(
        context,
        static admin => admin.Invoke(AdminCommands.TargetList, new TargetListRequest(), AdminSession.Plain)
            .Targets.Where(static target => target.From is null).Select(static target => target.Address));

    private CompletionItem[] Suggest(CompletionContext context, Func<RemoteAdmin, IEnumerable<string>> ask)
    {
        try
        {
            if (context.ParseResult.GetValue(_store) is not { Length: > 0 } directory)
            {
                return [];
            }

            using RemoteAdmin? admin = RemoteAdmin.TryConnect(directory, new AdminLimits(), console.Time);
            return admin is null ? [] : [.. ask(admin).Select(static word => new CompletionItem(word))];
        }
        catch (Exception failure) when (failure is AdminException or StoreException)
        {
            return [];
        }
    }
}
