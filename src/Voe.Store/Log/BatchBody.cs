namespace Voe.Store.Log;

/// <summary>Where a batch was put.</summary>
/// <param name="Lsn">Its number.</param>
/// <param name="PackId">The pack.</param>
/// <param name="PayloadOffset">Where its payload begins in the pack's file.</param>
internal readonly record struct BatchPlace(ulong Lsn, uint PackId, uint PayloadOffset);

/// <summary>
/// One batch on its way into the log: records, payload, and what to do once it is there. Made by the thread that
/// appends it; touched by the log while it waits.
/// </summary>
internal abstract class BatchBody : IDisposable
{
    private readonly ManualResetEventSlim _finished = new(false, spinCount: 200);
    private Exception? _error;
    private bool _isDone;

    /// <summary>The records; complete (<see cref="RecordTableWriter.EndRecord"/>) when the batch is appended.</summary>
    public RecordTableWriter Table { get; } = new();

    /// <summary>The payload, which must stay as it is until the append has returned.</summary>
    public ReadOnlyMemory<byte> Payload { get; protected set; }

    /// <summary>The most entries that <see cref="Apply"/> adds to the index: the log makes room for them first.</summary>
    public abstract int EntryCount { get; }

    /// <summary>
    /// Whether <see cref="IsStillValid"/> looks at what other batches change, so that those before must be applied first.
    /// </summary>
    public virtual bool DependsOnOthers => false;

    /// <summary>CRC32C of the table; set by the appending thread, outside of the log's order.</summary>
    internal uint TableChecksum { get; private set; }

    /// <summary>Set when the append ended without an error: false when <see cref="IsStillValid"/> refused it.</summary>
    public bool WasAppended { get; private set; }

    /// <summary>Set by the log on the batch whose thread is to append for the others next.</summary>
    internal bool MustLead { get; set; }

    /// <summary>
    /// Asked in the log's order, right before the batch is written, with everything before it applied if it
    /// <see cref="DependsOnOthers"/>. False leaves it out of the log.
    /// </summary>
    public virtual bool IsStillValid() => true;

    /// <summary>Called in the log's order once the batch is written: makes its changes visible. Must not fail.</summary>
    public abstract void Apply(in BatchPlace place);

    /// <inheritdoc/>
    public void Dispose()
    {
        _finished.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gets ready to be appended.</summary>
    internal void Begin()
    {
        Table.EndRecord();
        TableChecksum = Table.ComputeChecksum();
        _finished.Reset();
        _error = null;
        _isDone = false;
        MustLead = false;
        WasAppended = false;
    }

    /// <summary>The log is done with it.</summary>
    internal void Finish(bool wasAppended, Exception? error)
    {
        WasAppended = wasAppended;
        _error = error;
        Volatile.Write(ref _isDone, true);
        _finished.Set();
    }

    /// <summary>Makes the waiting thread lead.</summary>
    internal void Lead()
    {
        MustLead = true;
        _finished.Set();
    }

    /// <summary>Waits until the batch is done (true) or its thread must lead (false).</summary>
    internal bool Wait()
    {
        _finished.Wait();
        bool isDone = Volatile.Read(ref _isDone);
        if (!isDone)
        {
            _finished.Reset();
        }

        return isDone;
    }

    /// <summary>Whether it is done.</summary>
    internal bool IsDone => Volatile.Read(ref _isDone);

    /// <summary>Throws the error that it ended with, if any.</summary>
    internal void ThrowIfFailed()
    {
        if (_error is not null)
        {
            throw _error is StoreException known
                ? Rethrown(known)
                : new StoreFailedException($"the log failed: {_error.Message}", _error);
        }
    }

    // Several threads may be told of one error; each gets an exception of its own.
    private static StoreException Rethrown(StoreException error) => error switch
    {
        StoreFullException => new StoreFullException(error.Message, error),
        StoreFailedException => new StoreFailedException(error.Message, error),
        StoreIOException => new StoreIOException(error.Message, error),
        _ => error,
    };
}
