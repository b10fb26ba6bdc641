using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Recovery;

/// <summary>Where the log ends, and what of it still has to be sealed.</summary>
/// <param name="End">The end; everything before it is applied and durable.</param>
/// <param name="LastPackId">The newest pack, 0 when there is none.</param>
/// <param name="Unsealed">Packs without a footer, ascending.</param>
/// <param name="ReplayedBatches">Batches that were applied.</param>
/// <param name="ReplayedBytes">Their length in bytes.</param>
/// <param name="CutBytes">Length of the torn tail that was cut off.</param>
/// <param name="CutPacks">Packs that were deleted with it.</param>
internal sealed record RecoveredLog(
    LogPosition End, uint LastPackId, List<OpenPack> Unsealed, long ReplayedBatches, long ReplayedBytes, long CutBytes, int CutPacks);

/// <summary>
/// Reads the log from a position on, hands every batch to the caller, finds where the log ends, cuts a torn tail, and
/// makes the rest durable.
/// </summary>
/// <remarks>
/// <para>Where the log ends. A batch that is not whole, or not the next one, ends it. That is a torn tail, and cut off,
/// if nothing says that this batch was once durable; else it is damage, which is reported and never skipped. What says
/// so: the footer of its pack or a later one, the durable LSN in the header of a later pack, and the durable LSN in any
/// batch header that lies behind it. Loose ends behind it without such a word are what a power cut leaves when it lets
/// later pages reach the disk and earlier ones not.</para>
/// <para>A crash in here loses nothing: packs of a torn tail go newest first, then the pack with the end is cut, and the
/// next start finds the same end.</para>
/// </remarks>
internal sealed class LogRecovery
{
    private readonly PackSet _packs;
    private readonly LogOptions _options;
    private readonly Action<BatchHeader, BatchReader, LogPosition> _apply;
    private readonly Action<long, long> _progress;
    private readonly List<OpenPack> _unsealed = [];
    private readonly Dictionary<uint, (PackHeader Header, PackFooter? Footer, string Reason)> _known = [];
    private readonly Dictionary<uint, long> _lengths = []; // of the packs' files
    private LogPosition _position;
    private ulong _durableLsn;
    private long _replayedBatches;
    private long _replayedBytes;

    private LogRecovery(
        PackSet packs,
        LogOptions options,
        LogPosition start,
        Action<BatchHeader, BatchReader, LogPosition> apply,
        Action<long, long> progress)
    {
        _packs = packs;
        _options = options;
        _position = start;
        _durableLsn = Math.Max(start.LastLsn, options.KnownDurableLsn);
        _apply = apply;
        _progress = progress;
    }

    /// <summary>Reads the log from <paramref name="start"/> on.</summary>
    /// <param name="packs">Where packs live.</param>
    /// <param name="options">The store's.</param>
    /// <param name="start">What the index covers already.</param>
    /// <param name="apply">Called with each batch's header, its reader (for the table), and the position before it.</param>
    /// <param name="progress">Called with bytes of packs done and bytes in all.</param>
    /// <exception cref="StoreDamagedException">Something that was durable is not there whole.</exception>
    public static RecoveredLog Run(
        PackSet packs,
        LogOptions options,
        LogPosition start,
        Action<BatchHeader, BatchReader, LogPosition> apply,
        Action<long, long> progress) =>
        new LogRecovery(packs, options, start, apply, progress).Run();

    private RecoveredLog Run()
    {
        List<uint> ids = _packs.ListIds();
        ids.RemoveAll(id => id < _position.PackId);
        RequireStart(ids);
        foreach (uint id in ids)
        {
            ReadEnds(id);
        }

        int next = 0;
        long doneBytes = 0;
        string? stop = null;
        while (stop is null && next < ids.Count)
        {
            stop = ReplayPack(ids[next]);
            doneBytes += _lengths[ids[next]];
            next++;
            _progress(doneBytes, _lengths.Values.Sum());
        }

        (long cutBytes, int cutPacks) = (0, 0);
        if (stop is not null)
        {
            (cutBytes, cutPacks) = CutTail(ids, next - 1, stop);
        }

        if (_options.KnownDurableLsn > _position.LastLsn)
        {
            throw Damaged(
                _position.PackId, _position.Offset, $"the log ends with LSN {_position.LastLsn}, but LSN {_durableLsn} was durable");
        }

        foreach (OpenPack pack in _unsealed)
        {
            pack.File.SetLength(pack.End);
            pack.File.SyncData();
        }

        _packs.SyncNames();
        uint lastPackId = ids.Count > 0 ? ids[^1] : _position.PackId;
        return new RecoveredLog(_position, lastPackId, _unsealed, _replayedBatches, _replayedBytes, cutBytes, cutPacks);
    }

    private void RequireStart(List<uint> ids)
    {
        if (_position.PackId != 0 && (ids.Count == 0 || ids[0] != _position.PackId))
        {
            throw new StoreDamagedException(
                $"pack {_position.PackId} is missing: the index covers the log up to LSN {_position.LastLsn} in it. Bring the file "
                + $"{PackSet.FileName(_position.PackId)} back; without it, deleting the index directory opens what the other packs hold");
        }
    }

    // Header and footer of a pack, and what they say about what was durable.
    private void ReadEnds(uint id)
    {
        using PackSet.Lease lease = _packs.Acquire(id);

        // A sync may have failed, in this process or one before: the kernel then shows pages that the medium never got, and
        // would call them synced. What counts is what the medium has. (Dirty pages stay; if the sync at the end of recovery
        // fails, opening fails, and somebody is told before the next one goes on without them.)
        lease.File.DropCache();
        _lengths[id] = lease.File.Length;
        byte[] bytes = new byte[PackHeader.Size];
        int read = lease.File.Read(bytes, 0);
        if (!PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out string reason))
        {
            _known[id] = (default, null, reason);
            return;
        }

        if (header.StoreId != _options.StoreId || header.HashAlgorithm != _options.HashAlgorithm || header.PackId != id)
        {
            throw new StoreFormatException(
                $"{PackSet.FileName(id)} is pack {header.PackId} of store {header.StoreId}, not pack {id} of store "
                + $"{_options.StoreId}: move it out of the directory");
        }

        _durableLsn = Math.Max(_durableLsn, header.DurableLsn);
        PackFooter? footer = null;
        if (PackFooter.TryReadFrom(lease.File, id, out PackFooter found, out _))
        {
            footer = found;
            _durableLsn = Math.Max(_durableLsn, found.LastLsn);
        }

        _known[id] = (header, footer, "");
    }

    // Applies the batches of a pack; null when the log may go on in the next pack, else why it ends in this one.
    private string? ReplayPack(uint id)
    {
        (PackHeader header, PackFooter? footer, string reason) = _known[id];
        bool isStart = id == _position.PackId;
        if (reason.Length > 0)
        {
            return isStart ? throw Damaged(id, 0, reason) : reason;
        }

        if (!isStart && (header.FirstLsn != _position.LastLsn + 1 || header.PreviousChecksum != _position.LastChecksum
            || id != _position.PackId + 1))
        {
            return $"pack {id} begins with LSN {header.FirstLsn} after {header.PreviousChecksum:x8}; LSN "
                + $"{_position.LastLsn + 1} after {_position.LastChecksum:x8} expected";
        }

        long start = isStart ? _position.Offset : PackHeader.Size;
        if (footer is { } sealedBy)
        {
            return ReplaySealed(id, start, sealedBy);
        }

        return ReplayUnsealed(id, start, header);
    }

    private string? ReplaySealed(uint id, long start, PackFooter footer)
    {
        if (start > footer.DataEnd)
        {
            throw Damaged(id, start, $"the index covers the pack up to offset {start}, but its batches end at {footer.DataEnd}");
        }

        using PackSet.Lease lease = _packs.Acquire(id);
        BatchReader reader = start == PackHeader.Size && footer.TryReadBody(lease.File, out byte[] body, out _)
            ? BatchReader.OverFooter(body, id, start)
            : BatchReader.OverFile(lease.File, id, start);
        while (reader.Offset < footer.DataEnd)
        {
            if (!TryApplyNext(reader, checksPayload: false))
            {
                throw Damaged(id, reader.Offset, $"{reader.StopReason}, but the pack is sealed up to LSN {footer.LastLsn}");
            }
        }

        if (_position.LastLsn != footer.LastLsn || _position.LastChecksum != footer.LastChecksum)
        {
            throw Damaged(id, footer.DataEnd, $"the footer says that LSN {footer.LastLsn} is the last, it is LSN {_position.LastLsn}");
        }

        return null;
    }

    private string? ReplayUnsealed(uint id, long start, PackHeader header)
    {
        IStorageFile file = _packs.OpenForWriting(id);
        if (start > file.Length)
        {
            throw Damaged(id, start, $"the index covers the pack up to offset {start}, but the file has {file.Length} bytes");
        }

        var pack = new OpenPack(id, file, header.FirstLsn, header.PreviousChecksum) { End = start };
        _unsealed.Add(pack);
        BatchReader reader = BatchReader.OverFile(file, id, start);
        while (TryApplyNext(reader, checksPayload: true))
        {
        }

        pack.End = _position.PackId == id ? _position.Offset : PackHeader.Size;
        pack.LastLsn = _position.LastLsn;
        pack.ReservedEnd = pack.End;
        return NextPackGoesOn(id) ? null : reader.StopReason;
    }

    private bool NextPackGoesOn(uint id) =>
        _position.PackId == id
        && _known.TryGetValue(id + 1, out (PackHeader Header, PackFooter? Footer, string Reason) next) && next.Reason.Length == 0
        && next.Header.FirstLsn == _position.LastLsn + 1 && next.Header.PreviousChecksum == _position.LastChecksum;

    private bool TryApplyNext(BatchReader reader, bool checksPayload)
    {
        if (!reader.TryRead(_position.LastLsn + 1, _position.LastChecksum))
        {
            return false;
        }

        BatchHeader header = reader.Header;
        try
        {
            if (checksPayload && !reader.IsPayloadSound())
            {
                return false;
            }
        }
        catch (InvalidDataException e)
        {
            throw Damaged(header.PackId, header.Offset, e.Message);
        }

        var after = new LogPosition(header.LastLsn, reader.Link, header.PackId, header.Offset + header.TotalLength);
        _apply(header, reader, _position);
        _position = after;
        _replayedBatches++;
        _replayedBytes += header.TotalLength;
        return true;
    }

    // The log ends before LSN position + 1, in or before pack ids[at]: makes sure that nothing durable is lost, and cuts.
    private (long Bytes, int Packs) CutTail(List<uint> ids, int at, string reason)
    {
        ulong missing = _position.LastLsn + 1;
        bool keepsPack = _unsealed.Count > 0 && _unsealed[^1].Id == ids[at];
        long end = keepsPack ? _unsealed[^1].End : 0;
        long bytes = 0;
        for (int i = at; i < ids.Count; i++)
        {
            using PackSet.Lease lease = _packs.Acquire(ids[i]);
            (long used, ulong durable) = TailScan.Run(lease.File, ids[i], i == at ? end : 0);
            bytes += used;
            _durableLsn = Math.Max(_durableLsn, durable);
        }

        if (_durableLsn >= missing)
        {
            throw Damaged(ids[at], end, $"{reason}, but LSN {_durableLsn} was durable");
        }

        int firstToDelete = keepsPack ? at + 1 : at;
        int count = ids.Count - firstToDelete;
        for (int i = ids.Count - 1; i >= firstToDelete; i--)
        {
            _packs.Delete(ids[i]);
            _packs.SyncNames();
        }

        ids.RemoveRange(firstToDelete, count);
        return (bytes, count);
    }

    private static StoreDamagedException Damaged(uint id, long offset, string reason) => new(
        $"pack {id}, offset {offset}: {reason}. The log is damaged here; nothing was changed. 'voe-fsck verify' lists what is hurt");
}
