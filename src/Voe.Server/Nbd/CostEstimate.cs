using System.Diagnostics;

namespace Voe.Server.Nbd;

/// <summary>
/// Guesses from the last groups of one kind how long the next one will take: to tell what is quick (memory, page cache)
/// from what is worth handing the reader role over for (disk, compression). Threads may race on it; a lost sample does
/// no harm.
/// </summary>
internal sealed class CostEstimate
{
    // A hand-over costs some microseconds on both threads and pays when the work is much longer.
    private const double DefaultLongMicroseconds = 150;

    // More than that for a unit is no longer the processor's work, but waiting for a disk.
    private const double WaitingMicroseconds = 15;

    // What is worth two processors, when it waits for nothing: small requests come and go faster together than split up.
    private const long LargeLength = 256 << 10;
    private const double Weight = 1.0 / 8;
    private const int UnitSize = 4096;

    // Below that many the calls of the device would cost more than the waiting that they save.
    private const int MinGroup = 4;

    private static readonly double MicrosecondsPerTick = 1e6 / Stopwatch.Frequency;

    private readonly double _longMicroseconds;
    private double _microsecondsPerUnit;

    /// <summary>An estimate that knows nothing yet, and takes work to be quick.</summary>
    /// <param name="longMicroseconds">What is long.</param>
    public CostEstimate(double longMicroseconds = DefaultLongMicroseconds) => _longMicroseconds = longMicroseconds;

    /// <summary>Whether that many requests with that many bytes will probably take long.</summary>
    public bool IsLong(int count, long length) => Units(count, length) * Volatile.Read(ref _microsecondsPerUnit) > _longMicroseconds;

    /// <summary>
    /// Whether that many requests with that many bytes will probably take long and another thread could do something
    /// meanwhile: since they wait, or since they are large and there is a processor for it.
    /// </summary>
    public bool IsWorthSharing(int count, long length, bool hasIdleProcessor) =>
        IsLong(count, length) && (IsWaiting || (hasIdleProcessor && length >= LargeLength));

    /// <summary>How many requests of one unit of bytes one worker should do at a time, up to <paramref name="max"/>.</summary>
    public int GroupLimit(int max)
    {
        double each = 2 * Volatile.Read(ref _microsecondsPerUnit);
        return !IsWaiting || each * max <= _longMicroseconds ? max : Math.Max(MinGroup, (int)(_longMicroseconds / each));
    }

    /// <summary>Learns from a group that began at the timestamp <paramref name="start"/> and is done now.</summary>
    public void Record(int count, long length, long start)
    {
        double sample = (Stopwatch.GetTimestamp() - start) * MicrosecondsPerTick / Units(count, length);
        double old = Volatile.Read(ref _microsecondsPerUnit);
        Volatile.Write(ref _microsecondsPerUnit, old + ((sample - old) * Weight));
    }

    private bool IsWaiting => Volatile.Read(ref _microsecondsPerUnit) > WaitingMicroseconds;

    private static double Units(int count, long length) => count + ((double)length / UnitSize);
}
