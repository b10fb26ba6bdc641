using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Store.Devices;

namespace Voe.Server.Hosting;

/// <summary>NBD: listens when it starts; lets requests in flight finish when it stops.</summary>
internal sealed class NbdService : IHostedService, IFrontDoor, IDisposable
{
    // Together less than the 10 seconds that a stop may take: the rest is for the store.
    private static readonly TimeSpan ClientPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ClientLimit = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan ExpiryNotice = TimeSpan.FromDays(14);

    private readonly ServerOptions _options;
    private readonly ExportTable _exports;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private NbdServer? _server;
    private NbdTls? _tls;

    /// <summary>A listener that does not listen yet.</summary>
    public NbdService(ServerOptions options, ExportTable exports, TimeProvider time, ILogger logger)
    {
        _options = options;
        _exports = exports;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Addresses { get; private set; } = [];

    /// <inheritdoc/>
    public string Summary { get; private set; } = "";

    /// <inheritdoc/>
    public int ConnectionCount => _server?.ConnectionCount ?? 0;

    /// <inheritdoc/>
    public int CountConnections(Predicate<IBlockDevice> isMeant) => _server?.CountConnections(isMeant) ?? 0;

    /// <inheritdoc/>
    public void Disconnect(Predicate<IBlockDevice> isMeant) => _server?.Disconnect(isMeant);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            _tls = NbdTls.Load(_options.Tls);
            IReadOnlyList<PassedSocket> passed = PassedSockets.Take();
            _server = new NbdServer(
                passed.Count > 0 && _options.IsNbdStandard ? [] : _options.NbdEndPoints,
                _exports,
                _options.Nbd,
                _logger,
                _time,
                _tls,
                passed.Select(socket => socket.Socket));
        }
        catch (NbdTlsException failure)
        {
            throw new StartException(ExitStatus.Usage, failure.Message, failure);
        }
        catch (ListenException failure)
        {
            throw new StartException(ExitStatus.Listen, failure.Message, failure);
        }

        WarnOfStrangers();
        WarnOfExpiry();
        _server.Start();
        string noun = _options.Targets.Count == 0 ? "volume" : "export";
        Summary = _exports.Count == 1 ? $"1 {noun}" : $"{_exports.Count} {noun}s";
        Addresses = [.. _server.EndPoints.Select(endPoint => endPoint.ToString())];
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server is not null)
        {
            _logger.LogInformation("stopping: {Count} connections are asked to end", _server.ConnectionCount);
            if (!_server.Stop(ClientPatience, ClientLimit))
            {
                _logger.LogWarning("{Count} connections still wait for the store and are left behind", _server.ConnectionCount);
            }
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _server?.Dispose();
        _tls?.Dispose();
    }

    private void WarnOfStrangers()
    {
        if (_tls is { IsRequired: true, AsksForCertificate: true })
        {
            return;
        }

        string why = _tls switch
        {
            null => "NBD asks for no password",
            { IsRequired: false } => "TLS is offered, and not required (tls-required)",
            _ => "TLS asks for no certificate (tls-client-ca)",
        };
        foreach (NbdEndPoint endPoint in _server!.EndPoints.Where(endPoint => endPoint.IsBeyondLoopback))
        {
            _logger.LogWarning(
                "{EndPoint} can be reached from other machines: whoever does reads and writes all exports, {Why}", endPoint, why);
        }
    }

    private void WarnOfExpiry()
    {
        if (_tls is not null && _tls.Expires - _time.GetUtcNow() < ExpiryNotice)
        {
            _logger.LogWarning("the TLS certificate \"{Subject}\" expires at {Expires:u}", _tls.Subject, _tls.Expires);
        }
    }
}
