using System.Text;
using Voe.Server.Aoe;
using Voe.Store;

namespace Voe.Server.Configuration.Sections;

/// <summary><c>[[target]]</c>: an export with a backend of its choice.</summary>
internal static class TargetSection
{
    private const int LongestName = 4096;

    /// <summary>The section.</summary>
    public static ConfigSection<TargetSpec> Section { get; } = new("target", isRepeated: true,
    [
        new ConfigKey<TargetSpec, string>(
            "name", ValueKinds.Parsed<string>("NAME", ParseName, static name => name),
            static (target, value) => target with { Name = value }, "The export's name, by which clients ask for it.")
        {
            IsRequired = true,
        },
        new ConfigKey<TargetSpec, TargetBackend>(
            "backend",
            ValueKinds.Choice("BACKEND", ("cas", TargetBackend.Cas), ("file", TargetBackend.File), ("device", TargetBackend.Device)),
            TargetBackend.Cas, static (target, value) => target with { Backend = value },
            "What is behind it: cas is a volume of the store, file a plain file, device a block device of this machine."),
        new ConfigKey<TargetSpec, string>(
            "volume", VolumeSection.VolumeName, static (target, value) => target with { Volume = value },
            "For cas: the volume. Without it, the one that has the target's name."),
        new ConfigKey<TargetSpec, string>(
            "path", ValueKinds.Path, static (target, value) => target with { Path = value },
            "For file and device: the path."),
        new ConfigKey<TargetSpec, long>(
            "size", ValueKinds.Size(VolumeLimits.SectorSize, VolumeLimits.MaxSize, VolumeLimits.SectorSize),
            static (target, value) => target with { Size = value },
            "For file: the size at which it is created if it is missing. A file that exists keeps its size."),
        new ConfigKey<TargetSpec, bool>(
            "direct", ValueKinds.Flag, defaultValue: false, static (target, value) => target with { IsDirect = value },
            "For file and device: past the page cache (O_DIRECT)."),
        new ConfigKey<TargetSpec, bool>(
            "read-only", ValueKinds.Flag, defaultValue: false, static (target, value) => target with { IsReadOnly = value },
            "Nobody may write to it."),
        new ConfigKey<TargetSpec, string>(
            "description", ValueKinds.Line, "", static (target, value) => target with { Description = value },
            "A sentence that clients which list the exports show."),
        new ConfigKey<TargetSpec, bool>(
            "default", ValueKinds.Flag, defaultValue: false, static (target, value) => target with { IsDefault = value },
            "Clients that ask for no name get this export. At most one target can be that."),
        new ConfigKey<TargetSpec, int>(
            "shelf", ValueKinds.Count(0, AoeAddress.AnyShelf - 1), static (target, value) => target with { Shelf = value },
            "For AoE: its address there, with slot. Without them it is not found over AoE."),
        new ConfigKey<TargetSpec, int>(
            "slot", ValueKinds.Count(0, AoeAddress.AnySlot - 1), static (target, value) => target with { Slot = value },
            "For AoE: the second part of its address. Each pair of shelf and slot once on a network."),
        new ConfigKey<TargetSpec, string>(
            "config-string", ValueKinds.Parsed<string>("TEXT", ParseConfigString, static text => text), "",
            static (target, value) => target with { ConfigString = value },
            "For AoE: the config string, until a client sets another, which is kept."),
        new ConfigKey<TargetSpec, IReadOnlyList<MacAddress>>(
            "macs", ValueKinds.List(ValueKinds.Parsed<MacAddress>("MAC", ParseMac, static mac => mac.ToString())), [],
            static (target, value) => target with { Macs = value },
            "For AoE: the Ethernet addresses that may use it; none given lets everybody. No protection from who forges his address."),
        new ConfigKey<TargetSpec, AoeDurability>(
            "durability", ValueKinds.Choice("PROMISE", ("power", AoeDurability.Power), ("process", AoeDurability.Process)),
            AoeDurability.Power, static (target, value) => target with { Durability = value },
            "For AoE: what a write that was answered survives: power, a loss of power; process, the death of voe-server alone, for speed."),
    ]);

    /// <summary>Notes keys of AoE without an address there.</summary>
    public static void CheckAoe(ConfigEntry<TargetSpec> entry, Mistakes mistakes)
    {
        bool hasShelf = entry.KeyLines.ContainsKey("shelf"), hasSlot = entry.KeyLines.ContainsKey("slot");
        if (hasShelf != hasSlot)
        {
            (string given, string lacking) = hasShelf ? ("shelf", "slot") : ("slot", "shelf");
            mistakes.Add(entry.LineOf(given), $"{entry.Table.Title}: key \"{given}\" needs \"{lacking}\": both are the address on AoE");
        }

        string[] foreign = hasShelf || hasSlot ? [] : ["config-string", "macs", "durability"];
        foreach (string key in foreign.Where(entry.KeyLines.ContainsKey))
        {
            mistakes.Add(
                entry.LineOf(key), $"{entry.Table.Title}: key \"{key}\" means nothing without shelf and slot: {Section.Find(key)!.Doc}");
        }
    }

    /// <summary>Notes keys that the backend of a target does not have or lacks.</summary>
    public static void CheckBackend(ConfigEntry<TargetSpec> entry, Mistakes mistakes)
    {
        string backend = entry.Value.Backend switch
        {
            TargetBackend.Cas => "cas",
            TargetBackend.File => "file",
            _ => "device",
        };
        string[] foreign = entry.Value.Backend switch
        {
            TargetBackend.Cas => ["path", "size", "direct"],
            TargetBackend.File => ["volume"],
            _ => ["volume", "size"],
        };
        foreach (string key in foreign.Where(entry.KeyLines.ContainsKey))
        {
            mistakes.Add(
                entry.LineOf(key),
                $"{entry.Table.Title}: key \"{key}\" means nothing with backend \"{backend}\": {Section.Find(key)!.Doc}");
        }

        if (entry.Value.Backend != TargetBackend.Cas && !entry.KeyLines.ContainsKey("path"))
        {
            mistakes.Add(entry.Table.Line, $"{entry.Table.Title}: key \"path\" is missing: which {backend}?");
        }
    }

    private static bool ParseConfigString(string text, out string configString, out string error)
    {
        configString = text;
        error = $"a config string has at most {AoeTargetOptions.MaxConfigStringLength} bytes of UTF-8, none of them a control character";
        return Encoding.UTF8.GetByteCount(text) <= AoeTargetOptions.MaxConfigStringLength && !text.Any(char.IsControl);
    }

    private static bool ParseMac(string text, out MacAddress mac, out string error)
    {
        error = $"\"{text}\" is no Ethernet address of a station: write it as 00:16:3e:01:02:03";
        return MacAddress.TryParse(text, out mac) && mac.IsStation;
    }

    private static bool ParseName(string text, out string name, out string error)
    {
        name = text;
        error = $"a target's name has 1 to {LongestName} bytes of UTF-8, none of them a control character";
        return text.Length > 0 && Encoding.UTF8.GetByteCount(text) <= LongestName && !text.Any(char.IsControl);
    }
}
