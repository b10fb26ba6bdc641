using System.Globalization;
using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Verify;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Benchmarks;

/// <summary>
/// Measures <c>voe-fsck verify</c>: deep on a real store, beside what the disk reads and what the processors hash; quick on a
/// sparse one; and the memory of a store of many chunks. Medians of three.
/// </summary>
internal static class VerifyCommand
{
    private const int Runs = 3;

    /// <summary>Runs the command; the exit code.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        if (VerifyCommandOptions.TryParse(args) is not { } options)
        {
            Console.Error.WriteLine(VerifyCommandOptions.Usage);
            return 2;
        }

        string path = Path.Combine(options.Directory, string.Create(CultureInfo.InvariantCulture, $"voe-verify-{Environment.ProcessId}"));
        Console.WriteLine(
            $"{Environment.ProcessorCount} processors, {options.Threads} threads, medians of {Runs}; each verification in a process of "
            + "its own, with nothing in the page cache");
        Console.WriteLine();
        Console.WriteLine("| verification | packs | chunks | s | MB/s | CPU s per GiB | peak memory |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        var bounds = new List<string>();
        if (options.Bytes > 0)
        {
            foreach ((string name, DataKind kind) in (ReadOnlySpan<(string, DataKind)>)
                [("deep, incompressible", DataKind.Noise), ("deep, half zeros", DataKind.HalfZeros)])
            {
                WithStore(path, () => MakeStore(path, options.Bytes, kind), () => bounds.Add(RunDeep(name, path, options)));
            }
        }

        if (options.Chunks > 0)
        {
            WithStore(
                path,
                () => MakeSmallChunks(path, options.Chunks),
                () => Print("deep, many small chunks", Verify(path, VerifyDepth.Deep, options)));
        }

        if (options.SparseBytes > 0)
        {
            WithStore(
                path,
                () => SparseStore.Create(path, options.SparseBytes),
                () => Print("quick, sparse", Verify(path, VerifyDepth.Quick, options)));
        }

        Console.WriteLine();
        bounds.ForEach(Console.WriteLine);
        return 0;
    }

    private static void WithStore(string path, Action make, Action measure)
    {
        try
        {
            make();
            measure();
        }
        finally
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }
    }

    // Prints the row of the table, and returns how it compares with the disk and with hashing.
    private static string RunDeep(string name, string path, VerifyCommandOptions options)
    {
        List<double> diskSpeeds = [];
        List<double> hashSpeeds = [];
        byte[][] buffers = [.. Enumerable.Range(0, options.Threads).Select(ThroughputCommand.HashInput)];
        var runs = new List<VerifyRun>();
        for (int run = 0; run < Runs; run++)
        {
            // By turns, so that what else the machine does meets all of them.
            diskSpeeds.Add(Math.Max(DiskReads.Run(path, 1).MegabytesPerSecond, DiskReads.Run(path, 2).MegabytesPerSecond));
            hashSpeeds.Add(Measurement.Run(options.Threads, number => ThroughputCommand.HashBlake3(buffers[number])).MegabytesPerSecond);
            runs.Add(VerifyProcess.Start(path, VerifyDepth.Deep, options.Threads));
        }

        VerifyRun median = Median(runs);
        Print(name, median);
        (double disk, double hash) = (Median(diskSpeeds), Median(hashSpeeds));
        double reading = median.Bytes / disk / 1e6;
        double hashing = (double)median.Chunks * BenchmarkData.PieceSize / hash / 1e6;
        return $"{name}: the disk reads {disk:F0} MB/s past the page cache, {options.Threads} threads hash {hash:F0} MB/s; the "
            + $"verification has {Percent(reading)} of the disk's speed, {Percent(hashing)} of the hashing's, "
            + $"{Percent(Math.Max(reading, hashing))} of the lower one";
        string Percent(double bound) => string.Create(CultureInfo.InvariantCulture, $"{100 * bound / median.Seconds:F0} %");
    }

    private static VerifyRun Verify(string path, VerifyDepth depth, VerifyCommandOptions options) =>
        Median([.. Enumerable.Range(0, Runs).Select(_ => VerifyProcess.Start(path, depth, options.Threads))]);

    private static void Print(string name, VerifyRun run) => Console.WriteLine(
        $"| {name} | {ByteSize.Round(run.Bytes)} | {run.Chunks / 1e6:F2} M | {run.Seconds:F2} | {run.Bytes / run.Seconds / 1e6:F0} "
        + $"| {run.CpuSeconds / run.Bytes * (1 << 30):F2} | {ByteSize.Round(run.PeakMemory)} |");

    private static VerifyRun Median(List<VerifyRun> runs) => new(
        Median(runs.ConvertAll(static run => run.Seconds)), Median(runs.ConvertAll(static run => run.CpuSeconds)),
        runs.Max(static run => run.PeakMemory), runs[0].Bytes, runs[0].Chunks);

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    // Chunks that are all different, written in order.
    private static void MakeStore(string path, long bytes, DataKind kind)
    {
        byte[] buffer = new byte[1 << 20];
        BenchmarkData.Fill(kind, 1, buffer);
        Write(path, bytes / buffer.Length * buffer.Length, buffer);
    }

    // Chunks that are all different and shrink to next to nothing.
    private static void MakeSmallChunks(string path, long chunks) => Write(path, chunks * BenchmarkData.PieceSize, new byte[1 << 20]);

    private static void Write(string path, long bytes, byte[] buffer)
    {
        using VoeStore store = VoeStore.Open(path, new StoreOptions());
        Volume volume = store.CreateVolume("data", bytes);
        for (long offset = 0; offset < bytes; offset += buffer.Length)
        {
            Memory<byte> piece = buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes - offset));
            BenchmarkData.Stamp(piece.Span, 1 + (offset / BenchmarkData.PieceSize));
            volume.Write([new BlockWrite(offset, piece)]);
        }
    }
}
