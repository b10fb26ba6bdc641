using Microsoft.Extensions.Logging;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Volumes;

namespace Voe.Server;

/// <summary>One server from start to stop: the store, its volumes as exports, the protocols in front of them.</summary>
internal sealed class ServerHost
{
    // Together less than the 10 seconds that a stop may take: the rest is for the store.
    private static readonly TimeSpan ClientPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ClientLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(2);

    private readonly ServerOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private string _lastOperation = "";
    private long _lastProgress;

    /// <summary>A server that is not started yet.</summary>
    public ServerHost(ServerOptions options, ILogger logger, TimeProvider time)
    {
        _options = options;
        _logger = logger;
        _time = time;
    }

    /// <summary>Opens the store, serves until <paramref name="stop"/>, and closes everything in order.</summary>
    /// <param name="output">Where the line goes that says that the server is ready.</param>
    /// <param name="stop">Cancelled when the server is to stop.</param>
    /// <returns>The process's exit status.</returns>
    public int Run(TextWriter output, CancellationToken stop)
    {
        VoeStore store;
        var exports = new ExportTable();
        try
        {
            store = VoeStore.Open(_options.StorePath, _options.Store with { Holder = "voe-server", Progress = ReportProgress });
        }
        catch (StoreException failure)
        {
            _logger.LogCritical("cannot open the store in {Path}: {Message}", _options.StorePath, failure.Message);
            return ExitStatus.Store;
        }

        int status;
        try
        {
            foreach (VolumeSpec spec in _options.Volumes)
            {
                Ensure(store, spec);
            }

            foreach (Volume volume in store.Volumes)
            {
                exports.TryAdd(new Export(volume.Name, volume, Describe(volume)));
            }

            status = Serve(exports, output, stop);
        }
        catch (StoreException failure)
        {
            _logger.LogCritical("{Message}", failure.Message);
            status = ExitStatus.Store;
        }

        return Close(store) ? status : ExitStatus.Flush;
    }

    private static string Describe(Volume volume) =>
        $"{ByteSize.Format(volume.Size)} in chunks of {ByteSize.Format(volume.ChunkSize)}, compression {volume.Compression}";

    private int Serve(ExportTable exports, TextWriter output, CancellationToken stop)
    {
        NbdServer nbd;
        try
        {
            nbd = new NbdServer(_options.NbdEndPoints, exports, _options.Nbd, _logger, _time);
        }
        catch (ListenException failure)
        {
            _logger.LogCritical("{Message}", failure.Message);
            return ExitStatus.Listen;
        }

        using (nbd)
        {
            foreach (NbdEndPoint endPoint in nbd.EndPoints.Where(endPoint => endPoint.IsBeyondLoopback))
            {
                _logger.LogWarning(
                    "{EndPoint} can be reached from other machines: whoever does reads and writes all volumes, NBD asks for no password",
                    endPoint);
            }

            nbd.Start();
            string count = exports.Count == 1 ? "1 volume" : $"{exports.Count} volumes";
            output.WriteLine($"voe-server ready: {string.Join(", ", nbd.EndPoints.Select(endPoint => $"{endPoint} ({count})"))}");
            output.Flush();
            stop.WaitHandle.WaitOne();
            _logger.LogInformation("stopping: {Count} connections are asked to end", nbd.ConnectionCount);
            if (!nbd.Stop(ClientPatience, ClientLimit))
            {
                _logger.LogWarning("{Count} connections still wait for the store and are left behind", nbd.ConnectionCount);
            }
        }

        return ExitStatus.Success;
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
        CompressionSetting compression = volume.Compression;
        WarnIfOther(spec.Name, "compression", (spec.Compression ?? compression).ToString(), compression.ToString());
    }

    private void WarnIfOther(string name, string what, string asked, string found)
    {
        if (!string.Equals(asked, found, StringComparison.Ordinal))
        {
            _logger.LogWarning(
                "volume \"{Name}\" exists with {What} {Found}, not {Asked} as asked for, and is kept as it is", name, what, found, asked);
        }
    }

    private bool Close(VoeStore store)
    {
        try
        {
            store.Flush();
            store.Dispose();
            _logger.LogInformation("the store is flushed and closed");
            return true;
        }
        catch (StoreException failure)
        {
            _logger.LogCritical("the store could not be flushed and closed: {Message}", failure.Message);
            return false;
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
        _logger.LogInformation("{Operation}: {Done} of {Total} MiB", progress.Operation, progress.Done >> 20, progress.Total >> 20);
    }
}
