using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;
using Voe.Store.Verify;
using Voe.Store.Volumes;

namespace Voe.Store.Repair;

/// <summary>Which chunks of volumes are lost: the map has their hashes, and the log has no chunk with them.</summary>
internal static class LostRanges
{
    private const int Step = 256;

    /// <summary>
    /// Goes through all maps: the hashes that are missing, with the chunk size of their volumes, and the ranges that are hurt.
    /// </summary>
    public static (Dictionary<ChunkHash, int> Missing, List<AffectedRange> Ranges) Find(StoreEngine engine)
    {
        Dictionary<ChunkHash, int> missing = [];
        List<AffectedRange> ranges = [];
        foreach (VolumeState volume in engine.Catalog.List())
        {
            Find(engine, volume.Record, missing, ranges);
        }

        return (missing, ranges);
    }

    private static void Find(StoreEngine engine, VolumeRecord record, Dictionary<ChunkHash, int> missing, List<AffectedRange> ranges)
    {
        MapEntry[] entries = new MapEntry[Step];
        ulong chunks = (ulong)((record.Size + record.ChunkSize - 1) / record.ChunkSize);
        for (ulong at = 0; at < chunks;)
        {
            at = engine.Index.FindMapped(record.Id, at, chunks);
            int count = (int)Math.Min(Step, chunks - at);
            engine.Index.ReadMap(record.Id, at, entries.AsSpan(0, count));
            for (int i = 0; i < count; i++)
            {
                if (!entries[i].IsHole && entries[i].Location.IsLost && engine.Chunks.Find(entries[i].Hash).IsNone)
                {
                    missing[entries[i].Hash] = record.ChunkSize;
                    Add(ranges, record, at + (ulong)i);
                }
            }

            at += (ulong)count;
        }
    }

    private static void Add(List<AffectedRange> ranges, VolumeRecord record, ulong chunk)
    {
        long offset = (long)chunk * record.ChunkSize;
        long length = Math.Min(record.ChunkSize, record.Size - offset);
        if (ranges.Count > 0 && ranges[^1].VolumeId == record.Id && ranges[^1].Offset + ranges[^1].Length == offset)
        {
            ranges[^1] = ranges[^1] with { Length = ranges[^1].Length + length };
        }
        else
        {
            ranges.Add(new AffectedRange(record.Id, record.Name, offset, length));
        }
    }
}
