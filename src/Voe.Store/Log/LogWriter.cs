using Voe.Store.Hashing;
using Voe.Store.Packs;

namespace Voe.Store.Log;

/// <summary>
/// The end of the log: appends batches from many threads in one order, in groups that share a write, and makes them
/// durable in groups that share a sync (<see cref="LogSync"/>). Knows nothing of the index: what follows from a batch is
/// the batch's own to apply.
/// </summary>
/// <remarks>
/// <para>Invariants. LSNs grow by one without gaps. A batch is written before it is applied, and applied before its append
/// returns; both happen in LSN order, by one thread at a time, the leader. Nothing is applied that is not in the kernel.
/// durable ≤ applied ≤ written. After an error other than a full disk nothing is appended or synced until the store is
/// opened again, since the end of the file is in an unknown state.</para>
/// <para>A full disk changes nothing: the LSNs and the place of the failed group go to the next one, which overwrites
/// whatever part of it had been written.</para>
/// </remarks>
internal sealed class LogWriter : IDisposable
{
    private const int MaxGroupBatches = 64;
    private const long MaxGroupBytes = 4 << 20;
    private const int MaxGroupEntries = 8192;
    private const int WriteAheadStep = 1 << 20;
    private static readonly byte[] Padding = new byte[BatchHeader.Alignment];
    private static readonly byte[] Zeroes = new byte[WriteAheadStep];

    private readonly LogOptions _options;
    private readonly PackSet _packs;
    private readonly LogSync _sync;
    private readonly PackSealer _sealer;
    private readonly ILogObserver _observer;
    private readonly Lock _queueLock = new();
    private readonly Queue<BatchBody> _queue = []; // guarded by _queueLock
    private bool _hasLeader; // guarded by _queueLock

    // The leader's alone.
    private readonly List<BatchBody> _group = [];
    private readonly List<ReadOnlyMemory<byte>> _buffers = [];
    private readonly byte[] _headerBlock = new byte[PackHeader.Size];
    private OpenPack? _current;
    private uint _lastPackId;
    private LogPosition _end;
    private readonly ulong _openedLsn;
    private SyncRhythm _syncRhythm;

    /// <summary>A log that goes on at <paramref name="end"/>.</summary>
    /// <param name="packs">Where packs live.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="end">Where the log ends: everything up to it has been applied and is durable.</param>
    /// <param name="lastPackId">The newest pack, 0 when there is none; it may hold no batch yet.</param>
    /// <param name="unsealed">The packs without a footer, ascending. The newest goes on being written.</param>
    /// <param name="observer">Who makes room in the index.</param>
    public LogWriter(
        PackSet packs, LogOptions options, LogPosition end, uint lastPackId, IReadOnlyList<OpenPack> unsealed, ILogObserver observer)
    {
        _packs = packs;
        _options = options;
        _observer = observer;
        _end = end;
        _openedLsn = end.LastLsn;
        _lastPackId = lastPackId;
        _sync = new LogSync(packs, end.LastLsn);
        _sealer = new PackSealer(packs, _sync, options.IsSynchronous);
        foreach (OpenPack pack in unsealed)
        {
            if (pack.Id == lastPackId && pack.End < options.PackSize)
            {
                _current = pack;
                _sync.Begin(pack);
            }
            else
            {
                _sealer.Add(pack);
            }
        }
    }

    /// <summary>Everything up to this LSN is durable.</summary>
    public ulong DurableLsn => _sync.DurableLsn;

    /// <summary>Everything up to this LSN is written and applied.</summary>
    public ulong AppliedLsn => _sync.AppliedLsn;

    /// <summary>Why the log accepts nothing more, or null.</summary>
    public StoreException? Failure => _sync.Failure;

    /// <summary>
    /// Appends a batch: on return it is in the kernel (P1) and applied, unless it was no longer valid
    /// (<see cref="BatchBody.WasAppended"/> tells). Not durable.
    /// </summary>
    /// <exception cref="StoreFullException">No room; nothing was changed.</exception>
    /// <exception cref="StoreFailedException">The log failed, now or before.</exception>
    public void Append(BatchBody batch)
    {
        batch.Begin();
        bool leads;
        lock (_queueLock)
        {
            _queue.Enqueue(batch);
            leads = !_hasLeader;
            _hasLeader = true;
        }

        if (leads || !batch.Wait())
        {
            LeadUntilDone(batch);
        }

        batch.ThrowIfFailed();
    }

    /// <summary>Runs <paramref name="action"/> in the log's order: everything before it is applied, nothing after it is yet.</summary>
    public void RunInOrder(Action<LogPosition> action)
    {
        using var batch = new ActionBatch(action);
        Append(batch);
    }

    /// <summary>
    /// Appends an empty batch, whose header says that everything before it is durable: so damage to the last batches of a
    /// log that was closed in peace is not taken for a torn tail. For the caller who has flushed. Does nothing when nothing
    /// was appended since the log was opened, or when the disk is full.
    /// </summary>
    public void MarkEnd()
    {
        if (_sync.AppliedLsn == _openedLsn)
        {
            return;
        }

        using var batch = new MarkBatch();
        try
        {
            Append(batch);
            Flush();
        }
        catch (StoreFullException)
        {
            // The log is as good without it.
        }
    }

    /// <summary>Returns when everything that was applied when it was called is durable.</summary>
    public void Flush() => _sync.SyncThrough(_sync.AppliedLsn);

    /// <summary>Returns when everything up to <paramref name="lsn"/> is durable.</summary>
    public void FlushThrough(ulong lsn) => _sync.SyncThrough(lsn);

    /// <summary>Stops sealing, cuts the reserved room off the last pack. The caller has flushed, and appends nothing more.</summary>
    public void Close()
    {
        _sealer.Stop(waitForSeals: true);
        if (_current is { } pack && Failure is null)
        {
            pack.File.SetLength(pack.End);
        }
    }

    /// <summary>Gives everything up without a write.</summary>
    public void Dispose() => _sealer.Stop(waitForSeals: false);

    private void LeadUntilDone(BatchBody own)
    {
        while (true)
        {
            lock (_queueLock)
            {
                if (_queue.Count == 0)
                {
                    _hasLeader = false;
                    return;
                }

                if (own.IsDone)
                {
                    _queue.Peek().Lead(); // the others' work is theirs
                    return;
                }

                TakeGroup();
            }

            WriteTaken();
        }
    }

    // Moves a group from the queue to _group: bounded, and nothing that depends on others but at its start.
    private void TakeGroup()
    {
        long bytes = 0;
        int entries = 0;
        while (_queue.TryPeek(out BatchBody? next))
        {
            long length = next.Table.HeaderAndTable.Length + (long)next.Payload.Length;
            bool fits = _group.Count == 0
                || (_group.Count < MaxGroupBatches && bytes + length <= MaxGroupBytes && entries + next.EntryCount <= MaxGroupEntries
                    && !next.DependsOnOthers && !_group[0].DependsOnOthers);
            if (!fits)
            {
                return;
            }

            bytes += length;
            entries += next.EntryCount;
            _group.Add(_queue.Dequeue());
        }
    }

    private void WriteTaken()
    {
        Exception? error = null;
        int applied = 0;
        try
        {
            _sync.ThrowIfFailed();
            _group.RemoveAll(static batch =>
            {
                bool isValid = batch.IsStillValid();
                if (!isValid)
                {
                    batch.Finish(wasAppended: false, error: null);
                }

                return !isValid;
            });
            if (_group.Count > 0)
            {
                WriteGroup(ref applied);
            }
        }
        catch (StoreFullException e)
        {
            error = e;
        }
        catch (StoreFailedException e)
        {
            error = e;
        }
        catch (Exception e)
        {
            error = _sync.Fail("a write to the log", e);
        }

        for (int i = applied; i < _group.Count; i++)
        {
            _group[i].Finish(wasAppended: false, error);
        }

        _group.Clear();
    }

    private void WriteGroup(ref int applied)
    {
        int entries = 0;
        long bytes = 0;
        foreach (BatchBody batch in _group)
        {
            entries += batch.EntryCount;
            bytes += BatchHeader.RoundUp(batch.Table.HeaderAndTable.Length + (long)batch.Payload.Length);
        }

        if (_group[0] is ActionBatch action)
        {
            action.Run(_end);
            applied = 1;
            action.Finish(wasAppended: true, error: null);
            return;
        }

        _observer.MakeRoom(entries, _end);
        OpenPack pack = PackFor(bytes);
        (ulong lsn, uint checksum) = (_end.LastLsn, _end.LastChecksum);
        long offset = pack.End;
        _buffers.Clear();
        foreach (BatchBody batch in _group)
        {
            offset = AddBuffers(batch, pack, offset, ref lsn, ref checksum);
        }

        pack.File.Write(_buffers, pack.End);
        ulong firstLsn = _end.LastLsn + 1;
        _end = new LogPosition(lsn, checksum, pack.Id, offset);
        ApplyGroup(pack, firstLsn, ref applied);
        _observer.Written(bytes, _end);
    }

    private long AddBuffers(BatchBody batch, OpenPack pack, long offset, ref ulong lsn, ref uint checksum)
    {
        Memory<byte> headerAndTable = batch.Table.HeaderAndTable;
        var header = new BatchHeader(
            ++lsn,
            DurableLsn,
            pack.Id,
            (uint)offset,
            checksum,
            batch.Table.RecordCount,
            batch.Table.TableLength,
            batch.Payload.Length,
            batch.TableChecksum);
        checksum = header.Write(headerAndTable.Span);
        _buffers.Add(headerAndTable);
        if (!batch.Payload.IsEmpty)
        {
            _buffers.Add(batch.Payload);
        }

        int padding = (int)(header.TotalLength - headerAndTable.Length - batch.Payload.Length);
        if (padding > 0)
        {
            _buffers.Add(Padding.AsMemory(0, padding));
        }

        return offset + header.TotalLength;
    }

    private void ApplyGroup(OpenPack pack, ulong firstLsn, ref int applied)
    {
        long offset = pack.End;
        foreach (BatchBody batch in _group)
        {
            int headLength = batch.Table.HeaderAndTable.Length;
            ulong lsn = firstLsn + (ulong)applied;
            batch.Apply(new BatchPlace(lsn, pack.Id, (uint)(offset + headLength)));
            offset += BatchHeader.RoundUp(headLength + (long)batch.Payload.Length);
            _sync.Applied(pack, lsn, offset);
            applied++;
            batch.Finish(wasAppended: true, error: null);
        }
    }

    // The pack that has room for the group: the current one, or a new one after it.
    private OpenPack PackFor(long bytes)
    {
        if (_current is { } full && full.End + bytes > _options.PackSize && full.End > PackHeader.Size)
        {
            _sealer.Add(full); // waits when too many packs are unsealed: what is dirty stays bounded
            _current = null;
        }

        OpenPack pack = _current ??= CreatePack();
        long end = pack.End + bytes;
        if (end > pack.ReservedEnd)
        {
            long reserved = Math.Max(end, Math.Min(pack.End + _options.ReserveStep, _options.PackSize));
            pack.File.Reserve(reserved);
            pack.ReservedEnd = reserved;
        }

        WriteAhead(pack, end, bytes);
        return pack;
    }

    // Where syncs are frequent, the room for the next batches is written with zeros beforehand: a sync then changes bytes
    // of the file only, where in reserved room it changes metadata too, which costs as much again.
    private void WriteAhead(OpenPack pack, long end, long bytes)
    {
        if (!_syncRhythm.IsDense(_sync.SyncCount, bytes) || end <= pack.WrittenAheadEnd)
        {
            return;
        }

        long aheadEnd = Math.Min(end + WriteAheadStep, pack.ReservedEnd);
        if (aheadEnd > end)
        {
            pack.File.Write(Zeroes.AsSpan(0, (int)(aheadEnd - end)), end);
            pack.WrittenAheadEnd = aheadEnd;
        }
    }

    private OpenPack CreatePack()
    {
        uint id = checked(_lastPackId + 1);
        var header = new PackHeader(_options.HashAlgorithm, _options.StoreId, id, _end.LastChecksum, _end.LastLsn + 1, DurableLsn);
        header.Write(_headerBlock);
        IO.IStorageFile file = _packs.Create(id);
        try
        {
            file.Write(_headerBlock, 0);
        }
        catch (StoreFullException)
        {
            _packs.Delete(id); // the next attempt makes it again
            throw;
        }

        _lastPackId = id;
        var pack = new OpenPack(id, file, _end.LastLsn + 1, _end.LastChecksum) { End = PackHeader.Size };
        _sync.Begin(pack);
        return pack;
    }

    /// <summary>A batch without records.</summary>
    private sealed class MarkBatch : BatchBody
    {
        public override int EntryCount => 0;

        public override void Apply(in BatchPlace place)
        {
            // Nothing changes; what counts is what its header says was durable.
        }
    }

    /// <summary>An action in the log's order; it writes nothing.</summary>
    private sealed class ActionBatch(Action<LogPosition> action) : BatchBody
    {
        public override int EntryCount => 0;

        public override bool DependsOnOthers => true; // so it is alone in its group

        public override void Apply(in BatchPlace place) => throw new InvariantException("an action is not written");

        public void Run(LogPosition end) => action(end);
    }
}
