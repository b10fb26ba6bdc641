using Voe.Store.Hashing;

namespace Voe.Store;

/// <summary>How to open a store. The defaults suit a machine with 2 cores and 4 GiB.</summary>
public sealed record StoreOptions
{
    /// <summary>The hash of a store that is created; an existing one keeps its own.</summary>
    public HashAlgorithm HashAlgorithm { get; init; } = HashAlgorithm.Blake3;

    /// <summary>Whether a directory that holds no store becomes one.</summary>
    public bool CreateIfMissing { get; init; } = true;

    /// <summary>At what size, in bytes, a pack is sealed: 1 MiB to 1 GiB.</summary>
    public int PackSize { get; init; } = 64 << 20;

    /// <summary>Memory for decoded chunks, in bytes, outside the garbage collector's heap. 0 turns the cache off.</summary>
    public long ChunkCacheSize { get; init; } = 448L << 20;

    /// <summary>Memory for what the index holds outside RocksDB (recent changes, cached look-ups), in bytes.</summary>
    public long IndexMemory { get; init; } = 256L << 20;

    /// <summary>Memory for RocksDB's block cache and memtables, in bytes.</summary>
    public long RocksDbMemory { get; init; } = 128L << 20;

    /// <summary>A checkpoint of the index is made when this much log, in bytes, was written since the last: bounds replay (P7).</summary>
    public long CheckpointInterval { get; init; } = 1L << 30;

    /// <summary>Who opens the store, for the message to the next who tries.</summary>
    public string Holder { get; init; } = "a program that embeds VoE";

    /// <summary>Time, for what is recorded with volumes and for waiting between attempts.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Makes the identity of a new store.</summary>
    internal Func<Guid> NewGuid { get; init; } = Guid.NewGuid;

    /// <summary>Up to where the log is known to have been durable, beside what it says itself: it is not cut off before.</summary>
    internal ulong KnownDurableLsn { get; init; }

    /// <summary>Whether background work runs on the calling threads, so that a test's schedule is the same each time.</summary>
    internal bool IsSynchronous { get; init; }

    /// <summary>Whether a read also hashes the chunk; its checksum is verified in any case.</summary>
    public bool VerifyHashOnRead { get; init; } = true;

    /// <summary>Where slow steps report: replay, rebuild of the index. Called from the opening thread, or null.</summary>
    public Action<StoreProgress>? Progress { get; init; }

    /// <summary>Throws unless every option is in its range.</summary>
    internal void Validate()
    {
        Require(HashAlgorithm is HashAlgorithm.Blake3 or HashAlgorithm.Sha256, nameof(HashAlgorithm), "Blake3 or Sha256", HashAlgorithm);
        Require(PackSize is >= 1 << 20 and <= 1 << 30, nameof(PackSize), "1 MiB to 1 GiB", PackSize);
        Require(ChunkCacheSize >= 0, nameof(ChunkCacheSize), "0 or more", ChunkCacheSize);
        Require(IndexMemory >= 1 << 20, nameof(IndexMemory), "1 MiB or more", IndexMemory);
        Require(RocksDbMemory >= 4 << 20, nameof(RocksDbMemory), "4 MiB or more", RocksDbMemory);
        Require(CheckpointInterval >= 64 << 10, nameof(CheckpointInterval), "64 KiB or more", CheckpointInterval);
    }

    private static void Require(bool holds, string option, string expected, object found)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(option, found, $"{expected} expected.");
        }
    }
}

/// <summary>A step of a slow operation on the store.</summary>
/// <param name="Operation">What is going on, in words: "rebuilding the index from the packs".</param>
/// <param name="Done">Bytes done.</param>
/// <param name="Total">Bytes in all.</param>
public readonly record struct StoreProgress(string Operation, long Done, long Total)
{
    /// <summary>Whether done and total are not bytes but packs.</summary>
    public bool CountsPacks { get; init; }
}
