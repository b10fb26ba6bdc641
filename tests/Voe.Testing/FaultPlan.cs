namespace Voe.Testing;

/// <summary>
/// What is to go wrong on a <see cref="SimulatedDisk"/>, and when. Operations are counted from 1, from the moment that the
/// plan is given to the disk; 0 is never.
/// </summary>
public sealed record FaultPlan
{
    /// <summary>Nothing goes wrong.</summary>
    public static FaultPlan None { get; } = new();

    /// <summary>Decides how much of a torn or failed operation is done.</summary>
    public int Seed { get; init; }

    /// <summary>
    /// The mutating operation (write, sync, create, rename, delete, set length, reserve; of files and of directories) in
    /// which the process dies: done, not done, or done in part, as the seed says.
    /// </summary>
    public long CrashAtMutation { get; init; }

    /// <summary>The read that fails with an I/O error.</summary>
    public long FailReadAt { get; init; }

    /// <summary>The read that returns one wrong bit, once: the medium's content stays right.</summary>
    public long GarbleReadAt { get; init; }

    /// <summary>The write that fails with an I/O error; a part of its bytes may be written.</summary>
    public long FailWriteAt { get; init; }

    /// <summary>The sync of a file or a directory that fails with an I/O error.</summary>
    public long FailSyncAt { get; init; }

    /// <summary>The write or reservation in need of new room that finds none; a write may be done in part.</summary>
    public long FailAllocationAt { get; init; }

    /// <summary>How many operations in a row fail, from the first one on.</summary>
    public long FailCount { get; init; } = 1;

    /// <summary>Whether the <paramref name="count"/>-th operation is one of those that <paramref name="first"/> begins.</summary>
    internal bool Covers(long first, long count) => first > 0 && count >= first && count - first < FailCount;
}
