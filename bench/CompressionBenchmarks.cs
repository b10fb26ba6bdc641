using BenchmarkDotNet.Attributes;
using Voe.Store.Chunks;

namespace Voe.Benchmarks;

/// <summary>Compressing and restoring chunks of 4 KiB: time for each, over 256 different ones.</summary>
[MemoryDiagnoser]
public class CompressionBenchmarks : IDisposable
{
    private const int Count = 256;
    private const int Size = BenchmarkData.PieceSize;
    private readonly ChunkCompressor _compressor = new();
    private readonly byte[] _chunks = new byte[Count * Size];
    private readonly byte[] _stored = new byte[Count * Size];
    private readonly int[] _lengths = new int[Count];
    private readonly byte[] _buffer = new byte[Size];
    private CompressionSetting _setting;

    /// <summary>The codec.</summary>
    [Params("lz4", "zstd:1", "zstd:3")]
    public string Codec { get; set; } = "lz4";

    /// <summary>What the chunks contain: a <see cref="DataKind"/>.</summary>
    [Params("Noise", "HalfZeros", "Text")]
    public string Kind { get; set; } = "Noise";

    /// <summary>Makes the data and compresses it once.</summary>
    [GlobalSetup]
    public void Setup()
    {
        BenchmarkData.Fill(Enum.Parse<DataKind>(Kind), 1, _chunks);
        if (!CompressionSetting.TryParse(Codec, out _setting))
        {
            throw new InvalidOperationException($"no codec {Codec}");
        }

        for (int i = 0; i < Count; i++)
        {
            _lengths[i] = _compressor.Compress(_setting, Chunk(i), _stored.AsSpan(i * Size, Size));
        }
    }

    /// <summary>Compression; for noise, finding out that it is.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Compress()
    {
        for (int i = 0; i < Count; i++)
        {
            _compressor.Compress(_setting, Chunk(i), _buffer);
        }
    }

    /// <summary>Decompression; for noise, a copy.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Decompress()
    {
        for (int i = 0; i < Count; i++)
        {
            if (_lengths[i] == 0)
            {
                ChunkCompressor.Decompress(ChunkCodec.Raw, Chunk(i), _buffer);
            }
            else
            {
                ChunkCompressor.Decompress(_setting.Codec, _stored.AsSpan(i * Size, _lengths[i]), _buffer);
            }
        }
    }

    /// <summary>Frees the compressor.</summary>
    [GlobalCleanup]
    public void Dispose() => _compressor.Dispose();

    private Span<byte> Chunk(int i) => _chunks.AsSpan(i * Size, Size);
}
