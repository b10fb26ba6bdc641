using System.Text.Json.Serialization;

namespace Voe.Admin.Targets;

/// <summary>An AoE target that the store keeps, made by <c>voe target add</c>.</summary>
/// <param name="Shelf">Its shelf.</param>
/// <param name="Slot">Its slot.</param>
/// <param name="VolumeId">The volume's number, which a rename does not change.</param>
/// <param name="VolumeName">The volume's name: where an import put another volume in its place, that one is meant.</param>
/// <param name="ReadOnly">Whether nobody may write to it.</param>
/// <param name="Macs">The Ethernet addresses that may use it; none for everybody.</param>
/// <param name="Durability"><c>power</c> or <c>process</c>.</param>
/// <param name="ConfigString">Its config string.</param>
public sealed record TargetRecord(
    int Shelf,
    int Slot,
    uint VolumeId,
    string VolumeName,
    bool ReadOnly,
    IReadOnlyList<string> Macs,
    string Durability,
    byte[] ConfigString)
{
    /// <summary>Its address as text.</summary>
    [JsonIgnore]
    public string Address => TargetAddress.Format(Shelf, Slot);
}

/// <summary>A config string that somebody set over the wire, of a target of the server's configuration.</summary>
/// <param name="Shelf">The target's shelf.</param>
/// <param name="Slot">The target's slot.</param>
/// <param name="Target">The target's name.</param>
/// <param name="Configured">What the configuration said then: when it says something else, that counts.</param>
/// <param name="ConfigString">The string.</param>
public sealed record ConfigStringRecord(int Shelf, int Slot, string Target, string Configured, byte[] ConfigString);

/// <summary>The content of the store's file <c>targets</c>; docs/format.md, "Side files".</summary>
/// <param name="Version">1; a newer one is refused.</param>
/// <param name="Targets">The targets, by address.</param>
/// <param name="ConfigStrings">The config strings.</param>
public sealed record TargetFile(int Version, IReadOnlyList<TargetRecord> Targets, IReadOnlyList<ConfigStringRecord> ConfigStrings)
{
    /// <summary>The version that this program writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Nothing.</summary>
    public static TargetFile Empty { get; } = new(CurrentVersion, [], []);
}

/// <summary>How that looks as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(TargetFile))]
public sealed partial class TargetJson : JsonSerializerContext;
