using Voe.Store.Hashing;

namespace Voe.Store.Repair;

/// <summary>What a repair does about one thing.</summary>
public enum RepairKind
{
    /// <summary>The superblock is made anew.</summary>
    SuperblockRestored,

    /// <summary>A pack's file gets the name that belongs to it.</summary>
    PackRenamed,

    /// <summary>A file among the packs that is none of this store's is put aside.</summary>
    PackPutAside,

    /// <summary>A pack's header is made anew.</summary>
    PackHeaderRestored,

    /// <summary>Header or record table of a batch comes from its footer, from a copy, or by turning a bit back.</summary>
    BatchRestored,

    /// <summary>A chunk's stored bytes come from a copy, or by turning a bit back.</summary>
    ChunkRestored,

    /// <summary>A pack's footer is made anew.</summary>
    FooterRestored,

    /// <summary>What ends the log and never was durable is cut off.</summary>
    TailCut,

    /// <summary>The index is made anew from the packs.</summary>
    IndexRebuilt,

    /// <summary>What volumes hold, of which the log lost the record, comes from the index.</summary>
    MapRestored,

    /// <summary>A volume's settings, of which the log lost the record, come from the index.</summary>
    VolumeRestored,

    /// <summary>A lost chunk was found elsewhere and is stored again.</summary>
    ChunkFound,

    /// <summary>A chunk is lost: it could not be restored in its place.</summary>
    ChunkLost,

    /// <summary>Batches are lost: neither they nor a copy of their tables were found.</summary>
    BatchesLost,
}

/// <summary>One thing that a repair does, or would do.</summary>
/// <param name="Kind">What.</param>
/// <param name="PackId">The pack; 0 when it is about the store.</param>
/// <param name="Offset">Byte offset in the pack's file.</param>
/// <param name="Length">Length in bytes of what is hurt there.</param>
/// <param name="Reason">What was wrong, and where the help comes from.</param>
public sealed record RepairStep(RepairKind Kind, uint PackId, long Offset, long Length, string Reason)
{
    /// <summary>The chunk, or null.</summary>
    public ChunkHash? Chunk { get; init; }

    /// <summary>Of batches: the first LSN; 0 otherwise.</summary>
    public ulong FirstLsn { get; init; }

    /// <summary>Of batches: the last LSN.</summary>
    public ulong LastLsn { get; init; }

    /// <summary>Whether it says that something is lost, until a copy is found.</summary>
    public bool IsLoss => Kind is RepairKind.ChunkLost or RepairKind.BatchesLost;

    /// <summary>The step as a line.</summary>
    public override string ToString() =>
        PackId == 0 ? $"{Kind}: {Reason}" : $"{Kind}: pack {PackId}, offset {Offset}, {Length} bytes: {Reason}";
}

/// <summary>Bytes that the new file of a pack has in place of the old one's.</summary>
/// <param name="Offset">Where in the pack's file.</param>
/// <param name="Length">How many.</param>
/// <param name="Bytes">The bytes, or null when they come from <paramref name="Source"/>, from the same place, or are zeros.</param>
/// <param name="Source">Which file has them, or null.</param>
internal sealed record PackPatch(long Offset, long Length, byte[]? Bytes, PackSource? Source);

/// <summary>What a repair does about one pack.</summary>
/// <param name="id">The pack.</param>
/// <param name="own">The store's own file, or null when there is none.</param>
/// <param name="start">What comes before its first batch.</param>
internal sealed class PackPlan(uint id, PackSource? own, LogCursor start)
{
    /// <summary>The pack.</summary>
    public uint Id { get; } = id;

    /// <summary>The store's own file, or null when there is none. Changes when the file gets another name.</summary>
    public PackSource? Own { get; set; } = own;

    /// <summary>What comes before its first batch.</summary>
    public LogCursor Start { get; } = start;

    /// <summary>What its last batch leads to.</summary>
    public LogCursor End { get; set; } = start;

    /// <summary>Where its batches end.</summary>
    public long EndOffset { get; set; } = Packs.PackHeader.Size;

    /// <summary>What differs from the own file up to there, by offset, without overlaps.</summary>
    public List<PackPatch> Patches { get; } = [];

    /// <summary>What is done.</summary>
    public List<RepairStep> Steps { get; } = [];

    /// <summary>Whether the pack needs a new file.</summary>
    public bool IsRewritten => Own is null || Steps.Count > 0;
}
