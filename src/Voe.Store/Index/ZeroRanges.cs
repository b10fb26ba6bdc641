namespace Voe.Store.Index;

/// <summary>
/// Ranges of volumes that were made holes in one generation of changes. Immutable: adding gives a new set, so readers need
/// no lock.
/// </summary>
/// <remarks>Invariant: sorted by volume, then by first chunk; ranges of a volume neither overlap nor touch.</remarks>
internal sealed class ZeroRanges
{
    private readonly Range[] _ranges;

    private ZeroRanges(Range[] ranges) => _ranges = ranges;

    /// <summary>No ranges.</summary>
    public static ZeroRanges Empty { get; } = new([]);

    /// <summary>Number of ranges.</summary>
    public int Count => _ranges.Length;

    /// <summary>The ranges, in order.</summary>
    public ReadOnlySpan<Range> Ranges => _ranges;

    /// <summary>Whether the chunk lies in one of the ranges.</summary>
    public bool Contains(uint volume, ulong chunk)
    {
        int index = IndexAfter(volume, chunk) - 1;
        return index >= 0 && _ranges[index].Volume == volume && chunk < _ranges[index].End;
    }

    /// <summary>Whether any range of the volume reaches into <c>[first, end)</c>.</summary>
    public bool Overlaps(uint volume, ulong first, ulong end)
    {
        int index = IndexAfter(volume, first) - 1;
        if (index >= 0 && _ranges[index].Volume == volume && first < _ranges[index].End)
        {
            return true;
        }

        index++;
        return index < _ranges.Length && _ranges[index].Volume == volume && _ranges[index].First < end;
    }

    /// <summary>The set with one more range, merged with those that it overlaps or touches.</summary>
    public ZeroRanges Add(uint volume, ulong first, ulong end)
    {
        int from = IndexAfter(volume, first);
        if (from > 0 && _ranges[from - 1].Volume == volume && _ranges[from - 1].End >= first)
        {
            from--;
            first = _ranges[from].First;
        }

        int to = from;
        while (to < _ranges.Length && _ranges[to].Volume == volume && _ranges[to].First <= end)
        {
            end = Math.Max(end, _ranges[to].End);
            to++;
        }

        return new ZeroRanges([.. _ranges.AsSpan(0, from), new Range(volume, first, end), .. _ranges.AsSpan(to)]);
    }

    // Index of the first range that begins after the chunk.
    private int IndexAfter(uint volume, ulong chunk)
    {
        int low = 0;
        int high = _ranges.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            ref readonly var range = ref _ranges[middle];
            if (range.Volume < volume || (range.Volume == volume && range.First <= chunk))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>A half-open range of chunks of one volume.</summary>
    /// <param name="Volume">The volume's id.</param>
    /// <param name="First">First chunk.</param>
    /// <param name="End">The chunk after the last.</param>
    internal readonly record struct Range(uint Volume, ulong First, ulong End);
}
