using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>The connections that exist now, over all listeners; bounds their number and ends them all. Safe from many threads.</summary>
internal sealed class NbdConnectionSet
{
    private readonly NbdResources _resources;
    private readonly object _gate = new();

    // Guarded by _gate.
    private readonly HashSet<NbdConnection> _connections = [];
    private bool _isStopping;
    private long _nextNumber;

    /// <summary>An empty set.</summary>
    public NbdConnectionSet(NbdResources resources) => _resources = resources;

    /// <summary>How many connections there are now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>How many clients have a device attached that <paramref name="isMeant"/> is true of.</summary>
    public int CountOf(Predicate<IBlockDevice> isMeant) => Attached(isMeant).Length;

    /// <summary>Asks these clients' connections to finish what is in flight and end; does not wait for that.</summary>
    public void Disconnect(Predicate<IBlockDevice> isMeant)
    {
        foreach (NbdConnection connection in Attached(isMeant))
        {
            _resources.Logger.LogInformation("nbd: {Peer} is disconnected", connection.Peer);
            connection.Stop();
        }
    }

    /// <summary>Takes over an accepted socket and serves it, or closes it when there are too many.</summary>
    public void Add(Socket socket, NbdEndPoint listener)
    {
        NbdConnection connection;
        try
        {
            lock (_gate)
            {
                if (_isStopping || _connections.Count >= _resources.Limits.MaxConnections)
                {
                    _resources.Logger.LogWarning(
                        "nbd: a connection to {Listener} was refused: there are {Count}", listener, _connections.Count);
                    socket.Dispose();
                    return;
                }

                string peer = socket.RemoteEndPoint is IPEndPoint remote
                    ? string.Create(null, $"client {++_nextNumber} at {remote}")
                    : string.Create(null, $"client {++_nextNumber} at {listener.UnixPath}");
                connection = new NbdConnection(new NbdSocket(socket, _resources), _resources, peer, Remove);
                _connections.Add(connection);
            }
        }
        catch (SocketException error)
        {
            // The client was gone before its socket could be set up.
            _resources.Logger.LogInformation("nbd: a connection to {Listener} was lost at once: {Error}", listener, error.Message);
            socket.Dispose();
            return;
        }

        connection.Start();
    }

    /// <summary>
    /// Asks all connections to finish what is in flight and end, waits for that, and cuts those that did not in time.
    /// </summary>
    /// <param name="patience">How long clients may take to receive their last replies.</param>
    /// <param name="limit">How long to wait in all; then threads that a device holds are left behind.</param>
    /// <returns>Whether all connections have ended.</returns>
    public bool Stop(TimeSpan patience, TimeSpan limit)
    {
        long start = _resources.Time.GetTimestamp();
        foreach (NbdConnection connection in BeginStop())
        {
            connection.Stop();
        }

        if (WaitUntilEmpty(start, patience))
        {
            return true;
        }

        foreach (NbdConnection connection in BeginStop())
        {
            _resources.Logger.LogWarning("nbd: {Peer} did not take its replies in time and is cut off", connection.Peer);
            connection.Abort();
        }

        return WaitUntilEmpty(start, limit);
    }

    private NbdConnection[] Attached(Predicate<IBlockDevice> isMeant)
    {
        lock (_gate)
        {
            return [.. _connections.Where(connection => connection.AttachedDevice is { } device && isMeant(device))];
        }
    }

    private NbdConnection[] BeginStop()
    {
        lock (_gate)
        {
            _isStopping = true;
            return [.. _connections];
        }
    }

    private bool WaitUntilEmpty(long start, TimeSpan limit)
    {
        lock (_gate)
        {
            while (_connections.Count > 0)
            {
                TimeSpan left = limit - _resources.Time.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                {
                    return _connections.Count == 0;
                }
            }

            return true;
        }
    }

    private void Remove(NbdConnection connection)
    {
        lock (_gate)
        {
            _connections.Remove(connection);
            Monitor.PulseAll(_gate);
        }
    }
}
