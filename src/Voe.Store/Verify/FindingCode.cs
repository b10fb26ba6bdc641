namespace Voe.Store.Verify;

/// <summary>
/// What can be wrong with a store. A number, once given, keeps its meaning for ever and is printed as <c>VF001</c>;
/// <see cref="FindingKinds"/> has severity and title of each, docs/fsck.md what happened, what is lost and what to do.
/// </summary>
/// <remarks>
/// 1 to 9 are about the store, 10 to 29 about packs and the log, 30 to 39 about chunks, 40 to 49 about volumes, 50 to 69
/// about the index, 70 to 79 about what earlier repairs left behind.
/// </remarks>
public enum FindingCode
{
    /// <summary>The superblock is missing or damaged.</summary>
    SuperblockDamaged = 1,

    /// <summary>A pack's file is missing.</summary>
    PackMissing = 10,

    /// <summary>The medium does not give a pack's bytes.</summary>
    PackUnreadable = 11,

    /// <summary>A pack's header is damaged.</summary>
    PackHeaderDamaged = 12,

    /// <summary>A pack's header is whole, but it is that of another pack or another store.</summary>
    PackMisplaced = 13,

    /// <summary>A pack does not go on from where the one before it ends.</summary>
    LogGap = 14,

    /// <summary>A batch that was durable is not there whole: its header or its record table.</summary>
    BatchDamaged = 15,

    /// <summary>A batch has its checksums, but what its records say breaks the format.</summary>
    RecordsInvalid = 16,

    /// <summary>The footer of a pack is damaged.</summary>
    FooterDamaged = 17,

    /// <summary>The footer of a pack does not repeat what the pack's batches say.</summary>
    FooterMismatch = 18,

    /// <summary>A read failed, and worked when it was tried again.</summary>
    ReadRetried = 19,

    /// <summary>The log ends with a batch that never was durable.</summary>
    TornTail = 20,

    /// <summary>A pack behind the end of the log.</summary>
    PackBehindEnd = 21,

    /// <summary>A pack's footer is not whole, and no pack behind it has one: it was being sealed.</summary>
    SealingUnfinished = 22,

    /// <summary>The stored bytes of a chunk are not what was written, and no other copy is known.</summary>
    ChunkDamaged = 30,

    /// <summary>The stored bytes of a chunk are not what was written, but the log holds another copy that is whole.</summary>
    ChunkCopyDamaged = 31,

    /// <summary>The bytes of a small write are not what was written.</summary>
    SmallWriteDamaged = 32,

    /// <summary>A volume's chunk is one that the log does not hold.</summary>
    ChunkMissing = 40,

    /// <summary>A volume's chunk is one of another length than the volume's chunk size.</summary>
    ChunkLengthWrong = 41,

    /// <summary>A record is about a volume that does not exist, or about a range outside of it.</summary>
    VolumeUnknown = 42,

    /// <summary>The settings of a volume contradict the log before them.</summary>
    VolumeInvalid = 43,

    /// <summary>A root or snapshot names a tree whose root chunk the log does not hold.</summary>
    RootMissing = 44,

    /// <summary>There is no index.</summary>
    IndexMissing = 50,

    /// <summary>The index does not have the end of the log yet.</summary>
    IndexBehind = 51,

    /// <summary>The index cannot be read.</summary>
    IndexUnreadable = 52,

    /// <summary>The index is at a place that is not in the log.</summary>
    IndexPositionWrong = 53,

    /// <summary>The index says that a chunk lies where it does not.</summary>
    IndexChunkWrong = 54,

    /// <summary>The index does not have a chunk of the log.</summary>
    IndexChunkMissing = 55,

    /// <summary>The index's map of a volume is not what the log says.</summary>
    IndexMapWrong = 56,

    /// <summary>The index's volumes or snapshots are not those of the log.</summary>
    IndexVolumeWrong = 57,

    /// <summary>The index's accounts of stored or referenced chunks are not what counting gives.</summary>
    IndexUsageWrong = 58,

    /// <summary>The index is of a format that this program does not know.</summary>
    IndexFormatUnknown = 59,

    /// <summary>The index was not compared with the log, since the log has gaps.</summary>
    IndexNotCompared = 60,

    /// <summary>A batch, or several, could not be saved by an earlier repair, which left a gap in the log.</summary>
    BatchesLost = 70,

    /// <summary>A chunk could not be saved by an earlier repair, and no other copy is known.</summary>
    ChunkLost = 71,

    /// <summary>A repair was begun and not finished.</summary>
    RepairUnfinished = 72,

    /// <summary>A record is about a volume whose settings were lost to earlier damage.</summary>
    VolumeLost = 73,
}
