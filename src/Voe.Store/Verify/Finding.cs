using System.Globalization;
using Voe.Store.Hashing;

namespace Voe.Store.Verify;

/// <summary>How bad a finding is.</summary>
public enum Severity
{
    /// <summary>Normal, but worth telling: a torn tail that the next start cuts off.</summary>
    Note,

    /// <summary>Something that can be made anew from the rest: a footer, the index.</summary>
    Repairable,

    /// <summary>Bytes are not what was written.</summary>
    Damage,
}

/// <summary>Consecutive bytes of a volume that a finding hurts: they cannot be read, or would be wrong.</summary>
/// <param name="VolumeId">The volume's number.</param>
/// <param name="Volume">Its name.</param>
/// <param name="Offset">Byte offset in the volume.</param>
/// <param name="Length">Length in bytes.</param>
public sealed record AffectedRange(uint VolumeId, string Volume, long Offset, long Length)
{
    /// <summary>The range as words.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"volume \"{Volume}\", bytes {Offset} to {Offset + Length - 1}");
}

/// <summary>One thing that a verification found.</summary>
/// <param name="Code">What kind of thing.</param>
/// <param name="PackId">The pack; 0 when it is about the store.</param>
/// <param name="Offset">Byte offset in the pack's file.</param>
/// <param name="Message">What, expected, found.</param>
public sealed record Finding(FindingCode Code, uint PackId, long Offset, string Message)
{
    /// <summary>How many ranges a finding keeps at most; how many bytes there are more is in <see cref="MoreBytes"/>.</summary>
    public const int MaxRanges = 1000;

    /// <summary>What is fixed about the code.</summary>
    public FindingKind Kind => FindingKinds.Of(Code);

    /// <summary>How bad it is.</summary>
    public Severity Severity => Kind.Severity;

    /// <summary>The chunk that it is about, or null.</summary>
    public ChunkHash? Chunk { get; init; }

    /// <summary>The ranges of volumes that it hurts, as the volumes are at the end of the log; by volume and offset.</summary>
    public IReadOnlyList<AffectedRange> Affected { get; init; } = [];

    /// <summary>Bytes of volumes that it hurts beside <see cref="Affected"/>, when there were too many ranges to keep.</summary>
    public long MoreBytes { get; init; }

    /// <summary>The finding as a line, without the ranges.</summary>
    public override string ToString()
    {
        string place = PackId == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"pack {PackId}, offset {Offset}: ");
        return $"{Kind.Id} {Severity}: {place}{Message}";
    }
}

/// <summary>What a verification saw.</summary>
/// <param name="Findings">What is not as it should be, or worth telling.</param>
/// <param name="Packs">Packs read.</param>
/// <param name="Batches">Batches whose header, links and record table were verified.</param>
/// <param name="Chunks">Chunks that they store: each was read, decoded and hashed, unless the verification was a quick one.</param>
/// <param name="Bytes">Length of the packs' files that were verified.</param>
public sealed record VerifyResult(IReadOnlyList<Finding> Findings, int Packs, long Batches, long Chunks, long Bytes)
{
    /// <summary>Findings beside those, of codes of which there were too many to keep.</summary>
    public long OmittedFindings { get; init; }

    /// <summary>How thorough it was.</summary>
    public VerifyDepth Depth { get; init; } = VerifyDepth.Deep;

    /// <summary>Whether everything that was stored is there as it was. Something may be left to repair.</summary>
    public bool IsSound => Findings.All(static finding => finding.Severity != Severity.Damage);

    /// <summary>Whether there is nothing to repair either.</summary>
    public bool IsClean => Findings.All(static finding => finding.Severity == Severity.Note);
}
