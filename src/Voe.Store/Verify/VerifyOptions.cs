namespace Voe.Store.Verify;

/// <summary>How thorough a verification is.</summary>
public enum VerifyDepth
{
    /// <summary>
    /// Superblock, headers and footers of the packs, headers and record tables of all batches and how they are linked, the volumes'
    /// settings; the index's position and its accounts of the packs. No payload is read: seconds for 100 GiB.
    /// </summary>
    Quick,

    /// <summary>All that, every chunk, every map, and the index row by row.</summary>
    Deep,
}

/// <summary>How a store is verified.</summary>
public sealed record VerifyOptions
{
    /// <summary>How thorough.</summary>
    public VerifyDepth Depth { get; init; } = VerifyDepth.Deep;

    /// <summary>How many packs are read at a time, by a thread each; 1 or more.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The most bytes of packs that are read in a second; 0 for no limit.</summary>
    public long MaxBytesPerSecond { get; init; }

    /// <summary>Told bytes done and bytes in all, from any thread, one at a time; or null.</summary>
    public Action<StoreProgress>? Progress { get; init; }

    /// <summary>Ends the verification: at once, but for a read that has begun.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
