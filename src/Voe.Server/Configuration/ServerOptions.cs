using Microsoft.Extensions.Logging;
using Voe.Server.Aoe.Link;
using Voe.Server.Nbd;
using Voe.Store;

namespace Voe.Server.Configuration;

/// <summary>All that a server is told when it starts.</summary>
internal sealed record ServerOptions
{
    /// <summary>The store's directory.</summary>
    public string StorePath { get; init; } = "";

    private static readonly NbdEndPoint[] StandardNbdEndPoints = [NbdEndPoint.Default];

    /// <summary>Where to listen for NBD.</summary>
    public IReadOnlyList<NbdEndPoint> NbdEndPoints { get; init; } = StandardNbdEndPoints;

    /// <summary>Whether nothing was said of where to listen for NBD; then sockets that come with the process will do.</summary>
    public bool IsNbdStandard => ReferenceEquals(NbdEndPoints, StandardNbdEndPoints);

    /// <summary>The interfaces to serve AoE at; each once.</summary>
    public IReadOnlyList<AoeLinkSpec> AoeLinks { get; init; } = [];

    /// <summary>Volumes that are created when they do not exist; each name once.</summary>
    public IReadOnlyList<VolumeSpec> Volumes { get; init; } = [];

    /// <summary>Exports with a backend of their choice; each name once.</summary>
    public IReadOnlyList<TargetSpec> Targets { get; init; } = [];

    /// <summary>Whether the volumes that no target names are exported under their own names.</summary>
    public bool ExportsVolumes { get; init; } = true;

    /// <summary>Whether nobody may write to any export.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>
    /// Whether a volume is exported under its own name. One that a target names is exported by its targets alone, so that a
    /// target that is read-only really is the only way to it.
    /// </summary>
    public bool ExportsVolume(string name) => ExportsVolumes
        && !Targets.Any(target => target.Backend == TargetBackend.Cas && string.Equals(target.VolumeName, name, StringComparison.Ordinal));

    /// <summary>How to open the store.</summary>
    public StoreOptions Store { get; init; } = new();

    /// <summary>How long after the end of a scrub the next begins; zero for never.</summary>
    public TimeSpan ScrubInterval { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How fast a scrub reads, in bytes a second; 0 for no limit.</summary>
    public long ScrubBytesPerSecond { get; init; } = Voe.Store.Verify.ScrubOptions.DefaultBytesPerSecond;

    /// <summary>What NBD clients may take.</summary>
    public NbdLimits Nbd { get; init; } = new();

    /// <summary>TLS for NBD; none without a certificate.</summary>
    public NbdTlsOptions Tls { get; init; } = new();

    /// <summary>What is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>How it is written.</summary>
    public LogFormat LogFormat { get; init; }
}

/// <summary>How logs are written.</summary>
internal enum LogFormat
{
    /// <summary>Lines for people.</summary>
    Text,

    /// <summary>A JSON object a line, for programs.</summary>
    Json,
}
