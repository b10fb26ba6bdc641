using System.Text.Json.Serialization;

namespace Voe.Store.Verify;

/// <summary>A finding as JSON has it: docs/fsck.md, "JSON". Fields are added, never changed or removed.</summary>
/// <param name="Code"><c>VF030</c>.</param>
/// <param name="Severity"><c>note</c>, <c>repairable</c> or <c>damage</c>.</param>
/// <param name="Title">What the code means, as a line.</param>
/// <param name="Message">What, expected, found.</param>
/// <param name="Affected">The ranges of volumes that it hurts.</param>
/// <param name="Pack">The pack; left out when it is about the store.</param>
/// <param name="Offset">Byte offset in the pack's file; left out with the pack.</param>
/// <param name="Chunk">The chunk's hash as 64 hexadecimal digits, or left out.</param>
/// <param name="MoreBytes">Bytes that it hurts beside those, left out when 0.</param>
public sealed record FindingReport(
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("severity")] string Severity,
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("message")] string Message,
    [property: JsonPropertyName("affected")] IReadOnlyList<AffectedReport> Affected,
    [property: JsonPropertyName("pack"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] uint? Pack = null,
    [property: JsonPropertyName("offset"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Offset = null,
    [property: JsonPropertyName("chunk"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Chunk = null,
    [property: JsonPropertyName("moreBytes"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] long MoreBytes = 0)
{
    /// <summary>The report of a finding.</summary>
    public static FindingReport Of(Finding finding) => new(
        finding.Kind.Id,
        NameOf(finding.Severity),
        finding.Kind.Title,
        finding.Message,
        [.. finding.Affected.Select(static range => new AffectedReport(range.Volume, range.VolumeId, range.Offset, range.Length))],
        finding.PackId == 0 ? null : finding.PackId,
        finding.PackId == 0 ? null : finding.Offset,
        finding.Chunk?.ToString(),
        finding.MoreBytes);

    /// <summary>A severity's name in JSON.</summary>
    public static string NameOf(Severity severity) => severity switch
    {
        Verify.Severity.Note => "note",
        Verify.Severity.Repairable => "repairable",
        _ => "damage",
    };
}

/// <summary>Bytes of a volume that a finding hurts, as JSON has them.</summary>
/// <param name="Volume">The volume's name.</param>
/// <param name="Id">Its number.</param>
/// <param name="Offset">Byte offset in the volume.</param>
/// <param name="Length">Length in bytes.</param>
public sealed record AffectedReport(
    [property: JsonPropertyName("volume")] string Volume,
    [property: JsonPropertyName("id")] uint Id,
    [property: JsonPropertyName("offset")] long Offset,
    [property: JsonPropertyName("length")] long Length);
