using Voe.Server.Aoe;

namespace Voe.Server.Configuration;

/// <summary>What is behind a target.</summary>
internal enum TargetBackend
{
    /// <summary>A volume of the store: content-addressed storage.</summary>
    Cas,

    /// <summary>A plain file.</summary>
    File,

    /// <summary>A block device of this machine.</summary>
    Device,
}

/// <summary>A target: one export, and what is behind it.</summary>
internal sealed record TargetSpec
{
    /// <summary>The export's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>What is behind it.</summary>
    public TargetBackend Backend { get; init; } = TargetBackend.Cas;

    /// <summary>For <see cref="TargetBackend.Cas"/>: the volume, or null for the one that has the target's name.</summary>
    public string? Volume { get; init; }

    /// <summary>For the others: the path of the file or device.</summary>
    public string Path { get; init; } = "";

    /// <summary>For <see cref="TargetBackend.File"/>: the size at which a missing file is created, or null for an error then.</summary>
    public long? Size { get; init; }

    /// <summary>Whether the file or device is read and written past the page cache.</summary>
    public bool IsDirect { get; init; }

    /// <summary>Whether nobody may write to it.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>A sentence for people.</summary>
    public string Description { get; init; } = "";

    /// <summary>Whether clients that ask for no name get it.</summary>
    public bool IsDefault { get; init; }

    /// <summary>Its shelf on AoE; null without one. Only with <see cref="Slot"/>.</summary>
    public int? Shelf { get; init; }

    /// <summary>Its slot on AoE.</summary>
    public int? Slot { get; init; }

    /// <summary>Its address on AoE; null when it is not there.</summary>
    public AoeAddress? AoeAddress =>
        Shelf is { } shelf && Slot is { } slot ? new AoeAddress((ushort)shelf, (byte)slot) : null;

    /// <summary>What AoE's config query answers until somebody sets another.</summary>
    public string ConfigString { get; init; } = "";

    /// <summary>Who may use it over AoE; empty for everybody.</summary>
    public IReadOnlyList<MacAddress> Macs { get; init; } = [];

    /// <summary>What an answer to a write over AoE means.</summary>
    public AoeDurability Durability { get; init; } = AoeDurability.Power;

    /// <summary>The line of its head in the file.</summary>
    public int Line { get; init; }

    /// <summary>Where it stands, for messages: <c>voe.toml:12: [[target]] 1</c>.</summary>
    public string Where { get; init; } = "";

    /// <summary>The volume behind a target of <see cref="TargetBackend.Cas"/>.</summary>
    public string VolumeName => Volume ?? Name;
}
