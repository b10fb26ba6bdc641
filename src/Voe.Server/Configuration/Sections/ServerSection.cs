using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Voe.Server.Aoe.Link;
using Voe.Server.Nbd;

namespace Voe.Server.Configuration.Sections;

/// <summary><c>[server]</c>: where clients arrive, what they may take, what is logged.</summary>
internal static class ServerSection
{
    private const long MiB = 1 << 20;
    private static readonly ServerOptions Defaults = new();

    private static readonly ValueKind<NbdEndPoint> Address = ValueKinds.Parsed<NbdEndPoint>(
        "ADDRESS",
        NbdEndPoint.TryParse,
        endPoint => endPoint.UnixPath is { } path ? $"unix:{path}" : endPoint.EndPoint.ToString()!);

    private static readonly ValueKind<AoeLinkSpec> AoeInterface =
        ValueKinds.Parsed<AoeLinkSpec>("IFACE[,mtu=N]", AoeLinkSpec.TryParse, static link => link.ToString());

    private static readonly ValueKind<string> OptionalFile = ValueKinds.Parsed<string>(
        "FILE",
        static (string text, [NotNullWhen(true)] out string? path, out string error) =>
        {
            path = text;
            error = $"\"{text}\" is no path: it has a NUL";
            return !text.Contains('\0', StringComparison.Ordinal);
        },
        static path => path);

    private static readonly ValueKind<LogLevel> Level = ValueKinds.Choice(
        "LEVEL", ("trace", LogLevel.Trace), ("debug", LogLevel.Debug), ("info", LogLevel.Information),
        ("warning", LogLevel.Warning), ("error", LogLevel.Error), ("critical", LogLevel.Critical));

    /// <summary>The section.</summary>
    public static ConfigSection<ServerOptions> Section { get; } = new("server", isRepeated: false,
    [
        new ConfigKey<ServerOptions, IReadOnlyList<NbdEndPoint>>(
            "nbd", ValueKinds.List(Address), Defaults.NbdEndPoints, static (options, value) => options with { NbdEndPoints = value },
            "Where to listen for NBD: HOST:PORT (port 0: any free one), [IPv6]:PORT, *:PORT for all addresses, or unix:PATH.")
        {
            Option = "--nbd",
        },
        new ConfigKey<ServerOptions, IReadOnlyList<AoeLinkSpec>>(
            "aoe", ValueKinds.List(AoeInterface), Defaults.AoeLinks, static (options, value) => options with { AoeLinks = value },
            "Serve AoE at an Ethernet interface: IFACE, or IFACE,mtu=N for frames smaller than the interface's MTU. Targets with shelf and "
            + "slot are found there. Needs CAP_NET_RAW.")
        {
            Option = "--aoe",
        },
        new ConfigKey<ServerOptions, bool>(
            "read-only", ValueKinds.Flag, Defaults.IsReadOnly, static (options, value) => options with { IsReadOnly = value },
            "Nobody may write to any export. The store itself is still opened for writing: it recovers after a crash, and volumes "
            + "that are to exist are created.")
        {
            Option = "--read-only",
        },
        new ConfigKey<ServerOptions, bool>(
            "export-volumes", ValueKinds.Flag, Defaults.ExportsVolumes,
            static (options, value) => options with { ExportsVolumes = value },
            "Whether all volumes of the store are exported under their names, but for those that a [[target]] names. If not, only "
            + "targets are exported.")
        {
            Option = "--no-export-volumes",
            OptionDoc = "Export the targets of the file alone, and no volume under its own name.",
        },
        new ConfigKey<ServerOptions, int>(
            "max-connections", ValueKinds.Count(1), Defaults.Nbd.MaxConnections,
            static (options, value) => options with { Nbd = options.Nbd with { MaxConnections = value } },
            "NBD connections at one time; further ones are closed at once.")
        {
            Option = "--max-connections",
        },
        new ConfigKey<ServerOptions, long>(
            "nbd-memory", ValueKinds.Size(128 * MiB), Defaults.Nbd.ReceiveMemory + Defaults.Nbd.ReplyMemory,
            static (options, value) => options with
            {
                Nbd = options.Nbd with { ReceiveMemory = value / 2, ReplyMemory = value - (value / 2) },
            },
            "Memory for requests and replies of all NBD connections; who needs more waits.")
        {
            Option = "--nbd-memory",
        },
        TlsFile(
            "tls-certificate", static (tls, path) => tls with { CertificateFile = path },
            "NBD over TLS, for clients that ask for it: the server's certificate, in PEM form, and behind it those of intermediate "
            + "authorities."),
        TlsFile(
            "tls-key", static (tls, path) => tls with { KeyFile = path },
            "The private key of tls-certificate, in PEM form, without a passphrase."),
        TlsFile(
            "tls-client-ca", static (tls, path) => tls with { ClientCaFile = path },
            "Clients need a certificate that one of these authorities signed; a file in PEM form."),
        new ConfigKey<ServerOptions, bool>(
            "tls-required", ValueKinds.Flag, Defaults.Tls.IsRequired,
            static (options, value) => options with { Tls = options.Tls with { IsRequired = value } },
            "Refuse clients that do not speak TLS, at all addresses.")
        {
            Option = "--tls-required",
        },
        new ConfigKey<ServerOptions, LogLevel>(
            "log-level", Level, Defaults.LogLevel, static (options, value) => options with { LogLevel = value },
            "What is logged, on standard error.")
        {
            Option = "--log-level",
        },
        new ConfigKey<ServerOptions, LogFormat>(
            "log-format", ValueKinds.Choice("FORMAT", ("text", LogFormat.Text), ("json", LogFormat.Json)), Defaults.LogFormat,
            static (options, value) => options with { LogFormat = value },
            "How it is logged: lines of text for people, or one JSON object a line for programs.")
        {
            Option = "--log-format",
        },
    ]);

    private static ConfigKey<ServerOptions, string> TlsFile(string name, Func<NbdTlsOptions, string, NbdTlsOptions> set, string doc) =>
        new(name, OptionalFile, "", (options, value) => options with { Tls = set(options.Tls, value) }, doc) { Option = $"--{name}" };
}
