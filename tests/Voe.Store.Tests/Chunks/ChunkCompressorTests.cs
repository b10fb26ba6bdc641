using System.Text;
using Voe.Store.Chunks;

namespace Voe.Store.Tests.Chunks;

public sealed class ChunkCompressorTests
{
    private static readonly CompressionSetting[] Settings =
    [
        CompressionSetting.Lz4,
        CompressionSetting.Zstd(1),
        CompressionSetting.Zstd(),
        CompressionSetting.Zstd(CompressionSetting.MaxZstdLevel),
    ];

    private static readonly int[] Sizes = [4096, 8192, 16384, 32768, 65536];

    private static readonly Dictionary<string, Action<Random, byte[]>> Kinds = new(StringComparer.Ordinal)
    {
        ["zeros"] = (_, bytes) => Array.Clear(bytes),
        ["half zeros"] = (random, bytes) => random.NextBytes(bytes.AsSpan(bytes.Length / 2)),
        ["an eighth zeros"] = (random, bytes) => random.NextBytes(bytes.AsSpan(bytes.Length / 8)),
        ["text"] = FillWithText,
        ["records"] = FillWithRecords,
        ["four letters"] = (random, bytes) => Fill(bytes, () => (byte)"ACGT"[random.Next(4)]),
        ["ramp"] = (_, bytes) => Fill(bytes, i => (byte)(i >> 4)),
    };

    [Fact]
    public void Data_of_any_kind_and_size_shrinks_and_comes_back()
    {
        using var compressor = new ChunkCompressor();
        var random = new Random(1);
        foreach ((string kind, Action<Random, byte[]> fill) in Kinds)
        {
            foreach (int size in Sizes)
            {
                var chunk = new byte[size];
                fill(random, chunk);
                foreach (CompressionSetting setting in Settings)
                {
                    byte[] stored = new byte[size];
                    int length = compressor.Compress(setting, chunk, stored);

                    // Four letters at random have nothing that LZ4, which finds repeats alone, is sure to shrink.
                    if (length == 0 && setting.Codec == ChunkCodec.Lz4 && kind == "four letters")
                    {
                        continue;
                    }

                    Assert.True(length > 0 && length <= size - (size / 16), $"{kind}, {size} bytes, {setting}: {length}");
                    byte[] back = new byte[size];
                    ChunkCompressor.Decompress(setting.Codec, stored.AsSpan(0, length), back);
                    Assert.True(chunk.AsSpan().SequenceEqual(back), $"{kind}, {size} bytes, {setting}");
                }
            }
        }
    }

    [Fact]
    public void Noise_is_recognised_by_its_sample()
    {
        var random = new Random(2);
        foreach (int size in Sizes)
        {
            var chunk = new byte[size];
            int recognised = 0;
            for (int i = 0; i < 1000; i++)
            {
                random.NextBytes(chunk);
                recognised += ChunkCompressor.IsNoise(chunk) ? 1 : 0;
            }

            Assert.InRange(recognised, 980, 1000);
        }
    }

    [Fact]
    public void What_shrinks_is_not_taken_for_noise()
    {
        var random = new Random(3);
        foreach ((string kind, Action<Random, byte[]> fill) in Kinds)
        {
            foreach (int size in Sizes)
            {
                for (int i = 0; i < 50; i++)
                {
                    var chunk = new byte[size];
                    fill(random, chunk);
                    Assert.False(ChunkCompressor.IsNoise(chunk), $"{kind}, {size} bytes");
                }
            }
        }
    }

    [Fact]
    public void What_does_not_shrink_by_a_sixteenth_is_raw()
    {
        using var compressor = new ChunkCompressor();
        var random = new Random(4);
        foreach (int size in Sizes)
        {
            // Nearly noise, with nothing to gain.
            var chunk = new byte[size];
            Fill(chunk, () => (byte)random.Next(250));

            // Twenty zeros where the sample looks, so that it lets the chunk through to the codec.
            for (int i = 0; i < ChunkCompressor.SampleCount; i += 8)
            {
                chunk[i * (((size / ChunkCompressor.SampleCount) - 1) | 1)] = 0;
            }

            Assert.False(ChunkCompressor.IsNoise(chunk));
            foreach (CompressionSetting setting in Settings)
            {
                Assert.Equal(0, compressor.Compress(setting, chunk, new byte[size]));
            }
        }
    }

    [Fact]
    public void Without_compression_everything_is_raw()
    {
        using var compressor = new ChunkCompressor();
        Assert.Equal(0, compressor.Compress(CompressionSetting.None, new byte[4096], new byte[4096]));
        byte[] back = new byte[4096];
        byte[] stored = [.. Enumerable.Range(0, 4096).Select(i => (byte)i)];
        ChunkCompressor.Decompress(ChunkCodec.Raw, stored, back);
        Assert.Equal(stored, back);
    }

    [Fact]
    public void A_setting_changed_between_chunks_takes_effect()
    {
        using var compressor = new ChunkCompressor();
        var chunk = new byte[65536];
        FillWithText(new Random(5), chunk);
        byte[] stored = new byte[chunk.Length];
        int fast = compressor.Compress(CompressionSetting.Zstd(1), chunk, stored);
        int best = compressor.Compress(CompressionSetting.Zstd(19), chunk, stored);
        Assert.True(best < fast, $"level 19: {best}, level 1: {fast}");
        Assert.Equal(fast, compressor.Compress(CompressionSetting.Zstd(1), chunk, stored));
    }

    [Fact]
    public void An_encoding_of_more_or_fewer_bytes_is_refused()
    {
        using var compressor = new ChunkCompressor();
        foreach (CompressionSetting setting in Settings)
        {
            var chunk = new byte[8192];
            FillWithText(new Random(6), chunk);
            byte[] stored = new byte[chunk.Length];
            int length = compressor.Compress(setting, chunk, stored);
            foreach (int wrong in (int[])[4096, 8191, 8193, 65536])
            {
                Assert.Throws<InvalidDataException>(
                    () => ChunkCompressor.Decompress(setting.Codec, stored.AsSpan(0, length), new byte[wrong]));
            }

            foreach (int wrong in (int[])[0, 1, length / 2, length - 1, length + 1])
            {
                Assert.Throws<InvalidDataException>(
                    () => ChunkCompressor.Decompress(setting.Codec, stored.AsSpan(0, wrong), new byte[chunk.Length]));
            }
        }

        Assert.Throws<InvalidDataException>(() => ChunkCompressor.Decompress(ChunkCodec.Raw, new byte[4095], new byte[4096]));
        Assert.Throws<InvalidDataException>(() => ChunkCompressor.Decompress((ChunkCodec)3, new byte[4096], new byte[4096]));
    }

    [Fact]
    public void Two_frames_are_not_one_chunk()
    {
        using var compressor = new ChunkCompressor();
        byte[] stored = new byte[8192];
        int first = compressor.Compress(CompressionSetting.Zstd(), new byte[4096], stored);
        int second = compressor.Compress(CompressionSetting.Zstd(), new byte[4096], stored.AsSpan(first));
        Assert.Throws<InvalidDataException>(
            () => ChunkCompressor.Decompress(ChunkCodec.Zstd, stored.AsSpan(0, first + second), new byte[8192]));
    }

    [Theory]
    [InlineData(ChunkCodec.Lz4)]
    [InlineData(ChunkCodec.Zstd)]
    public void Garbage_is_refused_or_decoded_but_never_read_or_written_past(ChunkCodec codec)
    {
        using var compressor = new ChunkCompressor();
        using var input = new GuardedBuffer(65536);
        using var output = new GuardedBuffer(65536);
        var random = new Random(7);
        Action<Random, byte[]>[] fills = [.. Kinds.Values];
        int refused = 0;
        for (int i = 0; i < 8_000; i++)
        {
            int size = Sizes[random.Next(2)];
            var chunk = new byte[size];
            fills[random.Next(fills.Length)](random, chunk);
            var encoding = new byte[size];
            CompressionSetting setting = codec == ChunkCodec.Lz4 ? CompressionSetting.Lz4 : CompressionSetting.Zstd(1);
            int length = compressor.Compress(setting, chunk, encoding);
            Span<byte> stored = Damage(random, encoding.AsSpan(0, length), input);
            Span<byte> back = output.Last(size);
            try
            {
                ChunkCompressor.Decompress(codec, stored, back);
            }
            catch (InvalidDataException exception)
            {
                Assert.NotEmpty(exception.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 2_000, 8_000);
    }

    [Fact]
    public void After_many_trials_in_vain_chunks_near_to_noise_are_tried_now_and_then_until_one_shrinks()
    {
        using var compressor = new ChunkCompressor();
        var random = new Random(9);
        byte[] hopeless = new byte[4096], shrinking = new byte[4096], stored = new byte[4096], text = new byte[4096];
        FillWithText(random, text);
        random.NextBytes(shrinking);
        shrinking.AsSpan(1024, 512).Clear();
        for (int i = 0; i < 100; i++)
        {
            // An eighth of zeros, one by one: the sample does not look like noise, and still nothing is to be gained.
            random.NextBytes(hopeless);
            for (int k = 0; k < hopeless.Length / 8; k++)
            {
                hopeless[random.Next(hopeless.Length)] = 0;
            }

            Assert.False(ChunkCompressor.IsNoise(hopeless));
            Assert.Equal(0, compressor.Compress(CompressionSetting.Lz4, hopeless, stored));
        }

        // What is far from noise is not affected, and does not change what is known of the others.
        Assert.InRange(compressor.Compress(CompressionSetting.Lz4, text, stored), 1, 3000);
        int passed = 0;
        while (compressor.Compress(CompressionSetting.Lz4, shrinking, stored) == 0)
        {
            passed++;
        }

        Assert.InRange(passed, 1, ChunkCompressor.TrialInterval - 1);
        for (int i = 0; i < ChunkCompressor.TrialsInVain; i++)
        {
            Assert.NotEqual(0, compressor.Compress(CompressionSetting.Lz4, shrinking, stored));
        }
    }

    [Fact]
    public void Nothing_is_allocated_per_chunk()
    {
        using var compressor = new ChunkCompressor();
        byte[] chunk = new byte[4096], stored = new byte[4096], back = new byte[4096];
        FillWithText(new Random(8), chunk);
        foreach (CompressionSetting setting in Settings)
        {
            int length = compressor.Compress(setting, chunk, stored);
            ChunkCompressor.Decompress(setting.Codec, stored.AsSpan(0, length), back);
            long before = GC.GetAllocatedBytesForCurrentThread();
            length = compressor.Compress(setting, chunk, stored);
            ChunkCompressor.Decompress(setting.Codec, stored.AsSpan(0, length), back);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    /// <summary>Flips, cuts, extends, overwrites with noise, or makes all of it noise, and puts it before the guard.</summary>
    private static Span<byte> Damage(Random random, ReadOnlySpan<byte> encoding, GuardedBuffer input)
    {
        int kind = random.Next(5);
        int length = kind switch
        {
            0 => random.Next(encoding.Length + 1),
            1 => random.Next(1, 8192),
            _ => encoding.Length,
        };
        Span<byte> stored = input.Last(length);
        random.NextBytes(stored);
        if (kind == 1 && random.Next(2) == 0)
        {
            // Noise behind the start of a true encoding, so that a decoder gets past the header.
            encoding[..Math.Min(Math.Min(16, encoding.Length), length)].CopyTo(stored);
            return stored;
        }

        if (kind != 1)
        {
            encoding[..Math.Min(length, encoding.Length)].CopyTo(stored);
            for (int i = random.Next(1, 6); i > 0 && length > 0 && kind != 0; i--)
            {
                stored[random.Next(kind == 2 ? Math.Min(32, length) : length)] = (byte)random.Next(256);
            }
        }

        return stored;
    }

    private static void Fill(byte[] bytes, Func<byte> next) => Fill(bytes, _ => next());

    private static void Fill(byte[] bytes, Func<int, byte> next)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = next(i);
        }
    }

    private static void FillWithText(Random random, byte[] bytes)
    {
        string[] words = ["the", "store", "keeps", "every", "chunk", "once", "and", "names", "it", "by", "hash", "of", "what", "is", "in"];
        var text = new StringBuilder();
        while (text.Length < bytes.Length)
        {
            text.Append(words[random.Next(words.Length)]).Append(random.Next(12) == 0 ? ".\n" : " ");
        }

        Encoding.ASCII.GetBytes(text.ToString(0, bytes.Length), bytes);
    }

    private static void FillWithRecords(Random random, byte[] bytes)
    {
        for (int i = 0; i + 16 <= bytes.Length; i += 16)
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(i), i / 16);
            BitConverter.TryWriteBytes(bytes.AsSpan(i + 8), 1_700_000_000 + random.Next(1000));
        }
    }
}
