using Microsoft.Extensions.Hosting;
using Voe.Server.Exports;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>Fills the table of exports: all volumes of the store, under their names.</summary>
internal sealed class ExportService : IHostedService
{
    private readonly StoreService _store;
    private readonly ExportTable _exports;

    /// <summary>Exports that are not there yet.</summary>
    public ExportService(StoreService store, ExportTable exports)
    {
        _store = store;
        _exports = exports;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (Volume volume in _store.Store.Volumes)
        {
            _exports.TryAdd(new Export(volume.Name, volume, StoreService.Describe(volume)));
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
