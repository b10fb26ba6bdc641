using Voe.Store.Hashing;

namespace Voe.Store.Tests.Hashing;

public sealed class Crc32CTests
{
    [Fact]
    public void Known_answers()
    {
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0u, Crc32C.Compute([]));

        // RFC 3720, appendix B.4.
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute([.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute([.. Enumerable.Range(0, 32).Select(i => (byte)i)]));
    }

    [Fact]
    public void Streams_side_by_side_give_what_bit_by_bit_gives()
    {
        var random = new Random(7);
        var data = new byte[70_000];
        random.NextBytes(data);
        foreach (int boundary in (int[])[8, 128, 384, 768, 1024, 3072, 3456, 4096, 6144, 65536])
        {
            for (int length = boundary - 9; length <= boundary + 9; length++)
            {
                int offset = random.Next(16);
                ReadOnlySpan<byte> span = data.AsSpan(offset, Math.Max(0, length));
                Assert.True(BitByBit(span) == Crc32C.Compute(span), $"{length} bytes at {offset}");
                Assert.True(BitByBit(span) == ~Crc32C.AppendSerially(~0u, span), $"{length} bytes at {offset}, one stream");
            }
        }
    }

    [Fact]
    public void Appending_continues_a_checksum()
    {
        byte[] data = Blake3Tests.Pattern(10_000);
        uint whole = Crc32C.Compute(data);
        foreach (int split in (int[])[0, 1, 7, 8, 383, 384, 3071, 3072, 5000, 9999, 10_000])
        {
            Assert.Equal(whole, Crc32C.Append(Crc32C.Compute(data.AsSpan(0, split)), data.AsSpan(split)));
        }
    }

    [Fact]
    public void Any_flipped_bit_changes_it()
    {
        byte[] data = Blake3Tests.Pattern(4096);
        uint before = Crc32C.Compute(data);
        for (int bit = 0; bit < data.Length * 8; bit += 37)
        {
            data[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(before, Crc32C.Compute(data));
            data[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    private static uint BitByBit(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }
}
