using Voe.Server.Aoe.Ata;
using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>
/// Does a group of requests: writes and trims in their order, one flush if anything has to be durable, then the answers.
/// </summary>
/// <remarks>
/// An answer to a write is sent after a flush that began after the write had returned (P2), unless the disk has a write cache
/// that is on: then after the write (P1). Belongs to the queue's thread.
/// </remarks>
internal sealed class WriteCommitter
{
    private const int AnswersPerSend = 256;
    private const int VerifyPiece = 1 << 20;

    private readonly AoeTarget _target;
    private readonly IBlockDevice _device;
    private readonly WriteMerger _merger;
    private readonly AnswerBatch _answers = new(AnswersPerSend * AoeHeader.MinFrameSize, AnswersPerSend);
    private byte[] _verified = [];

    /// <summary>A committer for groups of at most <paramref name="maxEntries"/> requests.</summary>
    public WriteCommitter(AoeTarget target, int maxEntries)
    {
        _target = target;
        _device = target.Export.Device;
        _merger = new WriteMerger(maxEntries);
    }

    /// <summary>Does a group, and answers it.</summary>
    /// <param name="group">The group.</param>
    /// <param name="note">Called when it is known how every write ended, before its answer is sent.</param>
    public void Commit(WriteGroup group, Action<WriteGroup> note)
    {
        _target.Counts.Group();
        bool isCached = _target.Disk.IsWriteCacheOn;
        (bool hasChanges, bool hasFlushes) = Change(group);
        if (isCached || !(hasChanges || hasFlushes))
        {
            note(group);
            Answer(group, AtaAction.Write, AtaAction.Trim);
        }

        if (hasFlushes || (hasChanges && !isCached))
        {
            Flush(group, isCached);
        }

        if (!isCached && (hasChanges || hasFlushes))
        {
            note(group);
            Answer(group, AtaAction.Write, AtaAction.Trim);
        }

        Answer(group, AtaAction.Flush, AtaAction.Flush);
        if (Verify(group))
        {
            Answer(group, AtaAction.Verify, AtaAction.Verify);
        }

        _answers.Send();
    }

    /// <summary>Does the writes and trims; returns whether the device was changed, and whether there are flushes.</summary>
    private (bool HasChanges, bool HasFlushes) Change(WriteGroup group)
    {
        bool hasChanges = false;
        bool hasFlushes = false;
        int first = 0;
        for (int i = 0; i < group.Count; i++)
        {
            ref WriteEntry entry = ref group.Entries[i];
            hasFlushes |= entry.Action == AtaAction.Flush;
            if (entry.Action == AtaAction.Trim)
            {
                hasChanges |= Write(group, first, i) | Trim(ref entry, group.DataOf(entry).Span);
                first = i + 1;
            }
        }

        return (hasChanges | Write(group, first, group.Count), hasFlushes);
    }

    /// <summary>Writes what lies between two trims, together; returns whether any of it may be on the device.</summary>
    private bool Write(WriteGroup group, int first, int end)
    {
        _merger.Merge(group, first, end);
        if (_merger.Writes.IsEmpty)
        {
            return false;
        }

        try
        {
            _device.Write(_merger.Writes);
            _target.Counts.Writes(_merger.Writes);
            return true;
        }
        // Whatever a device does wrong, the thread lives on. One frame that cannot be written must not fail the others.
        catch (Exception)
        {
            return WriteOneByOne(group, first, end);
        }
    }

    private bool WriteOneByOne(WriteGroup group, int first, int end)
    {
        var one = new BlockWrite[1];
        foreach (ref WriteEntry entry in group.Entries[first..end])
        {
            if (entry.Action != AtaAction.Write)
            {
                continue;
            }

            one[0] = new BlockWrite(entry.Offset, group.DataOf(entry));
            try
            {
                _device.Write(one);
                _target.Counts.Writes(one);
            }
            // As in Write.
            catch (Exception failure)
            {
                entry.Failure = _target.Report(failure, AtaAction.Write);
            }
        }

        // Also what failed may have been done in part.
        return true;
    }

    private bool Trim(ref WriteEntry entry, ReadOnlySpan<byte> list)
    {
        long missing = AtaTrimList.FindMissing(list, _device.Size / AtaDisk.SectorSize);
        if (missing >= 0)
        {
            entry.Failure = new AoeFailure(AoeError.None, AtaFailure.NotFound);
            entry.FailedSector = missing;
            return false;
        }

        try
        {
            // Ranges of 65,535 sectors are how a larger one is said: trimmed one by one they would tear chunks.
            (long start, long end) = (0, 0);
            for (int i = 0; i < list.Length / AtaTrimList.EntrySize; i++)
            {
                (long sector, int count) = AtaTrimList.Read(list, i);
                if (count > 0 && sector != end)
                {
                    TrimSectors(start, end);
                    start = sector;
                }

                end = count > 0 ? sector + count : end;
            }

            TrimSectors(start, end);
        }
        // As in Write.
        catch (Exception failure)
        {
            entry.Failure = _target.Report(failure, AtaAction.Trim);
        }

        return true;
    }

    private void TrimSectors(long start, long end)
    {
        if (start < end)
        {
            _device.Trim(start * AtaDisk.SectorSize, (end - start) * AtaDisk.SectorSize);
        }
    }

    private void Flush(WriteGroup group, bool isCached)
    {
        try
        {
            _device.Flush();
            _target.Counts.Flush();
        }
        // As in Write.
        catch (Exception failure)
        {
            AoeFailure answer = _target.Report(failure, AtaAction.Flush);
            foreach (ref WriteEntry entry in group.Entries)
            {
                if (entry.Failure.IsNone && (entry.Action == AtaAction.Flush
                    || (!isCached && entry.Action is AtaAction.Write or AtaAction.Trim)))
                {
                    entry.Failure = answer;
                }
            }
        }
    }

    private bool Verify(WriteGroup group)
    {
        bool hasAny = false;
        foreach (ref WriteEntry entry in group.Entries)
        {
            if (entry.Action == AtaAction.Verify)
            {
                // It may take long: what is done is answered first.
                _answers.Send();
                hasAny = true;
                VerifyRange(ref entry);
            }
        }

        return hasAny;
    }

    private void VerifyRange(ref WriteEntry entry)
    {
        if (_verified.Length == 0)
        {
            _verified = GC.AllocateUninitializedArray<byte>(VerifyPiece, pinned: true);
        }

        long end = entry.Offset + entry.Length;
        int step = VerifyPiece;
        for (long offset = entry.Offset; offset < end;)
        {
            // Pieces end where the device's blocks do, so that no block is read twice.
            var length = (int)Math.Min(end - offset, step - (offset & (step - 1)));
            try
            {
                _device.Read([new BlockRead(offset, _verified.AsMemory(0, length))]);
                offset += length;
            }
            // As in Write; the piece is then looked at block by block, since a disk says which sector it was.
            catch (Exception) when (step > _device.PreferredBlockSize)
            {
                step = _device.PreferredBlockSize;
            }
            catch (Exception failure)
            {
                entry.Failure = _target.Report(failure, AtaAction.Verify);
                entry.FailedSector = offset / AtaDisk.SectorSize;
                return;
            }
        }
    }

    private void Answer(WriteGroup group, AtaAction action, AtaAction other)
    {
        foreach (ref readonly WriteEntry entry in group.Entries)
        {
            if (entry.Action != action && entry.Action != other)
            {
                continue;
            }

            _answers.Begin(entry.Port);
            if (entry.Failure.IsNone)
            {
                _answers.AddAta(entry.Frame, _target.Address, entry.Frame.Registers.Done());
            }
            else if (entry.FailedSector > 0 && entry.Failure.Error == AoeError.None)
            {
                AtaRegisters registers = entry.Frame.Registers.Failed(entry.Failure.Ata, (ulong)entry.FailedSector);
                _answers.AddAta(entry.Frame, _target.Address, registers);
            }
            else
            {
                _answers.AddFailure(entry.Frame, _target.Address, entry.Failure);
            }
        }

        _answers.Send();
    }
}
