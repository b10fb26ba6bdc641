using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Server.Tests.Aoe;

/// <summary>A device in memory whose writes or flushes wait until the test lets them go, and may then fail.</summary>
internal sealed class HeldDevice : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _arrived = new(0);
    private readonly SemaphoreSlim _released = new(0);
    private volatile Exception? _failure;

    public HeldDevice(long size = 1 << 20)
    {
        Memory = new MemoryDevice(size) { BeforeFlush = Hold };
    }

    public MemoryDevice Memory { get; }

    /// <summary>Waits until a flush has begun.</summary>
    public void Await() => Assert.True(_arrived.Wait(Patience), "nothing was flushed");

    /// <summary>Lets the flush that waits return, or fail.</summary>
    public void Release(Exception? failure = null)
    {
        _failure = failure;
        _released.Release();
    }

    /// <summary>Lets every flush return from now on.</summary>
    public void ReleaseAll()
    {
        Memory.BeforeFlush = null;
        _failure = null;
        _released.Release(1000);
    }

    public void Dispose()
    {
        _arrived.Dispose();
        _released.Dispose();
    }

    private void Hold()
    {
        _arrived.Release();
        Assert.True(_released.Wait(Patience), "the test never let the flush go");
        if (_failure is { } failure)
        {
            throw failure;
        }
    }
}
