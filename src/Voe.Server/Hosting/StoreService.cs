using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Admin.Targets;
using Voe.Server.Configuration;
using Voe.Store;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>The store: opened first, with the volumes that are to exist, and closed last.</summary>
internal sealed class StoreService : IHostedService
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(2);

    private readonly ServerOptions _options;
    private readonly ServiceManager _manager;
    private readonly Outcome _outcome;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private VoeStore? _store;
    private TargetCatalog? _targets;
    private string _lastOperation = "";
    private long _lastProgress;

    /// <summary>A store that is not open yet.</summary>
    public StoreService(ServerOptions options, ServiceManager manager, Outcome outcome, TimeProvider time, ILogger logger)
    {
        _options = options;
        _manager = manager;
        _outcome = outcome;
        _time = time;
        _logger = logger;
    }

    /// <summary>The store; open from the start of this service to its stop, so for all services that start after it.</summary>
    public VoeStore Store => _store ?? throw new InvalidOperationException("the store is not open");

    /// <summary>The AoE targets that it keeps.</summary>
    public TargetCatalog Targets => _targets ?? throw new InvalidOperationException("the store is not open");

    /// <summary>A volume in words, for logs and for clients that list exports.</summary>
    public static string Describe(Volume volume) =>
        $"{ByteSize.Format(volume.Size)} in chunks of {ByteSize.Format(volume.ChunkSize)}, compression {volume.Compression}";

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _store = VoeStore.Open(_options.StorePath, _options.Store with { Holder = "voe-server", Progress = ReportProgress });
            _targets = new TargetCatalog(_store);
        }
        catch (StoreException failure)
        {
            throw new StartException(
                ExitStatus.Store, $"cannot open the store in {_options.StorePath}: {failure.Message}", failure);
        }

        try
        {
            foreach (VolumeSpec spec in _options.Volumes)
            {
                Ensure(_store, spec);
            }
        }
        catch (StoreException failure)
        {
            throw new StartException(ExitStatus.Store, failure.Message, failure);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        if (_store is null)
        {
            return Task.CompletedTask;
        }

        try
        {
            _store.Flush();
            _store.Dispose();
            _logger.LogInformation("the store is flushed and closed");
        }
        catch (StoreException failure)
        {
            _logger.LogCritical("the store could not be flushed and closed: {Message}", failure.Message);
            _outcome.Fail(ExitStatus.Flush);
        }

        return Task.CompletedTask;
    }

    /// <summary>Creates the volume unless it exists; never changes one that does.</summary>
    private void Ensure(VoeStore store, VolumeSpec spec)
    {
        Volume? volume = store.Volumes.FirstOrDefault(volume => string.Equals(volume.Name, spec.Name, StringComparison.Ordinal));
        if (volume is null)
        {
            volume = store.CreateVolume(spec.Name, spec.Size, spec.ChunkSize ?? VolumeSpec.DefaultChunkSize, spec.Compression);
            _logger.LogInformation("volume \"{Name}\" created: {Description}", spec.Name, Describe(volume));
            return;
        }

        WarnIfOther(spec.Name, "size", ByteSize.Format(spec.Size), ByteSize.Format(volume.Size));
        WarnIfOther(spec.Name, "chunk size", ByteSize.Format(spec.ChunkSize ?? volume.ChunkSize), ByteSize.Format(volume.ChunkSize));
        WarnIfOther(spec.Name, "compression", (spec.Compression ?? volume.Compression).ToString(), volume.Compression.ToString());
    }

    private void WarnIfOther(string name, string what, string asked, string found)
    {
        if (!string.Equals(asked, found, StringComparison.Ordinal))
        {
            _logger.LogWarning(
                "volume \"{Name}\" exists with {What} {Found}, not {Asked} as asked for, and is kept as it is", name, what, found, asked);
        }
    }

    private void ReportProgress(StoreProgress progress)
    {
        long now = _time.GetTimestamp();
        if (string.Equals(progress.Operation, _lastOperation, StringComparison.Ordinal)
            && progress.Done < progress.Total && _time.GetElapsedTime(_lastProgress, now) < ProgressInterval)
        {
            return;
        }

        _lastOperation = progress.Operation;
        _lastProgress = now;
        (long done, long total) = (progress.Done >> 20, progress.Total >> 20);
        _logger.LogInformation("{Operation}: {Done} of {Total} MiB", progress.Operation, done, total);
        _manager.StartIsSlow($"{progress.Operation}: {done} of {total} MiB");
    }
}
