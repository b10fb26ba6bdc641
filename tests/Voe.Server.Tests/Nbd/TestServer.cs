using System.Net;
using Microsoft.Extensions.Logging;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>A server in this process, with devices in memory, on a unix socket of its own.</summary>
internal sealed class TestServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly NbdTls? _tls;
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("voe-");

    public TestServer(params (string Name, IBlockDevice Device)[] exports)
        : this(new NbdLimits(), exports)
    {
    }

    public TestServer(NbdLimits limits, params (string Name, IBlockDevice Device)[] exports)
        : this(limits, tls: null, exports)
    {
    }

    /// <param name="limits">What clients may take.</param>
    /// <param name="tls">TLS, if any; the server takes it over.</param>
    /// <param name="exports">What it serves.</param>
    public TestServer(NbdLimits limits, NbdTls? tls, params (string Name, IBlockDevice Device)[] exports)
    {
        _tls = tls;
        foreach ((string name, IBlockDevice device) in exports)
        {
            Exports.TryAdd(new Export(name, device, $"device {name}"));
        }

        SocketPath = Path.Combine(_directory.FullName, "nbd");
        Assert.True(NbdEndPoint.TryParse("unix:" + SocketPath, out NbdEndPoint? unix, out _));
        Assert.True(NbdEndPoint.TryParse("127.0.0.1:0", out NbdEndPoint? tcp, out _));
        Nbd = new NbdServer([unix, tcp], Exports, limits, Log, TimeProvider.System, tls);
        Nbd.Start();
    }

    public ExportTable Exports { get; } = new();

    public CollectingLogger Log { get; } = new();

    public NbdServer Nbd { get; }

    public string SocketPath { get; }

    public EndPoint Unix => Nbd.EndPoints[0].EndPoint;

    public EndPoint Tcp => Nbd.EndPoints[1].EndPoint;

    /// <summary>A client in the handshake, the greeting done.</summary>
    public NbdClient Greeted()
    {
        var client = new NbdClient(Unix);
        client.Greet();
        return client;
    }

    /// <summary>A client in the transmission phase.</summary>
    public NbdClient Connect(string export = "") => NbdClient.Connect(Unix, export);

    public void Dispose()
    {
        Nbd.Stop(Patience, Patience);
        Nbd.Dispose();
        _tls?.Dispose();
        _directory.Delete(recursive: true);
    }
}

/// <summary>Keeps all lines, with their level in front.</summary>
internal sealed class CollectingLogger : ILogger
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add($"{logLevel}: {formatter(state, exception)}{exception}");
        }
    }
}
