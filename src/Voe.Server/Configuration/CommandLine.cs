using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Voe.Server.Configuration.Sections;

namespace Voe.Server.Configuration;

/// <summary>
/// The command line of voe-server: from arguments to <see cref="ServerOptions"/>. Beside what is said here, each key of
/// [server] and [store] that names an option has one.
/// </summary>
internal sealed class CommandLine
{
    private readonly Option<string> _config = new("--config")
    {
        Description = "A configuration file, in TOML; voe.example.toml explains every key. What the command line says wins over it.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _checkConfig = new("--check-config")
    {
        Description = "Tell what is wrong with the configuration, and end. Nothing is opened.",
    };

    private readonly Option<string[]> _volume = new("--volume")
    {
        Description = "A volume to create unless it exists: NAME=SIZE[,compression=none|lz4|zstd[:LEVEL]][,chunk-size=4KiB..64KiB]. "
            + "An existing volume is kept as it is. May be given more than once.",
        HelpName = "NAME=SIZE[,OPTION=VALUE]...",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Dictionary<IConfigKey, Option> _keys = [];
    private readonly RootCommand _root = new("Serves the volumes of a VoE store, files and block devices over NBD and AoE.");

    /// <summary>The command line; use it once.</summary>
    public CommandLine()
    {
        _root.Options.Add(_config);
        _root.Options.Add(_checkConfig);
        _root.Options.Add(_volume);
        IConfigKey[] keys = [.. ServerSection.Section.Keys, .. StoreSection.Section.Keys, .. ScrubSection.Section.Keys];
        foreach (IConfigKey key in keys.Where(key => key.Option is not null))
        {
            Option option = ToOption(key);
            _keys.Add(key, option);
            _root.Options.Add(option);
        }

        _root.Options.OfType<HelpOption>().Single().Action = new HelpAction(new HelpText(
            [
                ("Configuration", [_config, _checkConfig]),
                ("Store and volumes", [_keys[StoreSection.Section.Find("path")!], _volume, .. OptionsOf(StoreSection.Section, "hash")]),
                ("Exports and listeners", [.. OptionsOf(
                    ServerSection.Section, "nbd", "aoe", "read-only", "export-volumes", "max-connections", "nbd-memory")]),
                ("TLS", [.. OptionsOf(ServerSection.Section, "tls-certificate", "tls-key", "tls-client-ca", "tls-required")]),
                ("Scrub", [.. OptionsOf(ScrubSection.Section, "every", "max-bytes-per-second")]),
                ("Logs", [.. OptionsOf(ServerSection.Section, "log-level", "log-format")]),
                ("Memory and tuning", [.. _keys.Where(key => IsTuning(key.Key)).Select(key => key.Value)]),
                ("Other", [.. _root.Options.Where(option => option is HelpOption or VersionOption)]),
            ]));
    }

    /// <summary>
    /// Parses the arguments and the file that they name, and runs <paramref name="run"/> with what they say. Help, the
    /// version and the result of <c>--check-config</c> go to <paramref name="output"/>, mistakes to <paramref name="error"/>.
    /// </summary>
    /// <returns>The process's exit status.</returns>
    public int Invoke(string[] arguments, TextWriter output, TextWriter error, Func<ServerOptions, int> run)
    {
        _root.SetAction(result => Run(result, output, error, run));
        ParseResult parsed = _root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return Refuse(error, parsed.Errors.Select(mistake => $"voe-server: {mistake.Message}"));
        }

        return parsed.Invoke(new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    private static int Refuse(TextWriter error, IEnumerable<string> mistakes)
    {
        foreach (string mistake in mistakes)
        {
            error.WriteLine(mistake);
        }

        error.WriteLine("voe-server: --help tells what can be said");
        return ExitStatus.Usage;
    }

    private static Option ToOption(IConfigKey key)
    {
        if (key.IsFlag)
        {
            return new Option<bool>(key.Option!) { Description = key.OptionDoc };
        }

        string given = key.IsList ? " May be given more than once; takes the place of the file's list." : "";
        string? standard = key.Default?.Trim('[', ']').Replace("\"", "", StringComparison.Ordinal);
        Option option = key.IsList
            ? new Option<string[]>(key.Option!) { Arity = ArgumentArity.OneOrMore }
            : new Option<string>(key.Option!) { Arity = ArgumentArity.ExactlyOne };
        option.Description = $"{key.OptionDoc}{given}{(standard is null ? "" : $" [default: {standard}]")}";
        option.HelpName = key.Choices.Count > 0 ? string.Join('|', key.Choices) : key.Placeholder;
        option.CompletionSources.Add([.. key.Choices]);
        return option;
    }

    private static bool IsTuning(IConfigKey key) =>
        StoreSection.Section.Keys.Contains(key) && key.Name is not ("path" or "hash");

    private IEnumerable<Option> OptionsOf(IConfigSection section, params string[] names) =>
        names.Select(name => _keys[section.Keys.Single(key => key.Name == name)]);

    private int Run(ParseResult result, TextWriter output, TextWriter error, Func<ServerOptions, int> run)
    {
        var mistakes = new Mistakes();
        ServerOptions options = ServerConfiguration.Read(ToArguments(result), mistakes);
        if (mistakes.Count > 0)
        {
            return Refuse(error, mistakes.All);
        }

        if (!result.GetValue(_checkConfig))
        {
            return run(options);
        }

        output.WriteLine("voe-server: the configuration is good");
        return ExitStatus.Success;
    }

    private Arguments ToArguments(ParseResult result)
    {
        var keys = new List<(IConfigKey, ConfigValue)>();
        foreach ((IConfigKey key, Option option) in _keys.Where(pair => result.GetResult(pair.Value) is { Implicit: false }))
        {
            keys.Add((key, option switch
            {
                // A flag that holds unless said otherwise is turned off by its option.
                Option<bool> flag => ConfigValue.Switch(result.GetValue(flag) != (key.Default == "true")),
                Option<string[]> list => ConfigValue.Words(result.GetValue(list)!),
                _ => ConfigValue.Word(result.GetValue((Option<string>)option)!),
            }));
        }

        return new Arguments(result.GetValue(_config), keys, result.GetValue(_volume) ?? []);
    }

    private sealed class HelpAction(HelpText help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            help.Write(parseResult.InvocationConfiguration.Output);
            return ExitStatus.Success;
        }
    }
}
