using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>Counts what a target does; see <see cref="AoeCounters"/>. Safe from many threads; each count by itself.</summary>
internal sealed class TargetCounts(int chunkSize)
{
    private long _frames;
    private long _notAdmitted;
    private long _queueFull;
    private long _repetitions;
    private long _readFrames;
    private long _readBytes;
    private long _deviceReads;
    private long _writeFrames;
    private long _writeBytes;
    private long _groups;
    private long _flushes;
    private long _deviceWrites;
    private long _deviceWriteBytes;
    private long _wholeChunks;
    private long _partialChunks;

    /// <summary>Counts a frame for the target.</summary>
    public void Frame() => Interlocked.Increment(ref _frames);

    /// <summary>Counts a frame of somebody who is not admitted.</summary>
    public void NotAdmitted() => Interlocked.Increment(ref _notAdmitted);

    /// <summary>Counts what became of a request that was to wait.</summary>
    public void Enqueued(Enqueued outcome, bool isWrite, int length)
    {
        switch (outcome)
        {
            case Aoe.Enqueued.Full:
                Interlocked.Increment(ref _queueFull);
                break;
            case Aoe.Enqueued.Done or Aoe.Enqueued.Repeats:
                Interlocked.Increment(ref _repetitions);
                break;
            case Aoe.Enqueued.Waits when isWrite:
                Interlocked.Increment(ref _writeFrames);
                Interlocked.Add(ref _writeBytes, length);
                break;
            default:
                break;
        }
    }

    /// <summary>Counts reads that were done together.</summary>
    public void Reads(int frames, long bytes, int deviceReads)
    {
        Interlocked.Add(ref _readFrames, frames);
        Interlocked.Add(ref _readBytes, bytes);
        Interlocked.Add(ref _deviceReads, deviceReads);
    }

    /// <summary>Counts a group that was done.</summary>
    public void Group() => Interlocked.Increment(ref _groups);

    /// <summary>Counts a flush of the device.</summary>
    public void Flush() => Interlocked.Increment(ref _flushes);

    /// <summary>Counts writes of the device.</summary>
    public void Writes(ReadOnlySpan<BlockWrite> writes)
    {
        long bytes = 0;
        long whole = 0;
        long partial = 0;
        foreach (ref readonly BlockWrite write in writes)
        {
            long end = write.Offset + write.Data.Length;
            long touched = ((end + chunkSize - 1) / chunkSize) - (write.Offset / chunkSize);
            long covered = Math.Max(0, (end / chunkSize) - ((write.Offset + chunkSize - 1) / chunkSize));
            bytes += write.Data.Length;
            whole += covered;
            partial += touched - covered;
        }

        Interlocked.Add(ref _deviceWrites, writes.Length);
        Interlocked.Add(ref _deviceWriteBytes, bytes);
        Interlocked.Add(ref _wholeChunks, whole);
        Interlocked.Add(ref _partialChunks, partial);
    }

    /// <summary>The counts of this moment.</summary>
    public AoeCounters Read() => new()
    {
        Frames = Interlocked.Read(ref _frames),
        NotAdmitted = Interlocked.Read(ref _notAdmitted),
        QueueFull = Interlocked.Read(ref _queueFull),
        Repetitions = Interlocked.Read(ref _repetitions),
        ReadFrames = Interlocked.Read(ref _readFrames),
        ReadBytes = Interlocked.Read(ref _readBytes),
        DeviceReads = Interlocked.Read(ref _deviceReads),
        WriteFrames = Interlocked.Read(ref _writeFrames),
        WriteBytes = Interlocked.Read(ref _writeBytes),
        Groups = Interlocked.Read(ref _groups),
        Flushes = Interlocked.Read(ref _flushes),
        DeviceWrites = Interlocked.Read(ref _deviceWrites),
        DeviceWriteBytes = Interlocked.Read(ref _deviceWriteBytes),
        WholeChunks = Interlocked.Read(ref _wholeChunks),
        PartialChunks = Interlocked.Read(ref _partialChunks),
    };
}
