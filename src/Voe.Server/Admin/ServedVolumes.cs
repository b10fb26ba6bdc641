using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Server.Hosting;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Server.Admin;

/// <summary>
/// The server, as the admin commands see it: its exports follow the volumes, and it knows who has one attached. Volumes are
/// told apart by their numbers, so that neither a rename nor another object for the same volume matters.
/// </summary>
internal sealed class ServedVolumes : IVolumeServing
{
    private readonly ServerOptions _options;
    private readonly ExportService _service;
    private readonly ExportTable _exports;
    private readonly AoeService _aoe;
    private readonly IReadOnlyList<IFrontDoor> _doors;
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _started;
    private readonly Dictionary<uint, Export[]> _withdrawn = []; // changes come one at a time

    /// <summary>The exports of a server that begins to serve now.</summary>
    public ServedVolumes(
        ServerOptions options,
        ExportService service,
        ExportTable exports,
        AoeService aoe,
        IReadOnlyList<IFrontDoor> doors,
        TimeProvider time)
    {
        _options = options;
        _service = service;
        _exports = exports;
        _aoe = aoe;
        _doors = doors;
        _time = time;
        _started = time.GetUtcNow();
    }

    /// <summary>The program and its version.</summary>
    public static string Program { get; } = $"voe-server {typeof(ServedVolumes).Assembly.GetName().Version?.ToString(3)}";

    /// <inheritdoc/>
    public bool IsReadOnly => _options.IsReadOnly;

    /// <inheritdoc/>
    public ServerStatus GetStatus() => new(
        Program,
        Environment.ProcessId,
        _started,
        (_time.GetUtcNow() - _started).TotalSeconds,
        IsReadOnly,
        [.. _doors.SelectMany(door => door.Addresses)],
        _doors.Sum(door => door.ConnectionCount),
        [.. _exports.All.Select(export => new ExportStatus(
            export.Name, export.Device.Size, Count(device => AreSame(device, export.Device))))]);

    /// <inheritdoc/>
    public bool IsTakenByOther(string name) => _exports.TryFind(name, out Export? export)
        && (ReadOnlyDevice.Behind(export.Device) is not Volume volume || !string.Equals(volume.Name, name, StringComparison.Ordinal));

    /// <inheritdoc/>
    public string? NamedBy(Volume volume)
    {
        string name = volume.Name;
        return _options.Targets
            .FirstOrDefault(target =>
                target.Backend == TargetBackend.Cas && string.Equals(target.VolumeName, name, StringComparison.Ordinal))
            ?.Where;
    }

    /// <inheritdoc/>
    public int CountConnections(Volume volume) => Count(device => AreSame(device, volume));

    /// <inheritdoc/>
    public void Add(Volume volume)
    {
        if (_service.ExportOf(volume) is { } export)
        {
            _exports.TryAdd(export);
        }
    }

    /// <inheritdoc/>
    public void Change(string name, Volume volume)
    {
        if (_service.ExportOf(volume) is { } export)
        {
            _exports.Replace(name, export);
        }

        _aoe.Follow();
    }

    /// <inheritdoc/>
    public void Withdraw(Volume volume)
    {
        Export[] exports = [.. _exports.All.Where(export => AreSame(export.Device, volume))];
        _withdrawn[volume.Id] = exports;
        Array.ForEach(exports, export => _exports.TryRemove(export.Name));
        _aoe.Withdraw(volume);
    }

    /// <inheritdoc/>
    public void Restore(Volume volume)
    {
        if (_withdrawn.Remove(volume.Id, out Export[]? exports))
        {
            Array.ForEach(exports, export => _exports.TryAdd(export));
        }

        _aoe.Return(volume);
    }

    /// <inheritdoc/>
    public void Replace(Volume withdrawn, Volume replacement)
    {
        if (_withdrawn.Remove(withdrawn.Id, out Export[]? exports))
        {
            foreach (Export export in exports)
            {
                // A target of the configuration has its own description, and may be read-only.
                _exports.TryAdd(_service.ExportOf(replacement) ?? export with
                {
                    Device = export.Device is ReadOnlyDevice ? new ReadOnlyDevice(replacement) : replacement,
                });
            }
        }

        _aoe.Return(withdrawn);
    }

    /// <inheritdoc/>
    public IReadOnlyList<TargetInfo> GetTargets() => _aoe.GetTargets();

    /// <inheritdoc/>
    public void TargetsChanged() => _aoe.Follow();

    /// <inheritdoc/>
    public void Disconnect(Volume withdrawn)
    {
        _withdrawn.Remove(withdrawn.Id);
        _aoe.Return(withdrawn);
        foreach (IFrontDoor door in _doors)
        {
            door.Disconnect(device => AreSame(device, withdrawn));
        }
    }

    private static bool AreSame(IBlockDevice left, IBlockDevice right) =>
        (ReadOnlyDevice.Behind(left), ReadOnlyDevice.Behind(right)) switch
        {
            (Volume leftVolume, Volume rightVolume) => leftVolume.Id == rightVolume.Id,
            var (leftDevice, rightDevice) => ReferenceEquals(leftDevice, rightDevice),
        };

    private int Count(Predicate<IBlockDevice> isMeant) => _doors.Sum(door => door.CountConnections(isMeant));
}
