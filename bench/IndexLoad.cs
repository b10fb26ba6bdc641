using System.Diagnostics;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Benchmarks;

/// <summary>
/// The index alone, with many chunks: time to add and to find them, and what it takes of memory and disk. Hashes are
/// random, volume entries sequential; checkpoints run on the same thread.
/// </summary>
internal static class IndexLoad
{
    private const int BatchSize = 64;
    private const int Probes = 400_000;

    /// <summary>Runs it in a directory that is deleted at the end, and returns lines of text.</summary>
    public static IEnumerable<string> Run(string directory, int chunkCount)
    {
        string path = Path.Combine(directory, $"voe-throughput-index-{Environment.ProcessId}");
        try
        {
            GC.Collect();
            long memoryBefore = Environment.WorkingSet;
            using StoreIndex index = StoreIndex.Open(path, new IndexOptions());
            double addSeconds = Add(index, chunkCount);
            GC.Collect();
            double hit = Find(index, chunkCount, isKnown: true);
            double miss = Find(index, chunkCount, isKnown: false);
            double map = ReadMap(index, chunkCount);
            long memory = Environment.WorkingSet - memoryBefore;
            long disk = new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(static file => file.Length);
            return
            [
                $"{chunkCount:N0} chunks added and mapped: {chunkCount / addSeconds / 1e6:F2} M/s, checkpoints included",
                $"look-ups of {BatchSize}, random: known {hit / 1e6:F2} M/s, new {miss / 1e6:F2} M/s; map entries {map / 1e6:F2} M/s",
                $"memory of the process: +{memory / 1e6:F0} MB, {(double)memory / chunkCount:F1} bytes a chunk; "
                    + $"RocksDB on disk {(double)disk / chunkCount:F1} bytes a chunk",
            ];
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private static double Add(StoreIndex index, int chunkCount)
    {
        var entries = new MapEntry[BatchSize];
        long before = Stopwatch.GetTimestamp();
        for (int first = 0; first < chunkCount; first += BatchSize)
        {
            int count = Math.Min(BatchSize, chunkCount - first);
            for (int i = 0; i < count; i++)
            {
                int number = first + i;
                ChunkHash hash = HashOf(number);
                var location = new ChunkLocation((uint)(1 + (number >> 14)), (uint)(number & 0x3FFF) << 12, 4096, ChunkCodec.Raw, (uint)i);
                index.AddChunk(hash, location);
                entries[i] = new MapEntry(hash, location);
            }

            index.SetEntries(1, (ulong)first, entries.AsSpan(0, count));
            if (index.IsFull)
            {
                index.Freeze([1]);
                index.WriteFrozen();
            }
        }

        index.Freeze([1]);
        index.WriteFrozen();
        return Stopwatch.GetElapsedTime(before).TotalSeconds;
    }

    private static double Find(StoreIndex index, int chunkCount, bool isKnown)
    {
        var random = new Random(1);
        var hashes = new ChunkHash[BatchSize];
        var locations = new ChunkLocation[BatchSize];
        long before = Stopwatch.GetTimestamp();
        for (int done = 0; done < Probes; done += BatchSize)
        {
            for (int i = 0; i < BatchSize; i++)
            {
                hashes[i] = HashOf(random.Next(chunkCount) + (isKnown ? 0L : chunkCount));
            }

            index.FindChunks(hashes, locations);
            if (Array.Exists(locations, location => location.IsNone == isKnown))
            {
                throw new InvalidOperationException("the index gave a wrong answer");
            }
        }

        return Probes / Stopwatch.GetElapsedTime(before).TotalSeconds;
    }

    private static double ReadMap(StoreIndex index, int chunkCount)
    {
        var random = new Random(2);
        var numbers = new ulong[BatchSize];
        var entries = new MapEntry[BatchSize];
        long before = Stopwatch.GetTimestamp();
        for (int done = 0; done < Probes; done += BatchSize)
        {
            for (int i = 0; i < BatchSize; i++)
            {
                numbers[i] = (ulong)random.Next(chunkCount);
            }

            index.ReadMap(1, numbers, entries);
            if (entries[0].Hash != HashOf((long)numbers[0]))
            {
                throw new InvalidOperationException("the index gave a wrong answer");
            }
        }

        return Probes / Stopwatch.GetElapsedTime(before).TotalSeconds;
    }

    // Different for each number, and mixed like a true hash (the finaliser of SplitMix64).
    private static ChunkHash HashOf(long number)
    {
        ulong word0 = Mix((ulong)number), word1 = Mix(word0), word2 = Mix(word1);
        return new ChunkHash(word0, word1, word2, (ulong)number);
    }

    private static ulong Mix(ulong value)
    {
        value += 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
