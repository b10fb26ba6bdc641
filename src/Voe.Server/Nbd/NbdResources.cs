using Microsoft.Extensions.Logging;
using Voe.Server.Exports;

namespace Voe.Server.Nbd;

/// <summary>What all NBD connections of a server share. Safe from many threads.</summary>
internal sealed class NbdResources : IDisposable
{
    private int _extraWorkers;

    /// <summary>Makes the pools that <paramref name="limits"/> asks for.</summary>
    public NbdResources(ExportTable exports, NbdLimits limits, ILogger logger, TimeProvider time, NbdTls? tls = null)
    {
        Tls = tls;
        Exports = exports;
        Limits = limits;
        Logger = logger;
        Time = time;
        ReceiveBuffers = new PinnedBufferPool(limits.ReceiveMemory);
        ReplyBuffers = new PinnedBufferPool(limits.ReplyMemory);
        Spin = new SpinBudget(Environment.ProcessorCount);
    }

    /// <summary>The exports.</summary>
    public ExportTable Exports { get; }

    /// <summary>The limits.</summary>
    public NbdLimits Limits { get; }

    /// <summary>What TLS is spoken with; null when it is not.</summary>
    public NbdTls? Tls { get; }

    /// <summary>Where connections report.</summary>
    public ILogger Logger { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Buffers for received requests. Who holds one may wait for <see cref="ReplyBuffers"/>, never the other way round.</summary>
    public PinnedBufferPool ReceiveBuffers { get; }

    /// <summary>Buffers for the data of replies.</summary>
    public PinnedBufferPool ReplyBuffers { get; }

    /// <summary>Who may spin.</summary>
    public SpinBudget Spin { get; }

    /// <summary>Passes on the roles of workers that a device holds.</summary>
    public RoleWatch RoleWatch { get; } = new();

    /// <summary>Whether somebody waits for memory that another connection holds.</summary>
    public bool IsMemoryScarce => ReceiveBuffers.HasWaiters || ReplyBuffers.HasWaiters;

    /// <summary>Threads beyond the one that each connection has.</summary>
    public int ExtraWorkerCount => Volatile.Read(ref _extraWorkers);

    /// <summary>Asks for one more thread beyond a connection's first; given back with <see cref="RemoveExtraWorker"/>.</summary>
    public bool TryAddExtraWorker()
    {
        if (Interlocked.Increment(ref _extraWorkers) <= Limits.MaxExtraWorkers)
        {
            return true;
        }

        Interlocked.Decrement(ref _extraWorkers);
        return false;
    }

    /// <summary>Gives a thread back.</summary>
    public void RemoveExtraWorker() => Interlocked.Decrement(ref _extraWorkers);

    /// <inheritdoc/>
    public void Dispose() => RoleWatch.Dispose();
}
