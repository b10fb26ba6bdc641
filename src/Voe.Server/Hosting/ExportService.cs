using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
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
    private readonly Outcome _outcome;
    private readonly ILogger _logger;
    private readonly List<HostDevice> _opened = [];

    /// <summary>Exports that are not there yet.</summary>
    public ExportService(ServerOptions options, StoreService store, ExportTable exports, Outcome outcome, ILogger logger)
    {
        _options = options;
        _store = store;
        _exports = exports;
        _outcome = outcome;
        _logger = logger;
    }

    /// <summary>The export of a volume under its own name; null if volumes, or this one, are not exported so.</summary>
    public Export? ExportOf(Volume volume) => _options.ExportsVolume(volume.Name)
        ? new Export(volume.Name, Guard(volume, isReadOnly: false), StoreService.Describe(volume))
        : null;

    /// <summary>A volume for those who find it by something else than an export's name.</summary>
    public Export ExportOf(Volume volume, bool isReadOnly) =>
        new(volume.Name, Guard(volume, isReadOnly), StoreService.Describe(volume));

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

    /// <summary>Flushes and closes the files and devices of targets; volumes are closed with their store.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (HostDevice device in _opened)
        {
            try
            {
                device.Flush();
                device.Dispose();
            }
            catch (StoreException failure)
            {
                _logger.LogCritical("an export could not be flushed and closed: {Message}", failure.Message);
                _outcome.Fail(ExitStatus.Flush);
            }
        }

        _opened.Clear();
        return Task.CompletedTask;
    }

    private Export ExportOf(TargetSpec target)
    {
        try
        {
            (IBlockDevice device, string description) = Open(target);
            return new Export(target.Name, Guard(device, target.IsReadOnly), target.Description is "" ? description : target.Description)
            {
                IsDefault = target.IsDefault,
            };
        }
        catch (StoreException failure)
        {
            throw new StartException(ExitStatus.Store, $"{target.Where} \"{target.Name}\": {failure.Message}", failure);
        }
    }

    private (IBlockDevice Device, string Description) Open(TargetSpec target)
    {
        var options = new HostDeviceOptions(target.IsReadOnly || _options.IsReadOnly, target.IsDirect);
        switch (target.Backend)
        {
            case TargetBackend.Cas:
                Volume volume = _store.Store.OpenVolume(target.VolumeName);
                return (volume, StoreService.Describe(volume));
            case TargetBackend.File:
                var file = FileDevice.Open(target.Path, options, target.Size);
                _opened.Add(file);
                if (file.IsNew)
                {
                    _logger.LogInformation("file {Path} created: {Size}, sparse", file.Path, ByteSize.Format(file.Size));
                }
                else if (target.Size is { } asked && asked != file.Size)
                {
                    _logger.LogWarning(
                        "file {Path} exists with size {Found}, not {Asked} as asked for, and is kept as it is",
                        file.Path, ByteSize.Format(file.Size), ByteSize.Format(asked));
                }

                return (file, $"{ByteSize.Format(file.Size)}, a file");
            default:
                var device = RawDevice.Open(target.Path, options);
                _opened.Add(device);
                return (device, $"{ByteSize.Format(device.Size)}, a block device");
        }
    }

    private IBlockDevice Guard(IBlockDevice device, bool isReadOnly) =>
        (isReadOnly || _options.IsReadOnly) && !device.IsReadOnly ? new ReadOnlyDevice(device) : device;
}
