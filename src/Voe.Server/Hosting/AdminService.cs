using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Admin;
using Voe.Admin.Protocol;
using Voe.Server.Admin;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Store.Verify;

namespace Voe.Server.Hosting;

/// <summary>The admin socket in the store's directory, by which <c>voe</c> speaks to the server.</summary>
internal sealed class AdminService : IHostedService, IDisposable
{
    // A command ends at its next step, a block of 1 MiB at most.
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private const int MaxRangesLogged = 4;

    private readonly ServerOptions _options;
    private readonly StoreService _store;
    private readonly ExportService _service;
    private readonly ExportTable _exports;
    private readonly AoeService _aoe;
    private readonly IReadOnlyList<IFrontDoor> _doors;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private AdminContext? _context;
    private AdminServer? _server;

    /// <summary>A socket that is not there yet.</summary>
    public AdminService(
        ServerOptions options,
        StoreService store,
        ExportService service,
        ExportTable exports,
        AoeService aoe,
        IEnumerable<IFrontDoor> doors,
        TimeProvider time,
        ILogger logger)
    {
        _options = options;
        _store = store;
        _service = service;
        _exports = exports;
        _aoe = aoe;
        _doors = [.. doors];
        _time = time;
        _logger = logger;
    }

    /// <summary>What commands work on; from the start of this service on.</summary>
    public AdminContext Context => _context ?? throw new InvalidOperationException("the admin service is not started");

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _context = new AdminContext(
            _store.Store,
            _options.StorePath,
            _options.Store,
            new ServedVolumes(_options, _service, _exports, _aoe, _doors, _time),
            _store.Targets)
        {
            ScrubBytesPerSecond = _options.ScrubBytesPerSecond,
            ScrubFinding = LogFinding,
        };
        try
        {
            _server = new AdminServer(_context, ServedVolumes.Program, new AdminLimits(), _time, _logger);
            _server.Start();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Some file systems take no sockets. Volumes are served all the same.
            _logger.LogWarning("there is no admin socket, voe cannot speak to this server: {Message}", failure.Message);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server?.Stop(StopLimit) == false)
        {
            _logger.LogWarning("a command on the admin socket still waits for the store and is left behind");
        }

        return Task.CompletedTask;
    }

    private void LogFinding(Finding finding)
    {
        LogLevel level = finding.Severity switch
        {
            Severity.Damage => LogLevel.Error,
            Severity.Repairable => LogLevel.Warning,
            _ => LogLevel.Information,
        };
        string ranges = string.Join("; ", finding.Affected.Take(MaxRangesLogged));
        string more = finding.Affected.Count > MaxRangesLogged ? "; and more" : "";
        string hurts = ranges.Length == 0 ? "" : $"; hurts {ranges}{more}";
        _logger.Log(level, "scrub: {Finding}{Hurts}", finding.ToString(), hurts);
    }

    /// <inheritdoc/>
    public void Dispose() => _server?.Dispose();
}
