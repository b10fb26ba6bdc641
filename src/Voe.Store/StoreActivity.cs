namespace Voe.Store;

/// <summary>Where the log of an open store is, and what its cache of chunks does. A moment's figures, each by itself.</summary>
/// <param name="AppliedLsn">The last batch that is written and visible.</param>
/// <param name="DurableLsn">The last batch that a loss of power cannot take away.</param>
/// <param name="CheckpointLsn">The last batch that the index has: an opening after a crash replays those after it.</param>
/// <param name="BytesSinceCheckpoint">Bytes of log behind the last checkpoint that was begun.</param>
/// <param name="ChunkCacheSize">Memory that the cache of decoded chunks has, in bytes.</param>
/// <param name="ChunkCacheBytes">Bytes of chunks in it.</param>
/// <param name="ChunkCacheHits">Look-ups that found their chunk there, since the store was opened.</param>
/// <param name="ChunkCacheMisses">Look-ups that did not.</param>
/// <param name="Failure">Why the log takes no writes at the moment; null when it does.</param>
public readonly record struct StoreActivity(
    ulong AppliedLsn,
    ulong DurableLsn,
    ulong CheckpointLsn,
    long BytesSinceCheckpoint,
    long ChunkCacheSize,
    long ChunkCacheBytes,
    long ChunkCacheHits,
    long ChunkCacheMisses,
    string? Failure);
