using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Voe.Admin.Protocol;

/// <summary>
/// Does the commands of clients that connect to the socket in a store's directory. Start it once, stop it once, before the
/// store is closed; both from any thread.
/// </summary>
public sealed class AdminServer : IDisposable
{
    private readonly AdminContext _context;
    private readonly AdminLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _program;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _stop = new();
    private readonly object _gate = new();
    private readonly HashSet<AdminConnection> _connections = []; // guarded by _gate
    private Task _accepting = Task.CompletedTask;

    /// <summary>Listens; clients are served from <see cref="Start"/> on.</summary>
    /// <param name="context">The store, which this process has open.</param>
    /// <param name="program">Program and version, for clients.</param>
    /// <param name="limits">What clients may take.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where to report.</param>
    /// <exception cref="IOException">The socket cannot be had; the message says why.</exception>
    public AdminServer(AdminContext context, string program, AdminLimits limits, TimeProvider time, ILogger logger)
    {
        _context = context;
        _program = program;
        _limits = limits;
        _time = time;
        _logger = logger;
        Path = System.IO.Path.Combine(context.Path, AdminSocket.FileName);
        _socket = AdminSocket.Listen(context.Path);
    }

    /// <summary>The socket's path.</summary>
    public string Path { get; }

    /// <summary>Begins to accept.</summary>
    public void Start() => _accepting = AcceptAsync();

    /// <summary>Accepts no more and removes the socket; ends all connections, and their commands at the next step.</summary>
    /// <param name="limit">How long to wait for that.</param>
    /// <returns>Whether all have ended.</returns>
    public bool Stop(TimeSpan limit)
    {
        _stop.Cancel();
        _accepting.GetAwaiter().GetResult();
        File.Delete(Path);
        _socket.Dispose();
        long start = _time.GetTimestamp();
        lock (_gate)
        {
            foreach (AdminConnection connection in _connections)
            {
                connection.Abort();
            }

            while (_connections.Count > 0)
            {
                TimeSpan left = limit - _time.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left))
                {
                    break;
                }
            }

            return _connections.Count == 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Serve(await _socket.AcceptAsync(_stop.Token));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception failure)
            {
                // Out of descriptors or threads. Waiting a moment keeps it from becoming a busy loop.
                _logger.LogWarning("admin: cannot accept a connection: {Message}", failure.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time, CancellationToken.None);
            }
        }
    }

    private void Serve(Socket socket)
    {
        var connection = new AdminConnection(socket, _context, _limits, _time, _logger, _stop.Token);
        int count;
        lock (_gate)
        {
            count = _connections.Count;
            if (count < _limits.MaxConnections)
            {
                _connections.Add(connection);
            }
        }

        if (count >= _limits.MaxConnections)
        {
            connection.Refuse(count);
            connection.Dispose();
            return;
        }

        try
        {
            new Thread(() => Run(connection)) { IsBackground = true, Name = "admin" }.Start();
        }
        catch
        {
            Remove(connection);
            throw;
        }
    }

    private void Run(AdminConnection connection)
    {
        try
        {
            connection.Run(_program);
        }
        catch (Exception failure)
        {
            _logger.LogError(failure, "admin: a connection ended for an error that should not be");
        }
        finally
        {
            Remove(connection);
        }
    }

    private void Remove(AdminConnection connection)
    {
        connection.Dispose();
        lock (_gate)
        {
            _connections.Remove(connection);
            Monitor.PulseAll(_gate);
        }
    }
}
