using Voe.Store.Hashing;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>
/// Finds what all volumes hold at some batch of the log, by reading it from there backwards: of each chunk the first word counts.
/// So no map has to be kept, only which chunks were met. One thread.
/// </summary>
/// <param name="volumes">The volumes at that batch.</param>
/// <param name="through">That batch.</param>
/// <param name="visitor">
/// Told of each chunk of a volume that is no hole, once: the batch that wrote it, volume, number, hash; or null.
/// </param>
internal sealed class MapReplay(
    IReadOnlyDictionary<uint, VolumeRecord> volumes, ulong through, Action<BatchHeader, VolumeRecord, ulong, ChunkHash>? visitor)
{
    // Where the records of a table begin, since it is read from its end.
    private readonly List<int> _starts = [];

    /// <summary>What each volume holds. When all packs are done.</summary>
    public Dictionary<uint, VolumeCoverage> Coverage { get; } = [];

    /// <summary>Goes on with the pack before.</summary>
    public void Apply(PackTables pack)
    {
        for (int i = pack.Count - 1; i >= 0; i--)
        {
            if (pack.Headers[i].LastLsn <= through)
            {
                ApplyBatch(pack.Headers[i], pack.Table(i));
            }
        }
    }

    private void ApplyBatch(in BatchHeader header, ReadOnlySpan<byte> table)
    {
        _starts.Clear();
        try
        {
            var records = new RecordTableReader(table);
            for (int start = 0; records.MoveNext(); start += RecordFormat.HeaderSize + records.Body.Length)
            {
                _starts.Add(start);
            }
        }
        catch (InvalidDataException)
        {
            // Reported by the survey; the records before it count.
        }

        for (int i = _starts.Count - 1; i >= 0; i--)
        {
            var record = new RecordTableReader(table[_starts[i]..]);
            _ = record.MoveNext();
            if (record.Kind is RecordKind.Extent or RecordKind.Zero && volumes.TryGetValue(record.Volume, out VolumeRecord? volume))
            {
                ApplyRecord(header, record, volume);
            }
        }
    }

    private void ApplyRecord(in BatchHeader header, in RecordTableReader record, VolumeRecord volume)
    {
        if (!Coverage.TryGetValue(volume.Id, out VolumeCoverage? coverage))
        {
            Coverage.Add(volume.Id, coverage = new VolumeCoverage());
        }

        if (record.Kind == RecordKind.Zero)
        {
            coverage.Zero(record.FirstChunk, record.ZeroCount);
            return;
        }

        for (int i = 0; i < record.HashCount; i++)
        {
            ChunkHash hash = record.GetHash(i);
            ulong chunk = record.FirstChunk + (ulong)i;
            if (coverage.TrySet(chunk, hash))
            {
                visitor?.Invoke(header, volume, chunk, hash);
            }
        }
    }
}
