using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>What a log is told when it is opened.</summary>
internal sealed record LogOptions
{
    /// <summary>How chunks are named; repeated in each pack.</summary>
    public required HashAlgorithm HashAlgorithm { get; init; }

    /// <summary>The store; repeated in each pack.</summary>
    public required Guid StoreId { get; init; }

    /// <summary>At what size a pack is sealed, in bytes.</summary>
    public required int PackSize { get; init; }

    /// <summary>How much room a pack reserves ahead, in bytes: a full disk is met here, between batches.</summary>
    public int ReserveStep { get; init; } = 8 << 20;

    /// <summary>Up to where the log is known to have been durable, beside what it says itself.</summary>
    public ulong KnownDurableLsn { get; init; }

    /// <summary>Whether sealing runs on the appending thread, so that a test's schedule is the same each time.</summary>
    public bool IsSynchronous { get; init; }
}

/// <summary>Who is told, in the log's order and on the thread that appends, of what the log does.</summary>
internal interface ILogObserver
{
    /// <summary>
    /// Called before a group is written that will add up to <paramref name="entryCount"/> entries to the index; the log
    /// ends at <paramref name="end"/>, all of it applied. Waits, or throws <see cref="StoreException"/>, when there is no room.
    /// </summary>
    void MakeRoom(int entryCount, LogPosition end);

    /// <summary>
    /// Called when a group of <paramref name="bytes"/> bytes was written and applied; the log ends at 
    /// <paramref name="end"/>.
    /// </summary>
    void Written(long bytes, LogPosition end);
}
