using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>
/// What the log changed since a position: where the index as it was then is no witness any more. Bounded by the log between two
/// checkpoints.
/// </summary>
internal sealed class TouchedSince
{
    private readonly HashSet<(uint Volume, ulong Chunk)> _chunks = [];
    private readonly List<(uint Volume, ulong First, ulong End)> _ranges = [];
    private readonly HashSet<uint> _volumes = [];

    /// <summary>Reads the log from a position on, or from behind the gap that the position lies in.</summary>
    public static TouchedSince Read(PackSet packs, in LogPosition start)
    {
        var touched = new TouchedSince();
        foreach (uint id in packs.ListIds())
        {
            if (id < start.PackId)
            {
                continue;
            }

            using PackSet.Lease lease = packs.Acquire(id);
            byte[] bytes = new byte[PackHeader.Size];
            if (!PackHeader.TryRead(bytes.AsSpan(0, lease.File.Read(bytes, 0)), out PackHeader header, out _))
            {
                break;
            }

            var reader = BatchReader.OverFile(lease.File, id, PackHeader.Size);
            (ulong lsn, uint link) = (header.FirstLsn, header.PreviousChecksum);
            while (reader.TryRead(lsn, link))
            {
                (lsn, link) = (reader.Header.LastLsn + 1, reader.Link);
                if (reader.Header.Lsn > start.LastLsn)
                {
                    touched.Add(reader.Table);
                }
            }
        }

        return touched;
    }

    /// <summary>Whether the chunk was written or zeroed since.</summary>
    public bool HasChunk(uint volume, ulong chunk) => _chunks.Contains((volume, chunk))
        || _ranges.Exists(range => range.Volume == volume && chunk >= range.First && chunk < range.End);

    /// <summary>Whether the volume was made, changed or deleted since.</summary>
    public bool HasVolume(uint volume) => _volumes.Contains(volume);

    private void Add(ReadOnlySpan<byte> table)
    {
        var records = new RecordTableReader(table);
        while (records.MoveNext())
        {
            switch (records.Kind)
            {
                case RecordKind.Extent:
                    for (int i = 0; i < records.HashCount; i++)
                    {
                        _chunks.Add((records.Volume, records.FirstChunk + (ulong)i));
                    }

                    break;
                case RecordKind.Zero:
                    _ranges.Add((records.Volume, records.FirstChunk, records.FirstChunk + records.ZeroCount));
                    break;
                case RecordKind.Volume:
                    _volumes.Add(records.GetVolume().Id);
                    break;
                case RecordKind.VolumeDeleted:
                    _volumes.Add(records.Volume);
                    _ranges.Add((records.Volume, 0, ulong.MaxValue));
                    break;
                default:
                    break;
            }
        }
    }
}
