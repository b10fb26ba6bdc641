using Microsoft.Extensions.Hosting;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>
/// Fills the table of exports: the targets of the configuration, and the volumes of the store under their names but for
/// those that a target names. Whoever adds volumes later asks <see cref="ExportOf(Volume)"/> for their exports.
/// </summary>
internal sealed class ExportService : IHostedService
{
    private readonly ServerOptions _options;
    private readonly StoreService _store;
    private readonly ExportTable _exports;

    /// <summary>Exports that are not there yet.</summary>
    public ExportService(ServerOptions options, StoreService store, ExportTable exports)
    {
        _options = options;
        _store = store;
        _exports = exports;
    }

    /// <summary>The export of a volume under its own name; null if volumes, or this one, are not exported so.</summary>
    public Export? ExportOf(Volume volume) => _options.ExportsVolume(volume.Name)
        ? new Export(volume.Name, Guard(volume, isReadOnly: false), StoreService.Describe(volume))
        : null;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        foreach (TargetSpec target in _options.Targets)
        {
            _exports.TryAdd(ExportOf(target));
        }

        foreach (Volume volume in _store.Store.Volumes)
        {
            if (ExportOf(volume) is { } export && !_exports.TryAdd(export))
            {
                string where = _options.Targets.First(target => target.Name == volume.Name).Where;
                throw new StartException(
                    ExitStatus.Usage,
                    $"{where}: the store has a volume \"{volume.Name}\", which is exported too: choose another name, or say "
                    + "export-volumes = false below [server]");
            }
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private Export ExportOf(TargetSpec target)
    {
        if (target.Backend != TargetBackend.Cas)
        {
            throw new StartException(ExitStatus.Usage, $"{target.Where} \"{target.Name}\": this backend is not part of this version");
        }

        try
        {
            Volume volume = _store.Store.OpenVolume(target.VolumeName);
            string description = target.Description.Length > 0 ? target.Description : StoreService.Describe(volume);
            return new Export(target.Name, Guard(volume, target.IsReadOnly), description) { IsDefault = target.IsDefault };
        }
        catch (StoreException failure)
        {
            throw new StartException(ExitStatus.Store, $"{target.Where} \"{target.Name}\": {failure.Message}", failure);
        }
    }

    private IBlockDevice Guard(Volume device, bool isReadOnly) =>
        (isReadOnly || _options.IsReadOnly) && !device.IsReadOnly ? new ReadOnlyDevice(device) : device;
}
