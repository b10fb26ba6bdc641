namespace Voe.Server.Aoe;

/// <summary>
/// What a target has done since it began. Bytes and chunks are those of its device, before deduplication and compression.
/// </summary>
internal readonly record struct AoeCounters
{
    /// <summary>Frames for it, of whatever kind, that it answered or dropped.</summary>
    public long Frames { get; init; }

    /// <summary>Frames that were dropped since their sender is not admitted.</summary>
    public long NotAdmitted { get; init; }

    /// <summary>Frames that were dropped since the queue of writes was full; initiators send them again.</summary>
    public long QueueFull { get; init; }

    /// <summary>Writes that were recognized as repetitions, and not done again.</summary>
    public long Repetitions { get; init; }

    /// <summary>Reads.</summary>
    public long ReadFrames { get; init; }

    /// <summary>Bytes that were read.</summary>
    public long ReadBytes { get; init; }

    /// <summary>Reads that the device was asked for; frames that adjoin are one.</summary>
    public long DeviceReads { get; init; }

    /// <summary>Writes.</summary>
    public long WriteFrames { get; init; }

    /// <summary>Bytes of those writes.</summary>
    public long WriteBytes { get; init; }

    /// <summary>Groups that were written and, if they had to be, flushed together.</summary>
    public long Groups { get; init; }

    /// <summary>Flushes of the device.</summary>
    public long Flushes { get; init; }

    /// <summary>Writes that the device was given; frames that adjoin or overlap are one.</summary>
    public long DeviceWrites { get; init; }

    /// <summary>Bytes of those writes: fewer than <see cref="WriteBytes"/> when a group wrote sectors twice.</summary>
    public long DeviceWriteBytes { get; init; }

    /// <summary>Chunks that those writes cover whole.</summary>
    public long WholeChunks { get; init; }

    /// <summary>Chunks that those writes cover in part, so that a device that stores whole chunks reads them first.</summary>
    public long PartialChunks { get; init; }

    /// <summary>Bytes that a device which stores whole chunks writes for each byte of the initiators; 0 before the first write.</summary>
    public double Amplification(int chunkSize) => WriteBytes == 0 ? 0 : (double)(WholeChunks + PartialChunks) * chunkSize / WriteBytes;
}
