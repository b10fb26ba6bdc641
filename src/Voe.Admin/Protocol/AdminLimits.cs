namespace Voe.Admin.Protocol;

/// <summary>What the two sides of an admin socket may take from each other.</summary>
public sealed record AdminLimits
{
    /// <summary>The version of the protocol.</summary>
    public const int ProtocolVersion = 1;

    /// <summary>The longest line of a client, in bytes, its end included.</summary>
    public int MaxRequestLine { get; init; } = 64 << 10;

    /// <summary>The longest line of a server, in bytes: a list of some 50,000 volumes.</summary>
    public int MaxReplyLine { get; init; } = 16 << 20;

    /// <summary>The most bytes of a stream that follow one line.</summary>
    public int MaxData { get; init; } = Images.ImageDigest.BlockSize;

    /// <summary>Connections at one time; one more is told so and closed.</summary>
    public int MaxConnections { get; init; } = 16;

    /// <summary>How long a client that has nothing to ask is kept.</summary>
    public TimeSpan IdleLimit { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a line may take from its first byte to its last, and the bytes that follow it as well.</summary>
    public TimeSpan MessageLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a client is told how far its command is.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromMilliseconds(200);
}
