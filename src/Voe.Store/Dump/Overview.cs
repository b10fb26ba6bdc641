using Voe.Store.Log;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>The store as a whole: superblock, packs, volumes, the end of the log.</summary>
internal static class Overview
{
    /// <summary>Shows it. What is wrong with a pack follows the pack's line.</summary>
    public static void Run(DumpSession session)
    {
        LogSurvey survey = session.ReadLog();
        Superblock superblock = session.Superblock;
        session.Show(new StoreEntry(superblock.StoreId, DumpEntry.NameOf(superblock.HashAlgorithm), superblock.CreatedUnixMs));
        (IReadOnlyList<Finding> findings, long omitted) = session.TakeFindings();
        ILookup<uint, Finding> byPack = findings.ToLookup(static finding => finding.PackId);
        ShowProblems(session, byPack[0]);
        Dictionary<uint, PackSurvey> packs = survey.Packs.ToDictionary(static pack => pack.Id);
        foreach (uint id in packs.Keys.Concat(byPack.Select(static group => group.Key)).Where(static id => id != 0).Distinct().Order())
        {
            if (packs.TryGetValue(id, out PackSurvey? pack))
            {
                session.Show(Entry(session, pack));
            }

            ShowProblems(session, byPack[id]);
        }

        session.ShowOmitted(omitted);
        ShowVolumes(session, survey);
        session.Show(new EndEntry(survey.End.LastLsn, survey.End.PackId, survey.End.Offset));
    }

    private static void ShowProblems(DumpSession session, IEnumerable<Finding> findings)
    {
        foreach (Finding finding in findings)
        {
            session.Show(ProblemEntry.Of(finding));
        }
    }

    private static PackEntry Entry(DumpSession session, PackSurvey pack)
    {
        ulong? last = pack.Footer?.LastLsn;
        if (pack.Runs.Count > 0 && last is null)
        {
            session.Guard(pack.Id, file => last = PackTables.Load(pack, file).Headers.LastOrDefault().LastLsn);
        }

        ulong? first = pack.Runs.Count > 0 ? pack.Runs[0].FirstLsn : null;
        return new PackEntry(
            pack.Id, pack.Length, first, first is null ? null : last, pack.Footer is not null, pack.Batches, pack.Chunks);
    }

    private static void ShowVolumes(DumpSession session, LogSurvey survey)
    {
        LogCatalog catalog = survey.Catalog;
        var replay = new MapReplay(catalog.Volumes, survey.End.LastLsn, visitor: null);
        session.ForEachTables(survey, isBackwards: true, "resolving the volumes' maps", replay.Apply);
        foreach (VolumeRecord volume in catalog.Volumes.Values.OrderBy(static volume => volume.Id))
        {
            long mapped = replay.Coverage.TryGetValue(volume.Id, out VolumeCoverage? coverage) ? coverage.Mapped : 0;
            session.Show(VolumeEntry.Of(volume, mapped));
            if (catalog.Roots.TryGetValue(volume.Id, out var root))
            {
                session.Show(new RootRecordEntry(volume.Id, root.Root.ToString(), CoveredLsn: null));
            }
        }

        foreach (SnapshotRecord snapshot in catalog.Snapshots.Values
            .OrderBy(static snapshot => snapshot.Volume).ThenBy(static snapshot => snapshot.Name, StringComparer.Ordinal))
        {
            session.Show(SnapshotEntry.Of(snapshot));
        }
    }
}
