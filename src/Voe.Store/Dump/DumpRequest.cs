namespace Voe.Store.Dump;

/// <summary>What of a store is shown.</summary>
public enum DumpTarget
{
    /// <summary>Superblock, packs, volumes, the end of the log.</summary>
    Store,

    /// <summary>A pack, by its number: header, footer, batches.</summary>
    Pack,

    /// <summary>A batch, by its LSN: header and records.</summary>
    Batch,

    /// <summary>A chunk, by its hash or the first digits of it: where it is stored, and who holds it.</summary>
    Chunk,

    /// <summary>A volume, by its name: settings and map.</summary>
    Volume,

    /// <summary>A root block, by its hash or the first digits of it, and the node at its top.</summary>
    Root,
}

/// <summary>How a store is shown.</summary>
public sealed record DumpOptions
{
    /// <summary>What.</summary>
    public DumpTarget Target { get; init; }

    /// <summary>Which one: a number, a hash, a name. Empty for the store.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// Gets the plain bytes of a chunk, once, if a place of it verifies; they are the receiver's. Null when nobody wants them.
    /// </summary>
    public Action<byte[]>? Content { get; init; }

    /// <summary>Told how far a pass over the packs is; or null.</summary>
    public Action<StoreProgress>? Progress { get; init; }

    /// <summary>Ends the work: at once, but for a read that has begun.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>What was to be shown is not there, or is not what it was asked for as.</summary>
public sealed class DumpTargetException(string message) : StoreException(message);
