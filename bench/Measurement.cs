using System.Diagnostics;

namespace Voe.Benchmarks;

/// <summary>What one run of a load took.</summary>
/// <param name="Bytes">Bytes hashed, written or read.</param>
/// <param name="Operations">Requests.</param>
/// <param name="Seconds">From the first request to the last reply.</param>
/// <param name="DurableSeconds">From the first request to the end of the flush that follows; the same for loads that write nothing.</param>
/// <param name="CpuSeconds">Processor time of the whole process in <paramref name="DurableSeconds"/>, background threads included.</param>
internal readonly record struct Measurement(long Bytes, long Operations, double Seconds, double DurableSeconds, double CpuSeconds)
{
    /// <summary>MB (10^6 bytes) a second up to the last reply.</summary>
    public double MegabytesPerSecond => Bytes / Seconds / 1e6;

    /// <summary>MB a second, the flush at the end included.</summary>
    public double DurableMegabytesPerSecond => Bytes / DurableSeconds / 1e6;

    /// <summary>Requests a second up to the last reply.</summary>
    public double OperationsPerSecond => Operations / Seconds;

    /// <summary>Processor time for each 4 KiB, in microseconds.</summary>
    public double CpuMicrosecondsPerPiece => CpuSeconds * 1e6 / ((double)Bytes / BenchmarkData.PieceSize);

    /// <summary>Runs <paramref name="work"/> on threads of its own, begun together, then <paramref name="flush"/>, and measures.</summary>
    /// <param name="threads">How many threads.</param>
    /// <param name="work">Gets the thread's number; returns bytes and requests done.</param>
    /// <param name="flush">What makes the work durable, or null.</param>
    public static Measurement Run(int threads, Func<int, (long Bytes, long Operations)> work, Action? flush = null)
    {
        GC.Collect();
        long before = 0;

        // The clock starts before any thread does: this one may get its processor back only when they are done.
        using var start = new Barrier(threads + 1, _ => before = Stopwatch.GetTimestamp());
        long bytes = 0, operations = 0;
        Exception? error = null;
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(number => new Thread(() =>
        {
            start.SignalAndWait();
            try
            {
                (long doneBytes, long doneOperations) = work(number);
                Interlocked.Add(ref bytes, doneBytes);
                Interlocked.Add(ref operations, doneOperations);
            }
            catch (Exception e)
            {
                error = e; // thrown again by the caller's thread: a load that failed is no measurement
            }
        }))];
        Array.ForEach(workers, static worker => worker.Start());
        using Process process = Process.GetCurrentProcess();
        TimeSpan cpuBefore = process.TotalProcessorTime;
        start.SignalAndWait();
        Array.ForEach(workers, static worker => worker.Join());
        double seconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
        if (error is not null)
        {
            throw new InvalidOperationException("a load failed", error);
        }

        flush?.Invoke();
        double durableSeconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
        process.Refresh();
        return new Measurement(bytes, operations, seconds, durableSeconds, (process.TotalProcessorTime - cpuBefore).TotalSeconds);
    }
}
