using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Voe.Admin.Commands;
using Voe.Admin.Targets;
using Voe.Server.Aoe;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>
/// The targets on AoE, kept in step with the configuration, the store's own targets and the exports. Safe from many threads.
/// </summary>
/// <param name="options">What the configuration says.</param>
/// <param name="store">The store, and the targets that it keeps.</param>
/// <param name="service">Makes exports of volumes.</param>
/// <param name="exports">The exports.</param>
/// <param name="time">The clock of the targets.</param>
/// <param name="logger">The log.</param>
internal sealed class AoeTargets(
    ServerOptions options, StoreService store, ExportService service, ExportTable exports, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private readonly Lock _changeLock = new(); // held while targets are stopped, too
    private readonly Dictionary<AoeAddress, Wish> _served = []; // guarded by _changeLock
    private readonly HashSet<uint> _withdrawn = []; // volumes; guarded by _changeLock
    private readonly HashSet<(AoeAddress Address, string Trouble)> _told = []; // guarded by _changeLock

    /// <summary>What is served.</summary>
    public AoeTargetTable Table { get; } = new();

    /// <summary>
    /// Takes out the targets whose device or options are others now, which answer first what they had taken, and serves those
    /// that are missing.
    /// </summary>
    /// <returns>The targets that are new.</returns>
    public IReadOnlyList<AoeTarget> Follow()
    {
        lock (_changeLock)
        {
            Dictionary<AoeAddress, Wish> wishes = Wishes();
            foreach (Wish old in _served.Values.Where(old => !old.IsServedAs(wishes.GetValueOrDefault(old.Address))).ToArray())
            {
                Remove(old.Address);
            }

            return [.. wishes.Values.Where(wish => !_served.ContainsKey(wish.Address)).Select(Add)];
        }
    }

    /// <summary>A volume is not served until <see cref="Return"/>; nobody uses it through AoE on return.</summary>
    public void Withdraw(Volume volume)
    {
        lock (_changeLock)
        {
            _withdrawn.Add(volume.Id);
            Follow();
        }
    }

    /// <summary>Undoes <see cref="Withdraw"/>, whatever became of the volume.</summary>
    /// <returns>The targets that are new.</returns>
    public IReadOnlyList<AoeTarget> Return(Volume volume)
    {
        lock (_changeLock)
        {
            _withdrawn.Remove(volume.Id);
            return Follow();
        }
    }

    /// <summary>All targets, also those that are not served, by address.</summary>
    public IReadOnlyList<TargetInfo> Describe()
    {
        var found = new Dictionary<(int, int), TargetInfo>();
        foreach (TargetSpec spec in options.Targets.Where(spec => spec.AoeAddress is not null))
        {
            long? size = exports.TryFind(spec.Name, out Export? export) ? export.Device.Size : null;
            AoeAddress address = spec.AoeAddress!.Value;
            found.TryAdd((address.Shelf, address.Slot), new TargetInfo(
                address.ToString(), spec.Name, size, spec.IsReadOnly || options.IsReadOnly, spec.ConfigString,
                [.. spec.Macs.Select(mac => mac.ToString())], WordOf(spec.Durability), spec.Where, Activity: null));
        }

        foreach (TargetRecord record in store.Targets.Targets)
        {
            TargetInfo info = TargetInfoOf(record);
            found.TryAdd((record.Shelf, record.Slot), info with { ReadOnly = info.ReadOnly || options.IsReadOnly });
        }

        return [.. found.OrderBy(pair => pair.Key).Select(pair => WithActivity(pair.Value))];
    }

    private static string WordOf(AoeDurability durability) => durability == AoeDurability.Power ? "power" : "process";

    private TargetInfo TargetInfoOf(TargetRecord record)
    {
        Volume? volume = store.Targets.VolumeOf(record);
        return new TargetInfo(
            record.Address, volume?.Name ?? record.VolumeName, volume?.Size, record.ReadOnly, Encoding.UTF8.GetString(record.ConfigString),
            record.Macs, record.Durability, From: null, Activity: null);
    }

    private TargetInfo WithActivity(TargetInfo info)
    {
        if (!AoeAddress.TryParse(info.Address, out AoeAddress address) || !Table.TryFind(address, out AoeTarget? target))
        {
            return info;
        }

        AoeCounters counters = target.Counters;
        return info with
        {
            ConfigString = Encoding.UTF8.GetString(target.ConfigString.Span),
            Activity = new TargetActivity(
                counters.Frames, counters.ReadBytes, counters.WriteBytes, counters.Flushes, counters.QueueFull),
        };
    }

    private Dictionary<AoeAddress, Wish> Wishes()
    {
        var wishes = new Dictionary<AoeAddress, Wish>();
        foreach (TargetSpec spec in options.Targets)
        {
            if (spec.AoeAddress is { } address && exports.TryFind(spec.Name, out Export? export))
            {
                wishes.Add(address, new Wish(address, export, spec, Record: null));
            }
        }

        foreach (TargetRecord record in store.Targets.Targets)
        {
            var address = new AoeAddress((ushort)record.Shelf, (byte)record.Slot);
            if (options.Targets.FirstOrDefault(spec => spec.AoeAddress == address) is { } taken)
            {
                Complain(address, $"of the store is not served: {taken.Where} has that address");
            }
            else if (store.Targets.VolumeOf(record) is not { } volume)
            {
                Complain(address, $"is not served: its volume \"{record.VolumeName}\" is gone; voe target remove {record.Address}");
            }
            else if (!_withdrawn.Contains(volume.Id))
            {
                wishes.Add(address, new Wish(address, service.ExportOf(volume, record.ReadOnly), Spec: null, record));
            }
        }

        return wishes;
    }

    private void Complain(AoeAddress address, string trouble)
    {
        if (_told.Add((address, trouble)))
        {
            logger.LogWarning("AoE target {Address} {Trouble}", address, trouble);
        }
    }

    private AoeTarget Add(Wish wish)
    {
        AoeTargetOptions how = wish.Record is { } record ? OptionsOf(record) : OptionsOf(wish.Address, wish.Spec!);
        var target = new AoeTarget(
            wish.Address, wish.Export, how with { SerialNumber = SerialNumberOf(wish.Export) }, logger, time);
        _served.Add(wish.Address, wish);
        Table.TryAdd(target);
        return target;
    }

    private AoeTargetOptions OptionsOf(TargetRecord record) => new()
    {
        Durability = record.Durability is "process" ? AoeDurability.Process : AoeDurability.Power,
        ConfigString = record.ConfigString,
        AllowedMacs = [.. record.Macs.Select(text => MacAddress.TryParse(text, out MacAddress mac) ? mac : default)],
        PersistConfigString = set => store.Targets.SetConfigString(record.Shelf, record.Slot, set),
    };

    private AoeTargetOptions OptionsOf(AoeAddress address, TargetSpec spec) => new()
    {
        Durability = spec.Durability,
        ConfigString = store.Targets.FindConfigString(address.Shelf, address.Slot, spec.Name, spec.ConfigString)
            ?? Encoding.UTF8.GetBytes(spec.ConfigString),
        AllowedMacs = spec.Macs,
        PersistConfigString = set => store.Targets.SetConfigString(address.Shelf, address.Slot, spec.Name, spec.ConfigString, set),
    };

    private void Remove(AoeAddress address)
    {
        _served.Remove(address);
        if (Table.TryRemove(address, out AoeTarget? target) && !target.Stop(StopLimit))
        {
            logger.LogWarning("AoE target {Address}: writes still wait for the store and are left behind", address);
        }
    }

    // The same by whatever address a volume is found, and another on every other server.
    private string SerialNumberOf(Export export)
    {
        string id = store.Store.Id.ToString("N")[..10];
        string name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(export.Name)))[..9];
        return ReadOnlyDevice.Behind(export.Device) is Volume volume
            ? string.Create(CultureInfo.InvariantCulture, $"{id}-{volume.Id:x8}")
            : $"{id}.{name}";
    }

    /// <summary>A target as it should be, by the configuration or by what the store keeps.</summary>
    private sealed record Wish(AoeAddress Address, Export Export, TargetSpec? Spec, TargetRecord? Record)
    {
        /// <summary>Whether a target that was made of this one will do for the other. The config string is the target's own.</summary>
        public bool IsServedAs(Wish? other) => other is not null
            && IsSameDevice(other)
            && ReferenceEquals(Spec, other.Spec)
            && (Record is null) == (other.Record is null)
            && (Record is not { } record
                || (record.Durability == other.Record!.Durability && record.Macs.SequenceEqual(other.Record.Macs, StringComparer.Ordinal)));

        private bool IsSameDevice(Wish other) => Export.Device.IsReadOnly == other.Export.Device.IsReadOnly
            && (ReadOnlyDevice.Behind(Export.Device), ReadOnlyDevice.Behind(other.Export.Device)) switch
            {
                (Volume volume, Volume otherVolume) => volume.Id == otherVolume.Id,
                var (device, otherDevice) => ReferenceEquals(device, otherDevice),
            };
    }
}
