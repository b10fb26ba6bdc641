using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Voe.Store.Hashing;

namespace Voe.Benchmarks;

/// <summary>
/// Measures hashing and the whole write and read path in one process, each load by turns with all others, and prints the
/// medians and their ratio to SHA-256 of the platform on as many threads: the ratio is what can be compared between
/// machines and hours.
/// </summary>
internal static unsafe class ThroughputCommand
{
    private const long WarmUpSize = 64 << 20;

    /// <summary>Runs the command; the exit code.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        if (ThroughputOptions.TryParse(args) is not { } options)
        {
            Console.Error.WriteLine(ThroughputOptions.Usage);
            return 2;
        }

        Load[] loads = Select(options);
        var results = loads.ToDictionary(static load => load, static _ => new List<Measurement>());
        foreach (Load load in Select(options with { Size = WarmUpSize }))
        {
            load.Run(); // compiles the code and fills pools; not counted
        }

        for (int run = 0; run < options.Runs; run++)
        {
            foreach (Load load in loads)
            {
                Console.Error.WriteLine($"run {run + 1} of {options.Runs}: {load.Name}, {load.Threads} threads");
                results[load].Add(load.Run());
            }
        }

        Print(loads, results, options);
        if (options.IndexChunks > 0 && "index".Contains(options.Only, StringComparison.Ordinal))
        {
            Console.WriteLine();
            foreach (string line in IndexLoad.Run(options.Directory, options.IndexChunks))
            {
                Console.WriteLine(line);
            }
        }

        return 0;
    }

    private static Load[] Select(ThroughputOptions options) =>
        [.. Loads(options).Where(load => load.IsBaseline || load.Name.Contains(options.Only, StringComparison.Ordinal))];

    private static IEnumerable<Load> Loads(ThroughputOptions options)
    {
        var store = new StoreLoads(options);
        foreach (int threads in (int[])[1, 2])
        {
            yield return new Load("SHA-256, 4 KiB", threads, () => Hash(threads, HashSha256), IsBaseline: true);
            yield return new Load("BLAKE3, 64 x 4 KiB", threads, () => Hash(threads, HashBlake3));
        }

        foreach (int threads in (int[])[1, 2])
        {
            yield return new Load("write new, incompressible", threads, () => store.WriteNew(DataKind.Noise, threads));
            yield return new Load("write new, 2:1 half zeros", threads, () => store.WriteNew(DataKind.HalfZeros, threads));
            yield return new Load("write new, text", threads, () => store.WriteNew(DataKind.Text, threads));
            yield return new Load("write duplicates", threads, () => store.WriteDuplicates(threads));
            yield return new Load("write random 4k, one by one", threads, () => store.WriteRandom(threads, 1));
            yield return new Load("write random 4k, by 32", threads, () => store.WriteRandom(threads, 32));
            yield return new Load("read sequential, cached", threads, () => store.ReadSequentially(threads, isCached: true));
            yield return new Load("read sequential, packs", threads, () => store.ReadSequentially(threads, isCached: false));
            yield return new Load("read random 4k, cached", threads, () => store.ReadRandomly(threads, isCached: true, 1));
            yield return new Load("read random 4k, cached, by 32", threads, () => store.ReadRandomly(threads, isCached: true, 32));
            yield return new Load("read random 4k, packs", threads, () => store.ReadRandomly(threads, isCached: false, 1));
            yield return new Load("read random 4k, packs, by 32", threads, () => store.ReadRandomly(threads, isCached: false, 32));
        }
    }

    private static void Print(Load[] loads, Dictionary<Load, List<Measurement>> results, ThroughputOptions options)
    {
        Console.WriteLine(
            $"{Environment.ProcessorCount} processors, BLAKE3 in {Blake3Tree.WidestLanes} lanes, {options.Size >> 20} MiB a load, "
            + $"requests of {options.RequestSize >> 10} KiB, medians of {options.Runs}");
        Console.WriteLine();
        Console.WriteLine("\"x SHA-256\" compares MB/s with flush; \"by CPU\" compares processor time, background threads included,");
        Console.WriteLine("and is the steadier one where others use the machine.");
        Console.WriteLine();
        Console.WriteLine("| load | threads | MB/s | MB/s with flush | k requests/s | CPU us per 4 KiB | x SHA-256 | by CPU |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Load load in loads)
        {
            List<Measurement> runs = results[load];
            Load baseline = Array.Find(loads, other => other.IsBaseline && other.Threads == load.Threads)!;
            double ratio = Median(runs, DurableSpeed) / Median(results[baseline], DurableSpeed);
            double cpuRatio = Median(results[baseline], CpuTime) / Median(runs, CpuTime);
            Console.WriteLine(
                $"| {load.Name} | {load.Threads} | {Median(runs, static run => run.MegabytesPerSecond):F0} "
                + $"| {Median(runs, DurableSpeed):F0} | {Median(runs, static run => run.OperationsPerSecond) / 1e3:F1} "
                + $"| {Median(runs, CpuTime):F2} | {ratio:F2} | {cpuRatio:F2} |");
        }
    }

    private static double DurableSpeed(Measurement run) => run.DurableMegabytesPerSecond;

    private static double CpuTime(Measurement run) => run.CpuMicrosecondsPerPiece;

    private static double Median(List<Measurement> runs, Func<Measurement, double> value)
    {
        double[] sorted = [.. runs.Select(value).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static Measurement Hash(int threads, Func<byte[], (long Bytes, long Operations)> hash)
    {
        byte[][] buffers = [.. Enumerable.Range(0, threads).Select(HashInput)];
        return Measurement.Run(threads, number => hash(buffers[number]));
    }

    private static (long Bytes, long Operations) HashSha256(byte[] buffer)
    {
        Span<byte> hash = stackalloc byte[ChunkHash.Size];
        const int passes = 24;
        for (int pass = 0; pass < passes; pass++)
        {
            for (int offset = 0; offset < buffer.Length; offset += BenchmarkData.PieceSize)
            {
                SHA256.HashData(buffer.AsSpan(offset, BenchmarkData.PieceSize), hash);
            }
        }

        return ((long)passes * buffer.Length, (long)passes * buffer.Length / BenchmarkData.PieceSize);
    }

    /// <summary>Hashes a buffer many times, as the store does: 64 chunks of 4 KiB together.</summary>
    internal static (long Bytes, long Operations) HashBlake3(byte[] buffer)
    {
        ChunkHasher hasher = ChunkHasher.For(Store.Hashing.HashAlgorithm.Blake3);
        var chunks = new nint[64];
        var hashes = new ChunkHash[chunks.Length];
        const int passes = 64;
        var start = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(buffer, 0);
        for (int pass = 0; pass < passes; pass++)
        {
            for (int offset = 0; offset < buffer.Length; offset += chunks.Length * BenchmarkData.PieceSize)
            {
                for (int i = 0; i < chunks.Length; i++)
                {
                    chunks[i] = (nint)(start + offset + (i * BenchmarkData.PieceSize));
                }

                hasher.HashMany(chunks, BenchmarkData.PieceSize, hashes);
            }
        }

        return ((long)passes * buffer.Length, (long)passes * buffer.Length / BenchmarkData.PieceSize);
    }

    /// <summary>A buffer of noise to hash.</summary>
    internal static byte[] HashInput(int thread)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(8 << 20, pinned: true);
        BenchmarkData.Fill(DataKind.Noise, thread, buffer);
        return buffer;
    }

    /// <summary>One row of the table.</summary>
    private sealed record Load(string Name, int Threads, Func<Measurement> Run, bool IsBaseline = false);
}
