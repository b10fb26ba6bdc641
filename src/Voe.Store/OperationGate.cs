namespace Voe.Store;

/// <summary>
/// Lets operations in side by side until it is closed, and lets the closer wait for those that are inside: so nothing
/// is freed under an operation. Safe from many threads.
/// </summary>
internal sealed class OperationGate
{
    private readonly object _monitor = new();
    private int _inside; // counted with Interlocked: operations on many threads come and go
    private volatile bool _isClosed;

    /// <summary>Goes in, waiting while the gate is closed. <see cref="Exit"/> must follow.</summary>
    public void Enter()
    {
        while (true)
        {
            Interlocked.Increment(ref _inside); // a full fence: the closer sees this, or this sees the closer
            if (!_isClosed)
            {
                return;
            }

            Exit();
            lock (_monitor)
            {
                while (_isClosed)
                {
                    Monitor.Wait(_monitor);
                }
            }
        }
    }

    /// <summary>Leaves.</summary>
    public void Exit()
    {
        if (Interlocked.Decrement(ref _inside) == 0 && _isClosed)
        {
            lock (_monitor)
            {
                Monitor.PulseAll(_monitor);
            }
        }
    }

    /// <summary>Closes the gate and waits until nobody is inside. One closer at a time.</summary>
    public void Close()
    {
        lock (_monitor)
        {
            Invariant.Require(!_isClosed, "one at a time closes the gate");
            _isClosed = true;
            Interlocked.MemoryBarrier();
            while (Volatile.Read(ref _inside) > 0)
            {
                Monitor.Wait(_monitor);
            }
        }
    }

    /// <summary>Opens it again.</summary>
    public void Open()
    {
        lock (_monitor)
        {
            _isClosed = false;
            Monitor.PulseAll(_monitor);
        }
    }
}
