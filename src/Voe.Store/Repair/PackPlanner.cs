using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>How the batches of a pack ended.</summary>
internal enum PackEnd
{
    /// <summary>As its footer says, or the next pack goes on from there.</summary>
    Known,

    /// <summary>With the log: nothing says that what comes next was ever durable.</summary>
    LogEnds,

    /// <summary>With something durable that is not there, and nothing whole behind it in this pack.</summary>
    Lost,
}

/// <summary>
/// Goes through the batches of one pack, its own file and copies side by side, and plans what the pack's new file has to have:
/// each batch that is whole as it stands, from wherever it is had; gaps for the rest.
/// </summary>
internal sealed class PackPlanner
{
    private readonly PackPlan _plan;
    private readonly PackCopy? _own;
    private readonly IReadOnlyList<PackCopy> _copies; // the own one first, if there is one
    private readonly PayloadRescue _payload;
    private readonly ulong _durableLsn;
    private readonly Func<LogCursor, bool> _nextPackGoesOn;
    private readonly long _dataEnd; // 0 when it is not known
    private ulong _tailDurableLsn;
    private bool _isTailScanned;
    private LogCursor _cursor;
    private long _offset = PackHeader.Size;

    /// <summary>A planner for one pack.</summary>
    /// <param name="plan">Receives the plan.</param>
    /// <param name="own">The own file, or null.</param>
    /// <param name="others">The files of other copies of the store.</param>
    /// <param name="hasher">How chunks are named.</param>
    /// <param name="durableLsn">What is known to have been durable.</param>
    /// <param name="nextPackGoesOn">Whether the next pack begins at that place of the log.</param>
    public PackPlanner(
        PackPlan plan, PackCopy? own, IReadOnlyList<PackCopy> others, ChunkHasher hasher, ulong durableLsn,
        Func<LogCursor, bool> nextPackGoesOn)
    {
        _plan = plan;
        _own = own;
        _copies = own is null ? others : [own, .. others];
        _payload = new PayloadRescue(plan, own, others, hasher);
        _durableLsn = durableLsn;
        _nextPackGoesOn = nextPackGoesOn;
        _cursor = plan.Start;
        _dataEnd = _copies.FirstOrDefault(static copy => copy.Footer is not null)?.Footer!.Value.DataEnd ?? 0;
        IsOwnSealed = own?.Footer is not null;
    }

    private bool IsOwnSealed { get; }

    /// <summary>What the bytes behind the last whole batch say was durable; 0 when they were not asked.</summary>
    public ulong TailDurableLsn => _tailDurableLsn;

    /// <summary>Goes through the pack; the plan has all that was found.</summary>
    public PackEnd Run()
    {
        PackEnd end = Walk();
        _plan.End = _cursor;
        _plan.EndOffset = _offset;
        return end;
    }

    /// <summary>Ends the pack with a gap for so many batches.</summary>
    public static void AddFinalGap(PackPlan plan, long length, ulong count, uint link, string reason)
    {
        AddGap(plan, plan.EndOffset, length, plan.End, count, link, reason);
        plan.EndOffset += length;
        plan.End = new LogCursor(plan.End.LastLsn + count, link);
    }

    /// <summary>The bytes from where the batches end to the end of the file, as a multiple of 8, at least a header.</summary>
    public long LengthOfRest()
    {
        long end = _dataEnd > _offset ? _dataEnd : BatchHeader.RoundUp(_own?.Length ?? 0);
        return Math.Max(BatchHeader.Size, end - _offset);
    }

    private PackEnd Walk()
    {
        while (true)
        {
            if (_offset == _dataEnd)
            {
                return PackEnd.Known;
            }

            FoundBatch? found = Find(out FoundBatch? headerOnly, out string reason);
            if (found is not null)
            {
                // A copy that was written to after it was made is no reason to go on beyond what this store had.
                if (!ReferenceEquals(found.Copy, _own) && !IsDurable(found.Header.Lsn))
                {
                    return PackEnd.LogEnds;
                }

                if (!TryKeep(found, reason))
                {
                    return PackEnd.LogEnds;
                }

                continue;
            }

            if (_dataEnd == 0 && _nextPackGoesOn(_cursor))
            {
                return PackEnd.Known;
            }

            if (!IsDurable(_cursor.LastLsn + 1))
            {
                return PackEnd.LogEnds;
            }

            if (FindResume(headerOnly) is not { } resume)
            {
                return PackEnd.Lost;
            }

            SkipTo(resume, reason);
        }
    }

    // The next batch: where it should be, or repeated by a footer, or in a copy; what was never repaired first.
    private FoundBatch? Find(out FoundBatch? headerOnly, out string reason)
    {
        headerOnly = null;
        reason = "no file has it";
        FoundBatch? repaired = null;
        foreach (PackCopy copy in _copies)
        {
            if (copy.TryReadBatch(_offset, out FoundBatch? batch, out string fault))
            {
                if (batch.Follows(_cursor))
                {
                    if (!batch.Header.IsRepaired)
                    {
                        return batch;
                    }

                    repaired ??= batch;
                    continue;
                }

                fault = $"LSN {_cursor.LastLsn + 1} after {_cursor.Link:x8} expected, LSN {batch.Header.Lsn} after "
                    + $"{batch.Header.PreviousChecksum:x8} found";
            }
            else if (batch is not null && batch.Follows(_cursor))
            {
                headerOnly ??= batch;
            }

            reason = ReferenceEquals(copy, _own) ? fault : reason;
            if (copy.FindRepeated(_offset) is { } repeated && repeated.Follows(_cursor))
            {
                if (!repeated.Header.IsRepaired)
                {
                    return repeated;
                }

                repaired ??= repeated;
            }
        }

        return repaired ?? (_own is null ? null : BatchCorrection.TryFind(_own, _offset, _cursor, _plan.Id));
    }

    // Keeps a batch, with what of its payload can be had; false when it is a torn tail.
    private bool TryKeep(FoundBatch found, string reason)
    {
        bool isFromOwn = found.IsInPlace && ReferenceEquals(found.Copy, _own);
        Func<bool> mayBeTorn = () => !IsOwnSealed && !IsDurable(found.Header.Lsn);
        if (!_payload.TryKeep(found, isFromOwn, mayBeTorn, out FoundBatch kept))
        {
            return false;
        }

        int headLength = kept.Bytes.Length;
        if (!isFromOwn || !ReferenceEquals(kept, found))
        {
            _plan.Patches.Add(new PackPatch(_offset, headLength, kept.Bytes, null));
        }

        if (!isFromOwn && _own is not null)
        {
            string origin = ReferenceEquals(found.Copy, _own) ? found.Origin : $"\"{found.Copy.Source.Directory.Path}\"";
            _plan.Steps.Add(new RepairStep(RepairKind.BatchRestored, _plan.Id, _offset, headLength,
                $"{(reason.Length > 0 ? reason : "damaged by an earlier repair")}; header and table come from {origin}")
            {
                FirstLsn = found.Header.Lsn,
                LastLsn = found.Header.LastLsn,
            });
        }

        _cursor = new LogCursor(found.Header.LastLsn, found.Link);
        _offset += found.Header.TotalLength;
        return true;
    }

    // Whether something says that this batch was durable once.
    private bool IsDurable(ulong lsn)
    {
        if (_durableLsn >= lsn || _plan.Own is null)
        {
            return true;
        }

        if (!_isTailScanned)
        {
            _isTailScanned = true;
            _tailDurableLsn = _own is null ? 0 : TailScan.Run(_own.File, _plan.Id, _offset).DurableLsn;
        }

        return _tailDurableLsn >= lsn;
    }

    private FoundBatch? FindResume(FoundBatch? headerOnly)
    {
        if (headerOnly is not null && headerOnly.Header.Lsn == _cursor.LastLsn + 1)
        {
            return headerOnly; // it says itself how long it is
        }

        FoundBatch? best = null;
        long bestEnd = 0;
        foreach (PackCopy copy in _copies)
        {
            foreach ((FoundBatch first, long end) in BatchScan.FindChains(copy, _plan.Id, _offset + BatchHeader.Alignment, _cursor.LastLsn))
            {
                if (end > bestEnd)
                {
                    (best, bestEnd) = (first, end);
                }
            }
        }

        return best;
    }

    // Puts a gap up to the batch where the log goes on.
    private void SkipTo(FoundBatch resume, string reason)
    {
        if (resume.Header.Offset == _offset)
        {
            AddGap(_plan, _offset, resume.Header.TotalLength, _cursor, resume.Header.LastLsn - _cursor.LastLsn, resume.Link, reason);
            _offset += resume.Header.TotalLength;
            _cursor = new LogCursor(resume.Header.LastLsn, resume.Link);
            return;
        }

        long length = resume.Header.Offset - _offset;
        ulong count = resume.Header.Lsn - 1 - _cursor.LastLsn;
        AddGap(_plan, _offset, length, _cursor, count, resume.Header.PreviousChecksum, reason);
        _offset += length;
        _cursor = new LogCursor(resume.Header.Lsn - 1, resume.Header.PreviousChecksum);
    }

    // One repaired batch without records, or several where one cannot be that long.
    private static void AddGap(PackPlan plan, long offset, long length, LogCursor before, ulong count, uint link, string reason)
    {
        plan.Patches.Add(new PackPatch(offset, length, null, null));
        plan.Steps.Add(new RepairStep(RepairKind.BatchesLost, plan.Id, offset, length, reason)
        {
            FirstLsn = before.LastLsn + 1,
            LastLsn = before.LastLsn + count,
        });
        ulong lsn = before.LastLsn + 1;
        ulong left = count;
        uint previous = before.Link;
        while (true)
        {
            bool isLast = length - BatchHeader.Size <= BatchHeader.MaxPayloadLength || left == 1;
            int payload = (int)Math.Min(length - BatchHeader.Size, BatchHeader.MaxPayloadLength);
            if (isLast && payload < length - BatchHeader.Size)
            {
                throw new StoreDamagedException(
                    $"pack {plan.Id}, offset {offset}: the {length} bytes of LSN {lsn} are more than a batch can have");
            }

            var header = new BatchHeader(lsn, lsn - 1, plan.Id, (uint)offset, previous, 0, 0, payload, Crc32C.Compute([]),
                IsRepaired: true, isLast ? link : previous, isLast ? (uint)(left - 1) : 0);
            byte[] bytes = new byte[BatchHeader.Size];
            header.Write(bytes);
            plan.Patches.Add(new PackPatch(offset, bytes.Length, bytes, null));
            if (isLast)
            {
                return;
            }

            offset += header.TotalLength;
            length -= header.TotalLength;
            lsn++;
            left--;
        }
    }
}
