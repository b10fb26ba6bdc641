using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Voe.Server.Aoe;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>The targets on AoE, kept in step with the configuration and the exports. Safe from many threads.</summary>
/// <param name="options">What the configuration says.</param>
/// <param name="store">The store.</param>
/// <param name="exports">The exports.</param>
/// <param name="time">The clock of the targets.</param>
/// <param name="logger">The log.</param>
internal sealed class AoeTargets(
    ServerOptions options, StoreService store, ExportTable exports, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private readonly Lock _changeLock = new(); // held while targets are stopped, too
    private readonly Dictionary<AoeAddress, Wish> _served = []; // guarded by _changeLock

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
            var wishes = Wishes().ToDictionary(wish => wish.Address);
            foreach (Wish old in _served.Values.Where(old => !old.Equals(wishes.GetValueOrDefault(old.Address))).ToArray())
            {
                Remove(old.Address);
            }

            return [.. wishes.Values.Where(wish => !_served.ContainsKey(wish.Address)).Select(Add)];
        }
    }

    private IEnumerable<Wish> Wishes()
    {
        foreach (TargetSpec spec in options.Targets)
        {
            if (spec.AoeAddress is { } address && exports.TryFind(spec.Name, out Export? export))
            {
                yield return new Wish(address, export.Device, export, spec);
            }
        }
    }

    private AoeTarget Add(Wish wish)
    {
        TargetSpec spec = wish.Spec;
        var target = new AoeTarget(
            wish.Address,
            wish.Export,
            new AoeTargetOptions
            {
                Durability = spec.Durability,
                ConfigString = Encoding.UTF8.GetBytes(spec.ConfigString),
                AllowedMacs = spec.Macs,
                SerialNumber = SerialNumberOf(wish.Export),
            },
            logger,
            time);
        _served.Add(wish.Address, wish);
        Table.TryAdd(target);
        return target;
    }

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

    /// <summary>A target as it should be: equal to another when nothing has to change.</summary>
    private sealed record Wish(AoeAddress Address, IBlockDevice Device, Export Export, TargetSpec Spec)
    {
        public bool Equals(Wish? other) =>
            other is not null && Address == other.Address && ReferenceEquals(Device, other.Device) && ReferenceEquals(Spec, other.Spec);

        public override int GetHashCode() => Address.GetHashCode();
    }
}
