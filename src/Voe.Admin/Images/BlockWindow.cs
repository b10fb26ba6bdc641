namespace Voe.Admin.Images;

/// <summary>A block on its way through a <see cref="BlockWindow"/>.</summary>
internal sealed class Block
{
    /// <summary>Room for <see cref="ImageDigest.BlockSize"/> bytes; pinned, since the store reads and writes by address.</summary>
    public byte[] Buffer { get; } = GC.AllocateUninitializedArray<byte>(ImageDigest.BlockSize, pinned: true);

    /// <summary>Where in the image it begins.</summary>
    public long Offset { get; set; }

    /// <summary>How many bytes it has.</summary>
    public int Length { get; set; }

    /// <summary>What went wrong with it, once it is done.</summary>
    internal Exception? Failure { get; set; }

    /// <summary>Whether the work on it is done. Guarded by the window's lock.</summary>
    internal bool IsDone { get; set; }
}

/// <summary>
/// Blocks of an image in parallel, in bounded memory: one thread, the owner, fills blocks and posts them; workers do the
/// slow part; the owner gets them back in the order of posting. A few blocks a worker are all there are: with none free the
/// owner waits.
/// </summary>
internal sealed class BlockWindow : IDisposable
{
    private const int MaxWorkers = 4;
    private const int BlocksPerWorker = 2;

    private readonly object _gate = new();
    private readonly Queue<Block> _waiting = []; // guarded by _gate
    private bool _isStopping; // guarded by _gate

    // The owner's.
    private readonly Stack<Block> _free = [];
    private readonly Queue<Block> _posted = [];
    private readonly Action<Block> _work;
    private readonly Action<Block>? _drain;
    private readonly Thread[] _workers;

    /// <summary>A window with a worker for each processor, four at most.</summary>
    /// <param name="work">What the workers do with a block.</param>
    /// <param name="drain">What the owner does with a block when it comes back, in order; or null.</param>
    public BlockWindow(Action<Block> work, Action<Block>? drain = null)
    {
        _work = work;
        _drain = drain;
        _workers = new Thread[Math.Clamp(Environment.ProcessorCount, 1, MaxWorkers)];
        for (int i = 0; i < (_workers.Length * BlocksPerWorker) + 1; i++)
        {
            _free.Push(new Block());
        }

        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Run) { IsBackground = true, Name = "admin-block" };
            _workers[i].Start();
        }
    }

    /// <summary>A block to fill. Throws what the work on an earlier one threw.</summary>
    public Block Take()
    {
        if (_free.Count == 0)
        {
            DrainOldest();
        }

        return _free.Pop();
    }

    /// <summary>Gives a filled block to the workers.</summary>
    public void Post(Block block)
    {
        block.IsDone = false;
        block.Failure = null;
        _posted.Enqueue(block);
        lock (_gate)
        {
            _waiting.Enqueue(block);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Returns when all blocks that were posted have come back. Throws what the work on one threw.</summary>
    public void Finish()
    {
        while (_posted.Count > 0)
        {
            DrainOldest();
        }
    }

    /// <summary>Ends the workers after the blocks in work; those that wait are dropped.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread worker in _workers)
        {
            worker.Join();
        }
    }

    private void DrainOldest()
    {
        Block block = _posted.Dequeue();
        lock (_gate)
        {
            while (!block.IsDone)
            {
                Monitor.Wait(_gate);
            }
        }

        if (block.Failure is { } failure)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        _drain?.Invoke(block);
        _free.Push(block);
    }

    private void Run()
    {
        while (true)
        {
            Block block;
            lock (_gate)
            {
                while (_waiting.Count == 0 && !_isStopping)
                {
                    Monitor.Wait(_gate);
                }

                if (_isStopping)
                {
                    return;
                }

                block = _waiting.Dequeue();
            }

            try
            {
                _work(block);
            }
            catch (Exception failure)
            {
                block.Failure = failure;
            }

            lock (_gate)
            {
                block.IsDone = true;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
