using Voe.Store;

namespace Voe.Server.Aoe;

/// <summary>What an answer to a write means.</summary>
internal enum AoeDurability
{
    /// <summary>The write survives the loss of power (P2). What Linux's driver relies on, since it never flushes.</summary>
    Power,

    /// <summary>The write survives the death of the server alone (P1), until a flush. IDENTIFY DEVICE tells of a write cache.</summary>
    Process,
}

/// <summary>How a target is served.</summary>
internal sealed record AoeTargetOptions
{
    /// <summary>Frames that an initiator may have under way when nothing else is said.</summary>
    public const int DefaultBufferCount = 64;

    /// <summary>Most bytes in a config string (AoEr11, 3.2).</summary>
    public const int MaxConfigStringLength = 1024;

    /// <summary>What an answer to a write means.</summary>
    public AoeDurability Durability { get; init; } = AoeDurability.Power;

    /// <summary>The config string when the target starts; 1024 bytes at most.</summary>
    public ReadOnlyMemory<byte> ConfigString { get; init; }

    /// <summary>
    /// Makes a new config string durable; called on a thread that receives frames, before the answer is sent and before
    /// anybody sees the new string. When it throws a <see cref="StoreException"/> or an <see cref="IOException"/>, the old
    /// string stays, and the initiator is told that the target is unavailable. Null: strings last as long as the target.
    /// </summary>
    public Action<ReadOnlyMemory<byte>>? PersistConfigString { get; init; }

    /// <summary>The access list: frames of all others get no answer at all. Empty lets everybody in.</summary>
    public IReadOnlyCollection<MacAddress> AllowedMacs { get; init; } = [];

    /// <summary>
    /// The disk's serial number: 1 to 20 printable ASCII characters, which should be the same for one volume by whatever
    /// address it is found, and differ between volumes, also those of other servers. Null makes one from the export's name.
    /// </summary>
    public string? SerialNumber { get; init; }

    /// <summary>
    /// The buffer count of the config answer (AoEr11, 3.2): how many frames an initiator keeps under way. 1 to 1024. The
    /// queue of writes takes four times as many, so that four initiators fill it.
    /// </summary>
    public int BufferCount { get; init; } = DefaultBufferCount;
}
