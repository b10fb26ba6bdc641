using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Voe.Server.Nbd;
using Voe.Store;
using Voe.Store.Hashing;

namespace Voe.Server.Configuration;

/// <summary>The command line of voe-server: from arguments to <see cref="ServerOptions"/>.</summary>
internal sealed class CommandLine
{
    private const long MiB = 1 << 20;

    private static readonly StoreOptions Defaults = new();
    private static readonly NbdLimits DefaultLimits = new();

    private readonly Option<string> _store = new("--store")
    {
        Description = "Directory of the store. One that is empty or missing becomes a store.",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<NbdEndPoint[]> _nbd = new("--nbd")
    {
        Description = "Where to listen for NBD: HOST:PORT (port 0: any free one), [IPv6]:PORT, *:PORT, or unix:PATH. May be given "
            + $"more than once. [default: 127.0.0.1:{NbdProtocol.DefaultPort}]",
        HelpName = "ADDRESS",
        CustomParser = result => ParseAll<NbdEndPoint>(result, NbdEndPoint.TryParse),
    };

    private readonly Option<VolumeSpec[]> _volume = new("--volume")
    {
        Description = "A volume to create unless it exists: NAME=SIZE[,compression=none|lz4|zstd[:LEVEL]][,chunk-size=4KiB..64KiB]. "
            + "An existing volume is kept as it is. May be given more than once. All volumes of the store are served.",
        HelpName = "SPEC",
        CustomParser = result => ParseAll<VolumeSpec>(result, VolumeSpec.TryParse),
    };

    private readonly Option<long> _chunkCache = SizeOption(
        "--chunk-cache", "Memory for decoded chunks; 0 for none.", Defaults.ChunkCacheSize, 0, long.MaxValue);

    private readonly Option<long> _indexMemory = SizeOption(
        "--index-memory", "Memory for the index outside RocksDB.", Defaults.IndexMemory, 16 * MiB, long.MaxValue);

    private readonly Option<long> _rocksDbMemory = SizeOption(
        "--rocksdb-memory", "Memory for RocksDB's block cache and memtables.", Defaults.RocksDbMemory, 16 * MiB, long.MaxValue);

    private readonly Option<long> _packSize = SizeOption(
        "--pack-size", "Size at which a pack of the log is sealed, 1MiB to 1GiB.", Defaults.PackSize, MiB, 1024 * MiB);

    private readonly Option<long> _checkpointInterval = SizeOption(
        "--checkpoint-interval", "Log that is written between two checkpoints at most; bounds the time a start takes after a crash.",
        Defaults.CheckpointInterval, MiB, long.MaxValue);

    private readonly Option<string> _hash = new("--hash")
    {
        Description = "The hash of a store that is created: blake3 or sha256. An existing store keeps its own.",
        HelpName = "HASH",
        DefaultValueFactory = _ => "blake3",
    };

    private readonly Option<bool> _noVerifyHash = new("--no-verify-hash")
    {
        Description = "Verify what is read by its checksum alone, not by its hash too.",
    };

    private readonly Option<long> _nbdMemory = SizeOption(
        "--nbd-memory", "Memory for requests and replies of all NBD connections; who needs more waits.",
        DefaultLimits.ReceiveMemory + DefaultLimits.ReplyMemory, 128 * MiB, long.MaxValue);

    private readonly Option<int> _maxConnections = new("--max-connections")
    {
        Description = "NBD connections at one time; further ones are closed at once.",
        HelpName = "COUNT",
        DefaultValueFactory = _ => DefaultLimits.MaxConnections,
        CustomParser = static result =>
        {
            if (!int.TryParse(result.Tokens[^1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1)
            {
                result.AddError("--max-connections: write a whole number from 1 on");
            }

            return count;
        },
    };

    private readonly Option<string> _logLevel = new("--log-level")
    {
        Description = "What is logged, on standard error: trace, debug, info, warning, error or critical.",
        HelpName = "LEVEL",
        DefaultValueFactory = _ => "info",
    };

    private readonly Option<string> _logFormat = new("--log-format")
    {
        Description = "How it is logged: text, or json for one JSON object a line.",
        HelpName = "FORMAT",
        DefaultValueFactory = _ => "text",
    };

    private readonly RootCommand _root;

    /// <summary>The command line; use it once.</summary>
    public CommandLine()
    {
        _hash.AcceptOnlyFromAmong("blake3", "sha256");
        _logLevel.AcceptOnlyFromAmong("trace", "debug", "info", "warning", "error", "critical");
        _logFormat.AcceptOnlyFromAmong("text", "json");
        _root = new RootCommand("""
            Serves the volumes of a VoE store over NBD.

            When it accepts connections it prints one line, "voe-server ready: ...", with its addresses to standard output;
            everything else goes to standard error. SIGTERM and SIGINT stop it: requests in flight are finished, the store is
            flushed and closed, within 10 seconds. Sizes are bytes or have a unit: 64K or 64KiB, 10G or 10GiB.

            Exit status: 0 stopped as asked, 1 a bug, 2 the command line makes no sense, 3 the store cannot be opened or a
            volume not be created, 4 an address cannot be listened at, 5 the last flush failed.
            """)
        {
            _store, _nbd, _volume, _chunkCache, _indexMemory, _rocksDbMemory, _packSize, _checkpointInterval, _hash, _noVerifyHash,
            _nbdMemory, _maxConnections, _logLevel, _logFormat,
        };
    }

    private delegate bool Parser<T>(string text, out T? value, out string error);

    /// <summary>
    /// Parses the arguments and calls <paramref name="run"/> with what they say; <c>--help</c> and <c>--version</c> print
    /// and do not call it. Mistakes are listed on <paramref name="error"/>.
    /// </summary>
    /// <returns>The process's exit status.</returns>
    public int Invoke(string[] arguments, TextWriter output, TextWriter error, Func<ServerOptions, int> run)
    {
        _root.SetAction(result => run(ToOptions(result)));
        ParseResult parsed = _root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (ParseError mistake in parsed.Errors)
            {
                error.WriteLine($"voe-server: {mistake.Message}");
            }

            error.WriteLine("voe-server: --help tells what can be said");
            return ExitStatus.Usage;
        }

        return parsed.Invoke(new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    private static Option<long> SizeOption(string name, string description, long defaultSize, long min, long max) => new(name)
    {
        Description = $"{description} [default: {ByteSize.Format(defaultSize)}]",
        HelpName = "SIZE",
        CustomParser = result =>
        {
            string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
            if (!ByteSize.TryParse(text, out long size))
            {
                result.AddError($"{name}: \"{text}\" is no size: {ByteSize.Expected}");
            }
            else if (size < min || size > max)
            {
                string bounds = max == long.MaxValue
                    ? $"at least {ByteSize.Format(min)}"
                    : $"{ByteSize.Format(min)} to {ByteSize.Format(max)}";
                result.AddError($"{name}: \"{text}\" is out of range: {bounds}");
            }

            return size;
        },
    };

    private static T[] ParseAll<T>(ArgumentResult result, Parser<T> parse)
        where T : class
    {
        var values = new List<T>();
        foreach (Token token in result.Tokens)
        {
            if (parse(token.Value, out T? value, out string error))
            {
                values.Add(value!);
            }
            else
            {
                result.AddError(error);
            }
        }

        return [.. values];
    }

    private ServerOptions ToOptions(ParseResult result)
    {
        NbdEndPoint[]? endPoints = result.GetValue(_nbd);
        long nbdMemory = Size(result, _nbdMemory, DefaultLimits.ReceiveMemory + DefaultLimits.ReplyMemory);
        return new ServerOptions
        {
            StorePath = result.GetRequiredValue(_store),
            NbdEndPoints = endPoints is null or [] ? [NbdEndPoint.Default] : endPoints,
            Volumes = result.GetValue(_volume) ?? [],
            Store = Defaults with
            {
                HashAlgorithm = result.GetValue(_hash) is "sha256" ? HashAlgorithm.Sha256 : HashAlgorithm.Blake3,
                ChunkCacheSize = Size(result, _chunkCache, Defaults.ChunkCacheSize),
                IndexMemory = Size(result, _indexMemory, Defaults.IndexMemory),
                RocksDbMemory = Size(result, _rocksDbMemory, Defaults.RocksDbMemory),
                PackSize = (int)Size(result, _packSize, Defaults.PackSize),
                CheckpointInterval = Size(result, _checkpointInterval, Defaults.CheckpointInterval),
                VerifyHashOnRead = !result.GetValue(_noVerifyHash),
            },
            Nbd = DefaultLimits with
            {
                ReceiveMemory = nbdMemory / 2,
                ReplyMemory = nbdMemory - (nbdMemory / 2),
                MaxConnections = result.GetValue(_maxConnections),
            },
            LogLevel = result.GetValue(_logLevel) switch
            {
                "trace" => LogLevel.Trace,
                "debug" => LogLevel.Debug,
                "warning" => LogLevel.Warning,
                "error" => LogLevel.Error,
                "critical" => LogLevel.Critical,
                _ => LogLevel.Information,
            },
            LogFormat = result.GetValue(_logFormat) is "json" ? LogFormat.Json : LogFormat.Text,
        };
    }

    private static long Size(ParseResult result, Option<long> option, long defaultSize) =>
        result.GetResult(option) is null ? defaultSize : result.GetValue(option);
}
