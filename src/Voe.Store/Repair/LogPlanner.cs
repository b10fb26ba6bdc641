using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>
/// Plans the repair of a log: goes through the packs in order, and where something durable is missing, finds where the log goes
/// on. Changes nothing.
/// </summary>
internal sealed class LogPlanner
{
    private readonly PackFiles _survey;
    private readonly IReadOnlyList<PackFiles> _others;
    private readonly Superblock _superblock;
    private readonly ChunkHasher _hasher;
    private readonly LogPosition _checkpoint;
    private readonly Action<long, long> _progress;
    private readonly LogPlan _plan = new();
    private readonly Dictionary<uint, (PackHeader? Header, PackFooter? Footer)> _ends = [];
    private readonly uint _lastId;
    private LogCursor _cursor;

    private LogPlanner(
        PackFiles survey, IReadOnlyList<PackFiles> others, in Superblock superblock, in LogPosition checkpoint,
        Action<long, long> progress)
    {
        _survey = survey;
        _others = others;
        _superblock = superblock;
        _hasher = ChunkHasher.For(superblock.HashAlgorithm);
        _checkpoint = checkpoint;
        _progress = progress;
        _lastId = Math.Max(checkpoint.PackId, survey.Files.Keys.DefaultIfEmpty().Max());
        _plan.IsIndexOfLog = checkpoint.LastLsn == 0;
    }

    /// <summary>Plans the repair.</summary>
    /// <param name="survey">The store's packs.</param>
    /// <param name="others">Packs of other copies of the same store.</param>
    /// <param name="superblock">The store's superblock.</param>
    /// <param name="checkpoint">Up to where the index has the log; the default when there is none.</param>
    /// <param name="progress">Called with bytes of packs done and bytes in all.</param>
    public static LogPlan Run(
        PackFiles survey, IReadOnlyList<PackFiles> others, in Superblock superblock, in LogPosition checkpoint,
        Action<long, long> progress) =>
        new LogPlanner(survey, others, superblock, checkpoint, progress).Run();

    private LogPlan Run()
    {
        ReadEnds();
        long total = _survey.Files.Values.Sum(static file => file.Length);
        long done = 0;
        for (uint id = 1; id <= _lastId; id++)
        {
            PackEnd end = PlanPack(id);
            done += _survey.Files.TryGetValue(id, out SurveyedFile? file) ? file.Length : 0;
            _progress(done, total);
            if (end == PackEnd.LogEnds)
            {
                break;
            }
        }

        return _plan;
    }

    // What headers and footers say of where packs begin, and of what was durable.
    private void ReadEnds()
    {
        _plan.DurableLsn = _checkpoint.LastLsn;
        foreach ((uint id, SurveyedFile file) in _survey.Files)
        {
            using PackCopy copy = PackCopy.Open(id, file.Source, _superblock.StoreId);
            _ends[id] = (copy.Header, copy.Footer);
            _plan.DurableLsn = Math.Max(_plan.DurableLsn, copy.Header?.DurableLsn ?? 0);
            _plan.DurableLsn = Math.Max(_plan.DurableLsn, copy.Footer?.LastLsn ?? 0);
        }
    }

    private PackEnd PlanPack(uint id)
    {
        PackSource? source = _survey.Files.GetValueOrDefault(id)?.Source;
        PackCopy? own = source is null ? null : PackCopy.Open(id, source, _superblock.StoreId);
        List<PackCopy> others = [];
        try
        {
            foreach (PackFiles other in _others)
            {
                if (other.Files.TryGetValue(id, out SurveyedFile? file))
                {
                    others.Add(PackCopy.Open(id, file.Source, _superblock.StoreId));
                }
            }

            return PlanPack(id, source, own, others);
        }
        finally
        {
            own?.Dispose();
            others.ForEach(static other => other.Dispose());
        }
    }

    private PackEnd PlanPack(uint id, PackSource? source, PackCopy? own, List<PackCopy> others)
    {
        var plan = new PackPlan(id, source, _cursor);
        if (own is not null && IsBehindEnd(id, own))
        {
            _plan.Steps.Add(new RepairStep(RepairKind.TailCut, id, 0, own.Length, "nothing in the pack ever was durable"));
            return PackEnd.LogEnds;
        }

        var planner = new PackPlanner(plan, own, others, _hasher, _plan.DurableLsn, cursor => NextPackGoesOn(id, cursor));
        PackEnd end = planner.Run();
        if (source is null && plan.EndOffset > PackHeader.Size)
        {
            plan.Steps.Add(new RepairStep(RepairKind.BatchRestored, id, 0, plan.EndOffset,
                $"the file {PackSet.FileName(id)} is missing; its batches come from a copy of the store")
            {
                FirstLsn = plan.Start.LastLsn + 1,
                LastLsn = plan.End.LastLsn,
            });
        }

        _plan.DurableLsn = Math.Max(_plan.DurableLsn, planner.TailDurableLsn);
        if (end == PackEnd.LogEnds)
        {
            NoteTail(id, plan, own);
        }
        else
        {
            LeadOn(id, plan, planner, end);
        }

        if (own is not null)
        {
            CheckEnds(plan, own, end);
        }

        NoteCheckpoint(plan);
        _cursor = plan.End;
        if (source is not null || plan.EndOffset > PackHeader.Size)
        {
            _plan.Packs.Add(plan);
        }

        return end;
    }

    // Whether a pack of which no header says that it follows, or no header is there, is a part of the torn tail.
    private bool IsBehindEnd(uint id, PackCopy own)
    {
        bool follows = own.Header is { } header && header.FirstLsn == _cursor.LastLsn + 1 && header.PreviousChecksum == _cursor.Link;
        return !follows && _plan.DurableLsn <= _cursor.LastLsn
            && Recovery.TailScan.Run(own.File, id, 0).DurableLsn <= _cursor.LastLsn;
    }

    private bool NextPackGoesOn(uint id, LogCursor cursor) =>
        _ends.TryGetValue(id + 1, out (PackHeader? Header, PackFooter? Footer) next) && next.Header is { } header
        && header.FirstLsn == cursor.LastLsn + 1 && header.PreviousChecksum == cursor.Link;

    // Where the pack's end is not where the next one begins, puts a gap between.
    private void LeadOn(uint id, PackPlan plan, PackPlanner planner, PackEnd end)
    {
        (ulong first, uint link, uint between) = FindNext(id, plan.End);
        ulong missing = first - 1 - plan.End.LastLsn; // may wrap; then nothing fits
        bool isMissing = plan.Own is null && plan.EndOffset == PackHeader.Size;
        if (first <= plan.End.LastLsn)
        {
            throw new StoreDamagedException($"pack {id}: the log goes on with LSN {first} after LSN {plan.End.LastLsn}: packs of different "
                + "histories are mixed, which cannot be repaired");
        }

        if (missing == 0 || (end == PackEnd.Known && between > 0 && !isMissing))
        {
            RequireLinked(id, missing > 0 || link == plan.End.Link || between > 0);
            return;
        }

        // Packs that are missing take one LSN each, the last of them the rest; this one what is left.
        ulong count = between > 0 ? isMissing ? 1 : missing > between ? missing - between : 0 : missing;
        if (count == 0)
        {
            return;
        }

        long length = end == PackEnd.Lost ? planner.LengthOfRest() : BatchHeader.Size;
        string reason = isMissing ? $"the file {PackSet.FileName(id)} is missing" : "nothing whole is left of what comes next in this pack";
        PackPlanner.AddFinalGap(plan, length, count, count == missing ? link : plan.End.Link, reason);
    }

    private static void RequireLinked(uint id, bool isLinked)
    {
        if (!isLinked)
        {
            throw new StoreDamagedException($"pack {id + 1} does not link to pack {id}, though no LSN is missing between them: packs of "
                + "different histories are mixed, which cannot be repaired");
        }
    }

    private void NoteTail(uint id, PackPlan plan, PackCopy? own)
    {
        long used = own is null ? 0 : Recovery.TailScan.Run(own.File, id, plan.EndOffset).UsedBytes;
        if (used > 0)
        {
            _plan.Steps.Add(new RepairStep(RepairKind.TailCut, id, plan.EndOffset, used, "nothing says that it ever was durable"));
        }
    }

    // Where the log goes on behind a pack: the first LSN that is known, what it links to, and how many packs between need
    // one or more for themselves.
    private (ulong FirstLsn, uint Link, uint Between) FindNext(uint id, LogCursor end)
    {
        uint between = 0;
        for (uint next = id + 1; next <= _lastId; next++)
        {
            (PackHeader? header, PackFooter? _) = _ends.GetValueOrDefault(next);
            if (header is { } known)
            {
                return (known.FirstLsn, known.PreviousChecksum, between);
            }

            foreach (PackFiles survey in _others.Prepend(_survey))
            {
                if (!survey.Files.TryGetValue(next, out SurveyedFile? file))
                {
                    continue;
                }

                using PackCopy copy = PackCopy.Open(next, file.Source, _superblock.StoreId);
                if (copy.FirstRepeated is { } repeated)
                {
                    return (repeated.Header.Lsn, repeated.Header.PreviousChecksum, between);
                }

                if (copy.Header is { } other)
                {
                    return (other.FirstLsn, other.PreviousChecksum, between);
                }

                if (copy.TryReadBatch(PackHeader.Size, out FoundBatch? first, out _) || first is not null)
                {
                    return (first!.Header.Lsn, first.Header.PreviousChecksum, between);
                }

                foreach ((FoundBatch later, _) in BatchScan.FindChains(copy, next, PackHeader.Size, end.LastLsn))
                {
                    return (later.Header.Lsn, later.Header.PreviousChecksum, between + 1);
                }
            }

            between++;
        }

        // Nothing: as much as is known to have been.
        ulong last = Math.Max(Math.Max(_plan.DurableLsn, end.LastLsn), end.LastLsn + between);
        return (last + 1, end.Link, between);
    }

    // Header and footer of a pack whose batches are known.
    private static void CheckEnds(PackPlan plan, PackCopy own, PackEnd end)
    {
        if (own.Header is not { } header || header.FirstLsn != plan.Start.LastLsn + 1 || header.PreviousChecksum != plan.Start.Link)
        {
            string reason = own.Header is null ? own.HeaderFault : $"it begins with LSN {own.Header.Value.FirstLsn}, "
                + $"LSN {plan.Start.LastLsn + 1} expected";
            plan.Steps.Add(new RepairStep(RepairKind.PackHeaderRestored, plan.Id, 0, PackHeader.Size, reason));
        }

        bool hasFooter = own.Footer is { } footer;
        bool isRight = own.IsFooterWhole && own.Footer!.Value.DataEnd == plan.EndOffset && own.Footer.Value.LastLsn == plan.End.LastLsn
            && own.Footer.Value.LastChecksum == plan.End.Link && RepeatsAll(plan, own);
        bool isGarbage = !hasFooter && end == PackEnd.Known && plan.EndOffset > PackHeader.Size
            && Recovery.TailScan.Run(own.File, plan.Id, plan.EndOffset).UsedBytes > 0;
        if ((hasFooter && !isRight) || isGarbage)
        {
            string reason = own.FooterFault.Length > 0 ? own.FooterFault : "the footer does not fit the pack";
            long length = Math.Max(0, own.Length - plan.EndOffset);
            plan.Steps.Add(new RepairStep(RepairKind.FooterRestored, plan.Id, plan.EndOffset, length, reason));
        }
    }

    private static bool RepeatsAll(PackPlan plan, PackCopy own)
    {
        int count = 0;
        for (long offset = PackHeader.Size; offset < plan.EndOffset; count++)
        {
            if (own.FindRepeated(offset) is not { } repeated)
            {
                return false;
            }

            if (plan.Steps.Count == 0 && own.TryReadBatch(offset, out FoundBatch? batch, out _)
                && !batch.Bytes.AsSpan().SequenceEqual(repeated.Bytes))
            {
                return false;
            }

            offset += repeated.Header.TotalLength;
        }

        return count == own.RepeatedCount && count == own.Footer!.Value.BatchCount;
    }

    // The index counts as this log's when its position is a place between two batches, or inside what is lost.
    private void NoteCheckpoint(PackPlan plan)
    {
        if (_checkpoint.PackId == plan.Id && _checkpoint.LastLsn >= plan.Start.LastLsn && _checkpoint.LastLsn <= plan.End.LastLsn)
        {
            _plan.IsIndexOfLog = true;
        }
    }
}
