using Voe.Store.Hashing;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>A chunk: where it is stored, whether it verifies there, and which volumes hold it.</summary>
internal static class ChunkDump
{
    /// <summary>Shows it, and gives its bytes to whoever wants them.</summary>
    /// <exception cref="DumpTargetException">It is not there, or its bytes are wanted and no place verifies.</exception>
    public static void Run(DumpSession session, DumpOptions options)
    {
        HashPrefix prefix = HashPrefix.Parse(options.Name);
        LogSurvey survey = session.ReadLogAndShowProblems();
        var finder = new ChunkFinder(session, survey);
        ChunkHash hash = finder.Find(prefix);
        byte[]? content = null;
        foreach (StoredPlace place in finder.Places)
        {
            bool isWhole = finder.TryRead(place, out byte[] plain, out string reason);
            content ??= isWhole ? plain : null;
            session.Show(new ChunkPlaceEntry(
                hash.ToString(), place.Pack, place.Offset, place.Lsn, DumpEntry.NameOf(place.Chunk.Codec), place.Chunk.Length,
                place.Chunk.StoredLength, DumpEntry.Hex(place.Chunk.Checksum), isWhole, isWhole ? null : reason));
        }

        ShowReferences(session, survey, hash, finder.Places.Count + finder.OmittedPlaces, finder.OmittedPlaces);
        if (options.Content is { } receiver)
        {
            receiver(content ?? throw new DumpTargetException($"no place of chunk {hash} verifies: there are no bytes to save"));
        }
    }

    private static void ShowReferences(DumpSession session, LogSurvey survey, ChunkHash hash, long places, long omittedPlaces)
    {
        var ranges = new RangeCollector();
        long count = 0;
        var replay = new MapReplay(survey.Catalog.Volumes, survey.End.LastLsn, (_, volume, chunk, held) =>
        {
            if (held == hash)
            {
                count++;
                ranges.Add(volume, chunk);
            }
        });
        session.ForEachTables(survey, isBackwards: true, "resolving the volumes' maps", replay.Apply);
        session.Show(new ChunkEntry(hash.ToString(), places, omittedPlaces, count));
        (IReadOnlyList<AffectedRange> shown, long more) = ranges.ToRanges(survey.Catalog.Volumes);
        foreach (AffectedRange range in shown)
        {
            session.Show(new ReferenceEntry(range.Volume, range.VolumeId, range.Offset, range.Length));
        }

        if (more > 0)
        {
            session.Show(new MoreReferencesEntry(more));
        }
    }
}
