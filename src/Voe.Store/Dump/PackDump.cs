using System.Globalization;
using Voe.Store.Packs;

namespace Voe.Store.Dump;

/// <summary>A pack or a batch, as the pack's file has it.</summary>
internal static class PackDump
{
    /// <summary>Shows a pack: header, footer, a line for each batch.</summary>
    public static void RunPack(DumpSession session, string name)
    {
        if (!uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) || id == 0)
        {
            throw new DumpTargetException($"\"{name}\" is no number of a pack: 1 or more expected");
        }

        List<uint> ids = session.Packs.ListIds();
        if (!ids.Contains(id))
        {
            throw new DumpTargetException(ids.Count == 0
                ? $"there is no pack {id}: the store has no packs"
                : $"there is no pack {id}: the store has {ids.Count}, from {ids[0]} to {ids[^1]}");
        }

        bool isRead = session.Guard(id, file =>
        {
            var walk = new PackWalk(file, id, (offset, message) => session.Show(ProblemEntry.In(id, offset, message)));
            ShowEnds(session, id, walk);
            long count = 0;
            walk.Run(batch =>
            {
                count++;
                session.Show(BatchEntry.Of(batch));
                return true;
            });
            session.Show(new PackEndEntry(id, walk.End, count, walk.Footer is not null));
        });
        if (!isRead)
        {
            throw new DumpTargetException($"pack {id} cannot be read");
        }
    }

    /// <summary>Shows a batch: header and records. The packs' headers and footers tell which packs may have it.</summary>
    public static void RunBatch(DumpSession session, string name)
    {
        if (!ulong.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out ulong lsn) || lsn == 0)
        {
            throw new DumpTargetException($"\"{name}\" is no LSN: a number of 1 or more expected");
        }

        bool isFound = false;
        foreach (uint id in Candidates(session, lsn))
        {
            session.Guard(id, file =>
            {
                var problems = new List<ProblemEntry>();
                var walk = new PackWalk(file, id, (offset, message) => KeepLast(problems, ProblemEntry.In(id, offset, message)));
                walk.Run(batch =>
                {
                    if (lsn < batch.Header.Lsn || lsn > batch.Header.LastLsn)
                    {
                        return true;
                    }

                    isFound = true;
                    foreach (ProblemEntry problem in problems.Where(problem => problem.Offset == batch.Header.Offset))
                    {
                        session.Show(problem);
                    }

                    session.Show(BatchEntry.Of(batch) with { IsDetailed = true });
                    RecordDump.Show(session, batch);
                    return false;
                });
            });
            if (isFound)
            {
                return;
            }
        }

        throw new DumpTargetException($"there is no batch with LSN {lsn}");
    }

    private static void ShowEnds(DumpSession session, uint id, PackWalk walk)
    {
        session.Show(walk.Header is { } header
            ? PackHeaderEntry.Of(header, walk.Length)
            : ProblemEntry.In(id, 0, walk.HeaderReason));
        if (walk.Footer is { } footer)
        {
            session.Show(PackFooterEntry.Of(footer));
        }
        else if (!string.Equals(walk.FooterReason, PackFooter.Missing, StringComparison.Ordinal))
        {
            session.Show(ProblemEntry.In(id, Math.Max(0, walk.Length - PackFooter.Size), walk.FooterReason));
        }
    }

    // Only those of the batch itself are shown: the last few.
    private static void KeepLast(List<ProblemEntry> problems, ProblemEntry problem)
    {
        const int Kept = 4;
        if (problems.Count == Kept)
        {
            problems.RemoveAt(0);
        }

        problems.Add(problem);
    }

    // The packs that may have that batch: the last that begins at or before it, and those that do not say where they begin.
    private static List<uint> Candidates(DumpSession session, ulong lsn)
    {
        var unknown = new List<uint>();
        uint best = 0;
        ulong bestLsn = 0;
        foreach (uint id in session.Packs.ListIds())
        {
            ulong? first = null;
            session.Guard(id, file =>
            {
                var walk = new PackWalk(file, id, static (_, _) => { });
                first = walk.Header?.FirstLsn ?? walk.Footer?.FirstLsn;
            });
            if (first is null)
            {
                unknown.Add(id);
            }
            else if (first <= lsn && first >= bestLsn)
            {
                (best, bestLsn) = (id, first.Value);
            }
        }

        return best == 0 ? unknown : [best, .. unknown];
    }
}
