using System.Globalization;

namespace Voe.Store.Verify;

/// <summary>What is fixed about a code.</summary>
/// <param name="Code">The code.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Title">A line for people.</param>
public sealed record FindingKind(FindingCode Code, Severity Severity, string Title)
{
    /// <summary>The code as it is printed: <c>VF030</c>.</summary>
    public string Id { get; } = string.Create(CultureInfo.InvariantCulture, $"VF{(int)Code:d3}");
}

/// <summary>The table of all kinds of findings. A tidy test holds docs/fsck.md against it.</summary>
public static class FindingKinds
{
    private static readonly Dictionary<FindingCode, FindingKind> ByCode = new FindingKind[]
    {
        new(FindingCode.SuperblockDamaged, Severity.Damage, "the superblock is missing or damaged"),
        new(FindingCode.PackMissing, Severity.Damage, "a pack is missing"),
        new(FindingCode.PackUnreadable, Severity.Damage, "a pack cannot be read"),
        new(FindingCode.PackHeaderDamaged, Severity.Damage, "a pack's header is damaged"),
        new(FindingCode.PackMisplaced, Severity.Damage, "a pack's file is another pack's"),
        new(FindingCode.LogGap, Severity.Damage, "the log has a gap between two packs"),
        new(FindingCode.BatchDamaged, Severity.Damage, "a batch of the log is damaged"),
        new(FindingCode.RecordsInvalid, Severity.Damage, "the records of a batch break the format"),
        new(FindingCode.FooterDamaged, Severity.Repairable, "a pack's footer is damaged"),
        new(FindingCode.FooterMismatch, Severity.Repairable, "a pack's footer does not fit the pack"),
        new(FindingCode.ReadRetried, Severity.Note, "a read failed once"),
        new(FindingCode.TornTail, Severity.Note, "the log has a torn tail"),
        new(FindingCode.SealingUnfinished, Severity.Note, "the sealing of a pack was interrupted"),
        new(FindingCode.PackBehindEnd, Severity.Note, "a pack is part of the torn tail"),
        new(FindingCode.ChunkDamaged, Severity.Damage, "a chunk is damaged"),
        new(FindingCode.ChunkCopyDamaged, Severity.Repairable, "a copy of a chunk is damaged, another is whole"),
        new(FindingCode.SmallWriteDamaged, Severity.Damage, "a small write is damaged"),
        new(FindingCode.ChunkMissing, Severity.Damage, "a volume's chunk is missing"),
        new(FindingCode.ChunkLengthWrong, Severity.Damage, "a volume's chunk has the wrong length"),
        new(FindingCode.VolumeUnknown, Severity.Damage, "a record is about no volume"),
        new(FindingCode.VolumeInvalid, Severity.Damage, "a volume's settings contradict the log"),
        new(FindingCode.RootMissing, Severity.Damage, "a root or snapshot has no tree"),
        new(FindingCode.IndexMissing, Severity.Note, "there is no index"),
        new(FindingCode.IndexBehind, Severity.Note, "the index is behind the log"),
        new(FindingCode.IndexUnreadable, Severity.Repairable, "the index cannot be read"),
        new(FindingCode.IndexPositionWrong, Severity.Repairable, "the index is of another log"),
        new(FindingCode.IndexChunkWrong, Severity.Repairable, "the index has a chunk in the wrong place"),
        new(FindingCode.IndexChunkMissing, Severity.Repairable, "the index lacks a chunk"),
        new(FindingCode.IndexMapWrong, Severity.Repairable, "the index has a wrong map"),
        new(FindingCode.IndexVolumeWrong, Severity.Repairable, "the index has other volumes than the log"),
        new(FindingCode.IndexUsageWrong, Severity.Repairable, "the index's accounts are wrong"),
        new(FindingCode.IndexFormatUnknown, Severity.Note, "the index is of another version"),
        new(FindingCode.IndexNotCompared, Severity.Note, "the index was not compared with the log"),
        new(FindingCode.BatchesLost, Severity.Note, "batches were lost to earlier damage"),
        new(FindingCode.ChunkLost, Severity.Note, "a chunk was lost to earlier damage"),
        new(FindingCode.VolumeLost, Severity.Note, "a volume's settings were lost to earlier damage"),
        new(FindingCode.RepairUnfinished, Severity.Repairable, "a repair was not finished"),
    }.ToDictionary(static kind => kind.Code);

    /// <summary>All of them, by number.</summary>
    public static IReadOnlyList<FindingKind> All { get; } = [.. ByCode.Values.OrderBy(static kind => kind.Code)];

    /// <summary>What is fixed about a code.</summary>
    public static FindingKind Of(FindingCode code) => ByCode[code];
}
