using BenchmarkDotNet.Attributes;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Benchmarks;

/// <summary>The cache of decoded chunks, 256 MiB, chunks of 4 KiB: time for each call.</summary>
[MemoryDiagnoser]
public class ChunkCacheBenchmarks : IDisposable
{
    private const int Calls = 16_384;
    private const int Held = 56_000; // as many as fit with some room
    private readonly ChunkCache _cache = new(256L << 20);
    private readonly ChunkHash[] _held = new ChunkHash[Held];
    private readonly byte[] _chunk = new byte[BenchmarkData.PieceSize];
    private ulong _next;

    /// <summary>Fills the cache.</summary>
    [GlobalSetup]
    public void Setup()
    {
        for (int i = 0; i < Held; i++)
        {
            _held[i] = Name(_next++);
            _cache.Add(_held[i], _chunk);
        }

        new Random(1).Shuffle(_held);
    }

    /// <summary>Chunks all over the cache: memory's speed.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public int RandomHit()
    {
        int start = (int)(_next++ * 7919 % (Held - Calls));
        int hits = 0;
        for (int i = 0; i < Calls; i++)
        {
            hits += _cache.TryRead(_held[start + i], 0, _chunk) ? 1 : 0;
        }

        return hits;
    }

    /// <summary>32 chunks again and again: the code's speed.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public int HotHit()
    {
        int hits = 0;
        for (int i = 0; i < Calls; i++)
        {
            hits += _cache.TryRead(_held[i & 31], 0, _chunk) ? 1 : 0;
        }

        return hits;
    }

    /// <summary>Chunks that are not there.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public int Miss()
    {
        int hits = 0;
        for (int i = 0; i < Calls; i++)
        {
            hits += _cache.TryRead(Name(ulong.MaxValue - (ulong)i), 0, _chunk) ? 1 : 0;
        }

        return hits;
    }

    /// <summary>New chunks that take the place of others.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public void AddEvicting()
    {
        for (int i = 0; i < Calls; i++)
        {
            _cache.Add(Name(1_000_000_000 + _next++), _chunk);
        }
    }

    /// <summary>Frees the cache.</summary>
    [GlobalCleanup]
    public void Dispose() => _cache.Dispose();

    // Spread like a hash, at no cost beside what is measured.
    private static ChunkHash Name(ulong number)
    {
        ulong mixed = (number + 1) * 0x9E37_79B9_7F4A_7C15;
        return new ChunkHash(mixed ^ (mixed >> 29), (mixed * 0xBF58_476D_1CE4_E5B9) >> 7, number, 1);
    }
}
