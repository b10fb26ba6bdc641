using System.Text.Json.Serialization;
using Voe.Store.Merkle;

namespace Voe.Store.Dump;

/// <summary>A place where a chunk is stored.</summary>
/// <param name="Chunk">The chunk's hash.</param>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Where in its file the stored bytes begin.</param>
/// <param name="Lsn">The batch.</param>
/// <param name="Codec"><c>raw</c>, <c>lz4</c>, <c>zstd</c> or <c>lost</c>.</param>
/// <param name="Length">Plain length.</param>
/// <param name="StoredLength">Stored length.</param>
/// <param name="Checksum">Of the stored bytes.</param>
/// <param name="Verifies">Whether the bytes there are that chunk.</param>
/// <param name="Problem">Why not.</param>
public sealed record ChunkPlaceEntry(
    string Chunk, uint Pack, long Offset, ulong Lsn, string Codec, int Length, int StoredLength, string Checksum, bool Verifies,
    string? Problem) : DumpEntry("chunkPlace")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"pack {Pack}, offset {Offset}, LSN {Lsn}: {Codec}, {Length} bytes stored as {StoredLength}, checksum {Checksum}: "
        + (Verifies ? "verifies" : $"DAMAGED: {Problem}");
}

/// <summary>A chunk: how often it is stored and held. Its places come before, its holders after.</summary>
/// <param name="Chunk">The chunk's hash.</param>
/// <param name="Places">Places where it is stored.</param>
/// <param name="OmittedPlaces">How many of them were not shown.</param>
/// <param name="References">Chunks of volumes that hold it.</param>
public sealed record ChunkEntry(string Chunk, long Places, long OmittedPlaces, long References) : DumpEntry("chunk")
{
    /// <inheritdoc/>
    protected override string Describe() => $"chunk {Chunk}: {Places} places"
        + (OmittedPlaces == 0 ? "" : $" ({OmittedPlaces} not shown)") + $", {References} chunks of volumes hold it";
}

/// <summary>Bytes of a volume that are a chunk, or some of it one after another.</summary>
/// <param name="Volume">The volume's name.</param>
/// <param name="Id">Its number.</param>
/// <param name="Offset">Byte offset in the volume.</param>
/// <param name="Length">How many bytes.</param>
public sealed record ReferenceEntry(string Volume, uint Id, long Offset, long Length) : DumpEntry("reference")
{
    /// <inheritdoc/>
    protected override string Describe() => $"    volume {Id}, {Quote(Volume)}, bytes {Offset} to {Offset + Length - 1}";
}

/// <summary>References that were too many to show.</summary>
/// <param name="Bytes">Bytes of volumes.</param>
public sealed record MoreReferencesEntry(long Bytes) : DumpEntry("moreReferences")
{
    /// <inheritdoc/>
    protected override string Describe() => $"    and {Bytes} bytes more";
}

/// <summary>Consecutive bytes of a volume in the same state; data that is stored in one piece.</summary>
/// <param name="Offset">Byte offset in the volume.</param>
/// <param name="Length">How many bytes.</param>
/// <param name="State"><c>data</c>, <c>hole</c>, or <c>lost</c>: the log does not hold the chunks.</param>
/// <param name="Pack">Of data: the pack.</param>
/// <param name="PackOffset">Where in its file the stored bytes begin.</param>
/// <param name="StoredLength">How many they are.</param>
public sealed record VolumeMapEntry(long Offset, long Length, string State, uint? Pack, long? PackOffset, long? StoredLength)
    : DumpEntry("map")
{
    /// <inheritdoc/>
    protected override string Describe() => $"bytes {Offset} to {Offset + Length - 1}: {State}"
        + (Pack is null ? "" : $", pack {Pack}, offset {PackOffset}, stored as {StoredLength}");
}

/// <summary>A root block.</summary>
/// <param name="Root">The root hash.</param>
/// <param name="HashAlgorithm">How the tree is hashed.</param>
/// <param name="Size">Bytes of the volume.</param>
/// <param name="ChunkSize">Bytes of a chunk.</param>
/// <param name="Depth">Levels of nodes.</param>
/// <param name="Top">Hash of the top node; null when all is a hole.</param>
public sealed record RootEntry(string Root, string HashAlgorithm, long Size, int ChunkSize, int Depth, string? Top)
    : DumpEntry("root")
{
    /// <summary>The entry of a block.</summary>
    internal static RootEntry Of(string root, in RootBlock block) => new(
        root, NameOf(block.HashAlgorithm), block.Size, block.ChunkSize, block.Depth, block.Top.IsZero ? null : block.Top.ToString());

    /// <inheritdoc/>
    protected override string Describe() => $"root {Root}: {Size} bytes, chunks of {ChunkSize}, hash {HashAlgorithm}, depth {Depth}, "
        + (Top is null ? "all a hole" : $"top {Top}");
}

/// <summary>A hash in the top node of a tree that is no hole.</summary>
/// <param name="Slot">Its place in the node, 0 to 127.</param>
/// <param name="Child">Hash of a node, or of a chunk when the top node is a leaf.</param>
/// <param name="Offset">Byte offset in the volume of what is below it.</param>
/// <param name="Length">How many bytes that is.</param>
/// <param name="IsStored">Whether the log holds it.</param>
public sealed record NodeSlotEntry(
    int Slot, string Child, long Offset, long Length, [property: JsonPropertyName("stored")] bool IsStored) : DumpEntry("nodeSlot")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"    slot {Slot}, bytes {Offset} to {Offset + Length - 1}: {Child}{(IsStored ? "" : ", not in the log")}";
}
