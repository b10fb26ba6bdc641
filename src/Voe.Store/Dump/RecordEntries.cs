using Voe.Store.Log;

namespace Voe.Store.Dump;

/// <summary>A Chunks record; its entries follow.</summary>
/// <param name="Count">How many.</param>
public sealed record ChunksRecordEntry(int Count) : DumpEntry("chunksRecord")
{
    /// <inheritdoc/>
    protected override string Describe() => $"chunks: {Count}";
}

/// <summary>An entry of a Chunks record.</summary>
/// <param name="Chunk">The chunk's hash.</param>
/// <param name="Codec"><c>raw</c>, <c>lz4</c>, <c>zstd</c> or <c>lost</c>.</param>
/// <param name="Length">Plain length.</param>
/// <param name="StoredLength">Stored length.</param>
/// <param name="Offset">Where in the pack's file.</param>
/// <param name="Checksum">Of the stored bytes.</param>
public sealed record StoredChunkEntry(string Chunk, string Codec, int Length, int StoredLength, long Offset, string Checksum)
    : DumpEntry("storedChunk")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"    {Chunk}: {Codec}, {Length} bytes stored as {StoredLength} at offset {Offset}, checksum {Checksum}";
}

/// <summary>An Extent record; its chunks follow.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="FirstChunk">Number of the first chunk.</param>
/// <param name="Count">How many.</param>
public sealed record ExtentRecordEntry(uint Volume, ulong FirstChunk, int Count) : DumpEntry("extentRecord")
{
    /// <inheritdoc/>
    protected override string Describe() => $"extent: volume {Volume}, chunks {FirstChunk} to {FirstChunk + (ulong)Count - 1}";
}

/// <summary>What a chunk of a volume holds after an Extent record.</summary>
/// <param name="Number">The chunk's number in its volume.</param>
/// <param name="Chunk">Its hash.</param>
public sealed record ExtentChunkEntry(ulong Number, string Chunk) : DumpEntry("extentChunk")
{
    /// <inheritdoc/>
    protected override string Describe() => $"    chunk {Number}: {Chunk}";
}

/// <summary>A Zero record.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="FirstChunk">Number of the first chunk.</param>
/// <param name="Count">How many.</param>
public sealed record ZeroRecordEntry(uint Volume, ulong FirstChunk, ulong Count) : DumpEntry("zeroRecord")
{
    /// <inheritdoc/>
    protected override string Describe() => $"zeroes: volume {Volume}, chunks {FirstChunk} to {FirstChunk + (Count - 1)}";
}

/// <summary>A Delta record.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="VolumeOffset">Where in the volume.</param>
/// <param name="Length">How many bytes.</param>
/// <param name="Offset">Where in the pack's file they are.</param>
/// <param name="Checksum">Of the bytes.</param>
public sealed record DeltaRecordEntry(uint Volume, long VolumeOffset, int Length, long Offset, string Checksum)
    : DumpEntry("deltaRecord")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"delta: volume {Volume}, {Length} bytes at {VolumeOffset}, stored at offset {Offset}, checksum {Checksum}";
}

/// <summary>A Root record, or the last root of a volume.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="Root">The root hash.</param>
/// <param name="CoveredLsn">Up to where the tree covers the volume; null when it was not asked for.</param>
public sealed record RootRecordEntry(uint Volume, string Root, ulong? CoveredLsn) : DumpEntry("rootRecord")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"root of volume {Volume}: {Root}" + (CoveredLsn is null ? "" : $", covers LSN {CoveredLsn}");
}

/// <summary>A VolumeDeleted record.</summary>
/// <param name="Volume">The volume's number.</param>
public sealed record VolumeDeletedEntry(uint Volume) : DumpEntry("volumeDeletedRecord")
{
    /// <inheritdoc/>
    protected override string Describe() => $"volume {Volume} is deleted";
}

/// <summary>A snapshot.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
/// <param name="Root">Its root hash.</param>
public sealed record SnapshotEntry(uint Volume, string Name, long CreatedUnixMs, string Root) : DumpEntry("snapshot")
{
    /// <summary>The entry of a record.</summary>
    internal static SnapshotEntry Of(SnapshotRecord record) =>
        new(record.Volume, record.Name, record.CreatedUnixMs, record.Root.ToString());

    /// <inheritdoc/>
    protected override string Describe() =>
        $"snapshot {Quote(Name)} of volume {Volume}: made {TimeOf(CreatedUnixMs)}, root {Root}";
}

/// <summary>A SnapshotDeleted record.</summary>
/// <param name="Volume">The volume's number.</param>
/// <param name="Name">The snapshot's name.</param>
public sealed record SnapshotDeletedEntry(uint Volume, string Name) : DumpEntry("snapshotDeletedRecord")
{
    /// <inheritdoc/>
    protected override string Describe() => $"snapshot {Quote(Name)} of volume {Volume} is deleted";
}
