using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Voe.Server.Exports;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>The NBD side of a server: its listeners and connections over a table of exports.</summary>
internal sealed class NbdServer : IDisposable
{
    private readonly NbdResources _resources;
    private readonly NbdConnectionSet _connections;
    private readonly List<NbdListener> _listeners = [];

    /// <summary>Binds to all addresses and listens there; connections are accepted from <see cref="Start"/> on.</summary>
    /// <param name="endPoints">Where to listen.</param>
    /// <param name="exports">What to serve; may change while the server runs.</param>
    /// <param name="limits">What clients may take.</param>
    /// <param name="logger">Where to report.</param>
    /// <param name="time">The clock.</param>
    /// <param name="tls">What TLS is spoken with; null when it is not. The caller owns it.</param>
    /// <param name="sockets">Sockets that listen already, to be taken over.</param>
    /// <exception cref="ListenException">An address cannot be had; nothing is left behind.</exception>
    public NbdServer(
        IEnumerable<NbdEndPoint> endPoints, ExportTable exports, NbdLimits limits, ILogger logger, TimeProvider time,
        NbdTls? tls = null, IEnumerable<Socket>? sockets = null)
    {
        _resources = new NbdResources(exports, limits, logger, time, tls);
        _connections = new NbdConnectionSet(_resources);
        _listeners.AddRange((sockets ?? []).Select(socket => new NbdListener(socket, _resources, _connections)));
        foreach (NbdEndPoint endPoint in endPoints)
        {
            try
            {
                _listeners.Add(new NbdListener(endPoint, _resources, _connections));
            }
            catch (Exception error) when (error is IOException or SocketException or UnauthorizedAccessException)
            {
                StopListening();
                Dispose();
                throw new ListenException($"cannot listen at {endPoint}: {error.Message}", error);
            }
        }
    }

    /// <summary>Where the server listens, with real ports.</summary>
    public IReadOnlyList<NbdEndPoint> EndPoints => [.. _listeners.Select(listener => listener.EndPoint)];

    /// <summary>How many connections there are now.</summary>
    public int ConnectionCount => _connections.Count;

    /// <summary>How many clients have a device attached that <paramref name="isMeant"/> is true of.</summary>
    public int CountConnections(Predicate<IBlockDevice> isMeant) => _connections.CountOf(isMeant);

    /// <summary>Asks these clients' connections to finish what is in flight and end; does not wait for that.</summary>
    public void Disconnect(Predicate<IBlockDevice> isMeant) => _connections.Disconnect(isMeant);

    /// <summary>What the connections share.</summary>
    public NbdResources Resources => _resources;

    /// <summary>Begins to accept connections.</summary>
    public void Start() => _listeners.ForEach(listener => listener.Start());

    /// <summary>Accepts no more, lets requests in flight finish, and ends all connections.</summary>
    /// <param name="patience">How long clients may take to receive their last replies before they are cut.</param>
    /// <param name="limit">How long to wait in all.</param>
    /// <returns>Whether all connections have ended; if not, a device holds some of their threads.</returns>
    public bool Stop(TimeSpan patience, TimeSpan limit)
    {
        StopListening();
        return _connections.Stop(patience, limit);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listeners.ForEach(listener => listener.Dispose());
        _resources.Dispose();
    }

    private void StopListening() => _listeners.ForEach(listener => listener.Stop());
}

/// <summary>An address to listen at cannot be had. The message says which and why.</summary>
internal sealed class ListenException(string message, Exception cause) : Exception(message, cause);
