using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>Gathers chunks of volumes, in any order, and gives them as ranges of bytes. One thread.</summary>
/// <param name="maxChunks">How many are kept; bytes beyond are counted.</param>
internal sealed class RangeCollector(int maxChunks = RangeCollector.DefaultMaxChunks)
{
    /// <summary>How many chunks are kept unless told otherwise.</summary>
    public const int DefaultMaxChunks = 4096;

    private readonly List<(uint Volume, ulong Chunk)> _chunks = [];
    private long _moreBytes;

    /// <summary>Adds a chunk of a volume.</summary>
    public void Add(VolumeRecord volume, ulong chunk)
    {
        if (_chunks.Count < maxChunks)
        {
            _chunks.Add((volume.Id, chunk));
        }
        else
        {
            _moreBytes += volume.ChunkSize;
        }
    }

    /// <summary>
    /// The ranges, by volume and offset, at most <see cref="Finding.MaxRanges"/>, and how many bytes they leave out. What lies
    /// behind a volume's end is not there.
    /// </summary>
    public (IReadOnlyList<AffectedRange> Ranges, long MoreBytes) ToRanges(IReadOnlyDictionary<uint, VolumeRecord> volumes)
    {
        var ranges = new List<AffectedRange>();
        long more = _moreBytes;
        _chunks.Sort();
        foreach ((uint id, ulong chunk) in _chunks)
        {
            if (!volumes.TryGetValue(id, out VolumeRecord? volume) || chunk >= (ulong)((volume.Size - 1) / volume.ChunkSize) + 1)
            {
                continue;
            }

            long offset = (long)chunk * volume.ChunkSize;
            long length = Math.Min(volume.ChunkSize, volume.Size - offset);
            if (ranges is [.., { } last] && last.VolumeId == id && last.Offset + last.Length == offset)
            {
                ranges[^1] = last with { Length = last.Length + length };
            }
            else if (ranges.Count < Finding.MaxRanges)
            {
                ranges.Add(new AffectedRange(id, volume.Name, offset, length));
            }
            else
            {
                more += length;
            }
        }

        return (ranges, more);
    }
}
