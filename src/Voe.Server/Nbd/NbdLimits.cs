namespace Voe.Server.Nbd;

/// <summary>What clients may take of the server at most.</summary>
internal sealed record NbdLimits
{
    /// <summary>Connections at one time, over all listeners; one more is closed at once.</summary>
    public int MaxConnections { get; init; } = 256;

    /// <summary>How long a client may take from its connection to its choice of an export.</summary>
    public TimeSpan HandshakeTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Memory for received requests over all connections, in bytes.</summary>
    public long ReceiveMemory { get; init; } = 128L << 20;

    /// <summary>Memory for the data of replies over all connections, in bytes.</summary>
    public long ReplyMemory { get; init; } = 128L << 20;

    /// <summary>
    /// How long a client may stand still in the middle of a request or a reply while others wait for the memory that it
    /// holds. A client that nobody waits for may stand still for ever, as a paused virtual machine does.
    /// </summary>
    public TimeSpan StallTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Threads of one connection.</summary>
    public int MaxWorkersPerConnection { get; init; } = 8;

    /// <summary>Threads over all connections beyond the one that each has.</summary>
    public int MaxExtraWorkers { get; init; } = 256;

    /// <summary>How long a reader polls its socket before it sleeps; zero for never. See <see cref="SpinBudget"/>.</summary>
    public TimeSpan SpinTime { get; init; } = TimeSpan.FromMicroseconds(30);
}
