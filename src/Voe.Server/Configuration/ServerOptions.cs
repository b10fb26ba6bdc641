using Microsoft.Extensions.Logging;
using Voe.Server.Nbd;
using Voe.Store;

namespace Voe.Server.Configuration;

/// <summary>All that a server is told when it starts.</summary>
internal sealed record ServerOptions
{
    /// <summary>The store's directory.</summary>
    public required string StorePath { get; init; }

    /// <summary>Where to listen for NBD.</summary>
    public IReadOnlyList<NbdEndPoint> NbdEndPoints { get; init; } = [NbdEndPoint.Default];

    /// <summary>Volumes that are created when they do not exist.</summary>
    public IReadOnlyList<VolumeSpec> Volumes { get; init; } = [];

    /// <summary>How to open the store.</summary>
    public StoreOptions Store { get; init; } = new();

    /// <summary>What NBD clients may take.</summary>
    public NbdLimits Nbd { get; init; } = new();

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
