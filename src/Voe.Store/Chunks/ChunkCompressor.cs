using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using K4os.Compression.LZ4;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Voe.Store.Chunks;

/// <summary>
/// Compresses and decompresses chunks. An object serves one caller at a time (it keeps compression state);
/// <see cref="Decompress"/> is safe from many threads. Neither allocates per chunk.
/// </summary>
internal sealed class ChunkCompressor : IDisposable
{
    /// <summary>
    /// A chunk is stored raw unless it shrinks by a sixteenth of its length: less is not worth decoding it at every read.
    /// </summary>
    private const int LeastGainDivisor = 16;

    /// <summary>
    /// Bytes that the test for noise looks at. With 160 it takes 0.1 us of 4 KiB and errs on one in 800 of those pieces of
    /// programs and packages that LZ4 shrinks; with 80, half as long, on one in 40.
    /// </summary>
    internal const int SampleCount = 160;

    /// <summary>
    /// Equal pairs among the sample that speak of noise: at least, less than. Noise has C(160, 2) / 256 = 49.7 on average,
    /// and is outside these limits once in about 400 chunks. English text has about 800, a chunk with an eighth of zeros
    /// about 230; a ramp has none, being more even than chance.
    /// </summary>
    private const int LeastNoisePairs = 25, NoisePairsEnd = 72;

    /// <summary>
    /// Pairs below which a chunk is nearly noise: what speaks for trying is looked for first, since an attempt that fails is
    /// the dearest, 10 us for 4 KiB.
    /// </summary>
    private const int NearNoisePairsEnd = 400;

    /// <summary>
    /// After so many chunks that were nearly noise and did not shrink, only one in <see cref="TrialInterval"/> is still tried: they
    /// come in streams (media, encrypted files), and a trial takes more time than all else that is done with a chunk.
    /// </summary>
    internal const int TrialsInVain = 16, TrialInterval = 8;

    [ThreadStatic]
    private static Decompressor? _threadDecompressor;

    private Compressor? _zstd;
    private int _inVain; // chunks nearly noise, in a row, that did not shrink or were not tried
    private bool _isDisposed;

    /// <summary>Compresses a chunk, if that is worth it.</summary>
    /// <param name="setting">The codec and level; one that <see cref="CompressionSetting.IsValid"/>.</param>
    /// <param name="chunk">The plain bytes, 4 to 64 KiB.</param>
    /// <param name="destination">Receives the encoding; as long as the chunk or longer. After a 0 its content is of no meaning.</param>
    /// <returns>The encoding's length, at most 15/16 of the chunk's, or 0 when the chunk is to be stored raw.</returns>
    public int Compress(CompressionSetting setting, ReadOnlySpan<byte> chunk, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, chunk.Length);
        int pairs = setting.Codec == ChunkCodec.Raw ? 0 : CountPairs(chunk);
        if (setting.Codec == ChunkCodec.Raw || IsNoise(pairs))
        {
            return 0;
        }

        if (pairs >= NearNoisePairsEnd)
        {
            return Encode(setting, chunk, destination);
        }

        bool isTried = _inVain < TrialsInVain || _inVain % TrialInterval == 0;
        int length = isTried && MayShrink(chunk, destination) ? Encode(setting, chunk, destination) : 0;
        _inVain = length > 0 ? 0 : _inVain + 1;
        return length;
    }

    private int Encode(CompressionSetting setting, ReadOnlySpan<byte> chunk, Span<byte> destination)
    {
        // The encoder sees no more room than what a stored chunk may take, and gives up when that is full.
        Span<byte> room = destination[..(chunk.Length - (chunk.Length / LeastGainDivisor))];
        return setting.Codec switch
        {
            ChunkCodec.Lz4 => Math.Max(0, LZ4Codec.Encode(chunk, room, LZ4Level.L00_FAST)),
            ChunkCodec.Zstd => CompressZstd(setting.Level, chunk, room),
            _ => throw new ArgumentOutOfRangeException(nameof(setting), setting.Codec, "Not a codec."),
        };
    }

    /// <summary>
    /// Whether the chunk looks as if no codec could shrink it: bytes taken from all over it are spread like random ones.
    /// Errs on repetitions of noise; then space is lost, never data.
    /// </summary>
    internal static bool IsNoise(ReadOnlySpan<byte> chunk) => IsNoise(CountPairs(chunk));

    private static bool IsNoise(int pairs) => pairs is >= LeastNoisePairs and < NoisePairsEnd;

    // Whether runs of one word make up as much as is to be gained, or a quarter of the chunk shrinks: that behind the
    // middle, since headers and padding are at the ends.
    private static bool MayShrink(ReadOnlySpan<byte> chunk, Span<byte> scratch)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(chunk);
        int repeated = 0;
        for (int i = 1; i < words.Length; i++)
        {
            repeated += words[i] == words[i - 1] ? 1 : 0;
        }

        int length = chunk.Length / 4;
        Span<byte> room = scratch[..(length - (length / LeastGainDivisor))];
        return repeated > words.Length / LeastGainDivisor || LZ4Codec.Encode(chunk.Slice(2 * length, length), room, LZ4Level.L00_FAST) > 0;
    }

    // Equal pairs among bytes taken from all over the chunk.
    [SkipLocalsInit]
    private static int CountPairs(ReadOnlySpan<byte> chunk)
    {
        // An odd stride visits all bytes of words and of records whose size is a power of two, not always the same one.
        int stride = ((chunk.Length / SampleCount) - 1) | 1;
        Span<byte> counts = stackalloc byte[256];
        counts.Clear();
        int pairs = 0;
        for (int i = 0; i < SampleCount; i++)
        {
            ref byte count = ref counts[chunk[i * stride]];
            pairs += count++;
        }

        return pairs;
    }

    /// <summary>Restores a chunk's plain bytes. Safe on any stored bytes, whoever wrote them.</summary>
    /// <param name="codec">The encoding.</param>
    /// <param name="stored">The stored bytes.</param>
    /// <param name="chunk">Receives the plain bytes, whose length the caller knows; meaningless after an exception.</param>
    /// <exception cref="InvalidDataException">
    /// The stored bytes are not one encoding, whole and with nothing behind it, of as many bytes as the chunk has.
    /// </exception>
    public static void Decompress(ChunkCodec codec, ReadOnlySpan<byte> stored, Span<byte> chunk)
    {
        switch (codec)
        {
            case ChunkCodec.Raw:
                if (stored.Length != chunk.Length)
                {
                    throw new InvalidDataException($"{stored.Length} raw bytes are stored for a chunk of {chunk.Length}");
                }

                stored.CopyTo(chunk);
                break;
            case ChunkCodec.Lz4:
                int length = LZ4Codec.Decode(stored, chunk);
                if (length != chunk.Length)
                {
                    throw new InvalidDataException(length < 0
                        ? $"{stored.Length} stored bytes are not an LZ4 block of at most {chunk.Length} bytes"
                        : $"an LZ4 block of {stored.Length} bytes holds {length} bytes, the chunk has {chunk.Length}");
                }

                break;
            case ChunkCodec.Zstd:
                DecompressZstd(stored, chunk);
                break;
            default:
                throw new InvalidDataException($"codec {(int)codec} is none that this program knows");
        }
    }

    /// <summary>Frees the compression state.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _zstd?.Dispose();
        _zstd = null;
    }

    private static unsafe void DecompressZstd(ReadOnlySpan<byte> stored, Span<byte> chunk)
    {
        // The decoder would take several frames for one; a chunk is one frame.
        fixed (byte* start = stored)
        {
            nuint frameLength = stored.IsEmpty ? 0 : Methods.ZSTD_findFrameCompressedSize(start, (nuint)stored.Length);
            if (stored.IsEmpty || Methods.ZSTD_isError(frameLength) || frameLength != (nuint)stored.Length)
            {
                throw new InvalidDataException($"{stored.Length} stored bytes are not one zstd frame");
            }
        }

        int length;
        try
        {
            if (!(_threadDecompressor ??= new Decompressor()).TryUnwrap(stored, chunk, out length))
            {
                throw new InvalidDataException($"a zstd frame of {stored.Length} bytes holds more than the chunk's {chunk.Length}");
            }
        }
        catch (ZstdException exception)
        {
            throw new InvalidDataException($"a zstd frame of {stored.Length} bytes cannot be decoded: {exception.Message}", exception);
        }

        if (length != chunk.Length)
        {
            throw new InvalidDataException($"a zstd frame of {stored.Length} bytes holds {length} bytes, the chunk has {chunk.Length}");
        }
    }

    private int CompressZstd(int level, ReadOnlySpan<byte> chunk, Span<byte> room)
    {
        _zstd ??= new Compressor(level);
        if (_zstd.Level != level)
        {
            _zstd.Level = level;
        }

        return _zstd.TryWrap(chunk, room, out int length) ? length : 0;
    }
}
