namespace Voe.Store.Verify;

/// <summary>How bad a finding is.</summary>
public enum Severity
{
    /// <summary>Normal, but worth telling: a torn tail that the next start cuts off.</summary>
    Note,

    /// <summary>Something that can be made anew from the rest: a footer, which a crash may have left half written.</summary>
    Repairable,

    /// <summary>Bytes are not what was written.</summary>
    Damage,
}

/// <summary>One thing that a verification found.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="PackId">The pack; 0 when it is about the store.</param>
/// <param name="Offset">Byte offset in the pack's file.</param>
/// <param name="Message">What, expected, found.</param>
public sealed record Finding(Severity Severity, uint PackId, long Offset, string Message)
{
    /// <summary>The finding as a line.</summary>
    public override string ToString() => PackId == 0 ? $"{Severity}: {Message}" : $"{Severity}: pack {PackId}, offset {Offset}: {Message}";
}

/// <summary>What a verification saw.</summary>
/// <param name="Findings">What is not as it should be, or worth telling.</param>
/// <param name="Packs">Packs read.</param>
/// <param name="Batches">Batches whose header, links and record table were verified.</param>
/// <param name="Chunks">Chunks whose checksum and hash were verified.</param>
/// <param name="Bytes">Bytes read.</param>
public sealed record VerifyResult(IReadOnlyList<Finding> Findings, int Packs, long Batches, long Chunks, long Bytes)
{
    /// <summary>Whether everything that was stored is there as it was. Something may be left to repair.</summary>
    public bool IsSound => Findings.All(static finding => finding.Severity != Severity.Damage);

    /// <summary>Whether there is nothing to repair either.</summary>
    public bool IsClean => Findings.All(static finding => finding.Severity == Severity.Note);
}
