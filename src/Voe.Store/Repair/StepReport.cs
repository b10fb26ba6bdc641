using System.Text.Json;
using System.Text.Json.Serialization;

namespace Voe.Store.Repair;

/// <summary>A step of a repair as JSON has it: docs/fsck.md, "Repair". Fields are added, never changed or removed.</summary>
/// <param name="Step">What was done: <c>chunkLost</c>.</param>
/// <param name="Loss">Whether it says that something is lost in its place.</param>
/// <param name="Pack">The pack; left out when it is about the store.</param>
/// <param name="Offset">Byte offset in the pack's file; left out with the pack.</param>
/// <param name="Length">Length in bytes of what was hurt.</param>
/// <param name="Chunk">The chunk's hash as 64 hexadecimal digits, or left out.</param>
/// <param name="FirstLsn">Of batches: the first LSN, or left out.</param>
/// <param name="LastLsn">Of batches: the last LSN, or left out.</param>
/// <param name="Reason">What was wrong, and where help came from.</param>
/// <param name="Bytes">The file in lost+found that has the bytes as they were found, or left out.</param>
public sealed record StepReport(
    [property: JsonPropertyName("step")] string Step,
    [property: JsonPropertyName("loss")] bool Loss,
    [property: JsonPropertyName("pack"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] uint? Pack,
    [property: JsonPropertyName("offset"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Offset,
    [property: JsonPropertyName("length")] long Length,
    [property: JsonPropertyName("chunk"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Chunk,
    [property: JsonPropertyName("firstLsn"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ulong? FirstLsn,
    [property: JsonPropertyName("lastLsn"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ulong? LastLsn,
    [property: JsonPropertyName("reason")] string Reason,
    [property: JsonPropertyName("bytes"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Bytes)
{
    /// <summary>The report of a step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="bytes">The file in lost+found, or null.</param>
    public static StepReport Of(RepairStep step, string? bytes = null) => new(
        JsonNamingPolicy.CamelCase.ConvertName(step.Kind.ToString()),
        step.IsLoss,
        step.PackId == 0 ? null : step.PackId,
        step.PackId == 0 ? null : step.Offset,
        step.Length,
        step.Chunk?.ToString(),
        step.FirstLsn == 0 ? null : step.FirstLsn,
        step.FirstLsn == 0 ? null : step.LastLsn,
        step.Reason,
        bytes);
}
