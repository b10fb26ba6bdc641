using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>
/// Recognises initiators that read a target from front to back, and lets the device bring what comes next into its cache: many chunks
/// at once cost much less to verify than one by one, and a frame of 17 sectors, which ends inside a chunk, has no chunk verified twice.
/// </summary>
/// <remarks>Safe from many threads.</remarks>
/// <param name="device">The target's device.</param>
internal sealed class ReadAhead(IBlockDevice device)
{
    private const int Streams = 4;
    private const long Least = 128 << 10; // read in a row before anything is brought in
    private const long Step = 256 << 10;
    private const long Lead = 64 << 10;   // what is left of it when the next is brought in

    private readonly Lock _gate = new();
    private readonly Stream[] _streams = new Stream[Streams];
    private int _oldest;

    /// <summary>Notes that a range was read and answered, and brings in what follows if that is worth it.</summary>
    /// <exception cref="Store.StoreException">The device failed; who reads there will be told.</exception>
    public void Note(long offset, int length)
    {
        (long start, long end) = Plan(offset, length);
        if (end > start)
        {
            device.Prefetch(start, end - start);
        }
    }

    private (long Start, long End) Plan(long offset, int length)
    {
        long size = device.Size;
        lock (_gate)
        {
            int at = Find(offset);
            Stream read = _streams[at];
            long next = offset + length;
            long start = Math.Max(read.Ready, next);
            long end = Math.Min(start + Step, size);
            bool isDue = read.Length + length >= Least && start - next < Lead && end > start;
            _streams[at] = new Stream(next, read.Length + length, isDue ? end : read.Ready);
            return isDue ? (start, end) : default;
        }
    }

    // The stream that goes on there; a new one takes the place of the one that has been there longest.
    private int Find(long offset)
    {
        for (int i = 0; i < Streams; i++)
        {
            if (_streams[i].Next == offset && _streams[i].Length > 0)
            {
                return i;
            }
        }

        int oldest = _oldest;
        _oldest = (oldest + 1) % Streams;
        _streams[oldest] = default;
        return oldest;
    }

    /// <summary>A run of reads without a gap.</summary>
    /// <param name="Next">Where it goes on.</param>
    /// <param name="Length">How long it is.</param>
    /// <param name="Ready">Up to where the device has it in its cache.</param>
    private readonly record struct Stream(long Next, long Length, long Ready);
}
