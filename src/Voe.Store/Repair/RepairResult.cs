using Voe.Store.Verify;

namespace Voe.Store.Repair;

/// <summary>How to repair a store.</summary>
public sealed record RepairOptions
{
    /// <summary>Where lost data may be found: directories of other stores, and raw images (files or block devices).</summary>
    public IReadOnlyList<string> From { get; init; } = [];

    /// <summary>Only say what would be done.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>
    /// Whether to go on where writes are lost of which nobody can tell what they changed: volumes then show older content there.
    /// </summary>
    public bool AcceptsOlderData { get; init; }

    /// <summary>Where slow steps report, or null.</summary>
    public Action<StoreProgress>? Progress { get; init; }

    /// <summary>Time, for the record.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>How the store is opened once its packs are right; memory and the like.</summary>
    public StoreOptions Store { get; init; } = new() { CreateIfMissing = false };
}

/// <summary>How a repair ended.</summary>
public enum RepairOutcome
{
    /// <summary>There was nothing to do.</summary>
    Clean,

    /// <summary>Everything that was wrong was corrected.</summary>
    Corrected,

    /// <summary>The store is right again, but some data could not be saved, and reading it is an error.</summary>
    CorrectedWithLosses,

    /// <summary>Something is to be done: a dry run, or the repair was refused.</summary>
    Uncorrected,
}

/// <summary>What a repair did, or would do.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Steps">What was done.</param>
/// <param name="Lost">What volumes lost, as they are at the end of the log; known after a repair only.</param>
/// <param name="Refusal">Why nothing was done although something is wrong, or null.</param>
public sealed record RepairResult(
    RepairOutcome Outcome, IReadOnlyList<RepairStep> Steps, IReadOnlyList<AffectedRange> Lost, string? Refusal);
