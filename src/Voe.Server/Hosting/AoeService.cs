using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Admin.Commands;
using Voe.Server.Aoe;
using Voe.Server.Aoe.Link;
using Voe.Server.Configuration;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Server.Hosting;

/// <summary>
/// AoE: opens the interfaces and announces the targets when it starts; answers what waits when it stops. Without an interface it
/// does nothing.
/// </summary>
internal sealed class AoeService : IHostedService, IFrontDoor, IDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(3);

    private readonly ServerOptions _options;
    private readonly AoeTargets _targets;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AoeServer _server;
    private readonly List<AoeLink> _links = [];

    /// <summary>A service that does not serve yet.</summary>
    public AoeService(ServerOptions options, AoeTargets targets, TimeProvider time, ILogger logger)
    {
        _options = options;
        _targets = targets;
        _time = time;
        _logger = logger;
        _server = new AoeServer(targets.Table, logger);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Addresses => [.. _links.Select(link => $"aoe:{link.Name}")];

    /// <inheritdoc/>
    public string Summary => _targets.Table.All is [var only] ? $"target {only.Address}" : $"{_targets.Table.All.Length} targets";

    /// <inheritdoc/>
    /// <remarks>AoE has no connections: an initiator is there while it asks.</remarks>
    public int ConnectionCount => 0;

    /// <inheritdoc/>
    public int CountConnections(Predicate<IBlockDevice> isMeant) => 0;

    /// <inheritdoc/>
    public void Disconnect(Predicate<IBlockDevice> isMeant)
    {
        // There are none.
    }

    /// <summary>Brings the targets in step with the exports and with what the store keeps, and announces those that are new.</summary>
    public void Follow() => Announce(_links.Count > 0 ? _targets.Follow() : []);

    /// <summary>A volume is not served until <see cref="Return"/>; nobody uses it through AoE on return.</summary>
    public void Withdraw(Volume volume)
    {
        if (_links.Count > 0)
        {
            _targets.Withdraw(volume);
        }
    }

    /// <summary>Undoes <see cref="Withdraw"/>, whatever became of the volume.</summary>
    public void Return(Volume volume)
    {
        if (_links.Count > 0)
        {
            Announce(_targets.Return(volume));
        }
    }

    /// <summary>All targets, also those that are not served, by address.</summary>
    public IReadOnlyList<TargetInfo> GetTargets() => _targets.Describe();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_options.AoeLinks.Count == 0)
        {
            WarnOfUnreachable();
            return Task.CompletedTask;
        }

        _targets.Follow();
        try
        {
            foreach (AoeLinkSpec spec in _options.AoeLinks)
            {
                var link = new AoeLink(spec, _time, _logger);
                _links.Add(link);
                link.Open();
            }
        }
        catch (LinkException failure)
        {
            throw new StartException(ExitStatus.Listen, failure.Message, failure);
        }

        var neighbours = new NeighbourWatch(_targets.Table, [.. _links], _logger);
        foreach (AoeLink link in _links)
        {
            link.Start(
                (port, memory, frames) =>
                {
                    neighbours.Look(port, memory, frames);
                    _server.Receive(port, memory, frames);
                },
                port =>
                {
                    NeighbourWatch.Ask(port);
                    _server.Announce(port);
                });
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        // The links last: what is answered while the engine stops must be sent.
        if (!_server.Stop(StopLimit))
        {
            _logger.LogWarning("AoE: writes still wait for the store and are left behind");
        }

        _links.ForEach(static link => link.Stop());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _links.ForEach(static link => link.Dispose());

    private void Announce(IReadOnlyList<AoeTarget> targets)
    {
        foreach (AoeLink link in _links)
        {
            foreach (AoeTarget target in targets)
            {
                _server.Announce(link, target);
            }

            if (targets.Count > 0)
            {
                NeighbourWatch.Ask(link);
            }
        }
    }

    private void WarnOfUnreachable()
    {
        foreach (TargetSpec target in _options.Targets.Where(target => target.AoeAddress is not null))
        {
            _logger.LogWarning(
                "{Target} has the AoE address {Address}, but AoE is served at no interface: say --aoe IFACE", target.Where,
                target.AoeAddress);
        }
    }
}
