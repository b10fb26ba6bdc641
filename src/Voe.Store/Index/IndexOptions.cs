namespace Voe.Store.Index;

/// <summary>How to open a <see cref="StoreIndex"/>: how much memory it may use, and for tests, where to stop.</summary>
internal sealed record IndexOptions
{
    /// <summary>
    /// Memory outside RocksDB in bytes, 1 MiB or more. In sixteenths: 2 for the filter of chunks (10 bits each for 26 million chunks
    /// with the default), 4 for the changes since the last checkpoint, 4 for the changes that a checkpoint is writing, 1 for
    /// chunks that were looked up, 5 for leaves of the volumes' maps (5.5 GiB of volumes in chunks of 4 KiB with the default).
    /// </summary>
    public long Memory { get; init; } = 256L << 20;

    /// <summary>Memory of RocksDB's block cache in bytes: data, index and filter blocks. 4 MiB or more.</summary>
    public long RocksDbMemory { get; init; } = 128L << 20;

    /// <summary>
    /// Called when <see cref="StoreIndex.WriteFrozen"/> is about to do a step, on its thread; what it throws ends the
    /// checkpoint there. For tests that stop a checkpoint at every step; null otherwise.
    /// </summary>
    public Action<CheckpointStep>? FailPoint { get; init; }
}

/// <summary>The steps of a checkpoint of the index, in order.</summary>
internal enum CheckpointStep
{
    /// <summary>The new chunks are about to be written to a sorted file.</summary>
    WriteChunkFile,

    /// <summary>The sorted file is complete and durable; it is about to become part of RocksDB.</summary>
    IngestChunkFile,

    /// <summary>The chunks are in RocksDB; rows, records, usage and state are about to go to its memory.</summary>
    WriteRows,

    /// <summary>Everything is in RocksDB's memory; it is about to be made durable.</summary>
    Flush,

    /// <summary>The checkpoint is durable; the caches are about to learn of it.</summary>
    UpdateCaches,

    /// <summary>The caches know of it; the frozen changes are about to be given up.</summary>
    Release,
}
