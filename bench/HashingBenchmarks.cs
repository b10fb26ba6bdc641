using System.Runtime.InteropServices;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Voe.Store.Hashing;

namespace Voe.Benchmarks;

/// <summary>Naming chunks of 4 KiB: time for each, over 16 MiB that is not in the second-level cache.</summary>
[MemoryDiagnoser]
public unsafe class HashingBenchmarks
{
    private const int Count = 4096;
    private readonly ChunkHasher _hasher = ChunkHasher.For(Store.Hashing.HashAlgorithm.Blake3);
    private readonly nint[] _chunks = new nint[Count];
    private readonly ChunkHash[] _hashes = new ChunkHash[Count];
    private byte* _memory;

    /// <summary>Fills the memory.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _memory = (byte*)NativeMemory.AlignedAlloc(Count * BenchmarkData.PieceSize, BenchmarkData.PieceSize);
        BenchmarkData.Fill(DataKind.Noise, 1, new Span<byte>(_memory, Count * BenchmarkData.PieceSize));
        for (int i = 0; i < Count; i++)
        {
            _chunks[i] = (nint)(_memory + (i * BenchmarkData.PieceSize));
        }
    }

    /// <summary>Frees the memory.</summary>
    [GlobalCleanup]
    public void Cleanup() => NativeMemory.AlignedFree(_memory);

    /// <summary>The measure.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public void Sha256()
    {
        Span<byte> hash = stackalloc byte[32];
        foreach (nint chunk in _chunks)
        {
            SHA256.HashData(new ReadOnlySpan<byte>((void*)chunk, BenchmarkData.PieceSize), hash);
        }
    }

    /// <summary>One at a time, as a read of a single chunk has it.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Blake3Single()
    {
        for (int i = 0; i < Count; i++)
        {
            _hashes[i] = _hasher.Hash(new ReadOnlySpan<byte>((void*)_chunks[i], BenchmarkData.PieceSize));
        }
    }

    /// <summary>Groups of 16, as a write of 64 KiB has them.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Blake3Batch16() => Blake3Batch(16);

    /// <summary>Groups of 256, as a write of 1 MiB has them.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Blake3Batch256() => Blake3Batch(256);

    private void Blake3Batch(int size)
    {
        for (int i = 0; i < Count; i += size)
        {
            _hasher.HashMany(_chunks.AsSpan(i, size), BenchmarkData.PieceSize, _hashes.AsSpan(i, size));
        }
    }
}

/// <summary>Checksums and the search for zeros.</summary>
public class ChecksumBenchmarks
{
    private byte[] _data = [];

    /// <summary>Bytes.</summary>
    [Params(512, 4096, 65536)]
    public int Length { get; set; }

    /// <summary>Makes the data.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _data = new byte[Length];
        new Random(1).NextBytes(_data);
    }

    /// <summary>CRC-32C.</summary>
    [Benchmark]
    public uint Checksum() => Crc32C.Compute(_data);

    /// <summary>CRC-32C in one stream.</summary>
    [Benchmark]
    public uint ChecksumOneStream() => Crc32C.AppendSerially(0, _data);
}

/// <summary>Recognising zeros.</summary>
public class ZeroBenchmarks
{
    private readonly byte[] _zeros = new byte[4096];
    private readonly byte[] _noise = new byte[4096];

    /// <summary>Makes the data.</summary>
    [GlobalSetup]
    public void Setup() => new Random(1).NextBytes(_noise);

    /// <summary>4 KiB of zeros.</summary>
    [Benchmark]
    public bool Zeros() => ZeroBlock.IsZero(_zeros);

    /// <summary>4 KiB of noise.</summary>
    [Benchmark]
    public bool Noise() => ZeroBlock.IsZero(_noise);
}
