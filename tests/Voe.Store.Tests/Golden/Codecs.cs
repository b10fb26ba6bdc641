using System.Buffers.Binary;

namespace Voe.Store.Tests.Golden;

/// <summary>What the reader of every structure on disk is asked.</summary>
internal static class Codecs
{
    /// <summary>Whether a reader takes these bytes for what it reads. It may throw what it throws for bytes that are not.</summary>
    public delegate bool Reader(ReadOnlySpan<byte> bytes);

    /// <summary>Bytes of that length, zero but for the pieces given in hexadecimal.</summary>
    public static byte[] Layout(int length, params ReadOnlySpan<(int Offset, string Hex)> pieces)
    {
        byte[] bytes = new byte[length];
        foreach ((int offset, string hex) in pieces)
        {
            Convert.FromHexString(hex).CopyTo(bytes, offset);
        }

        return bytes;
    }

    /// <summary>The same bytes with one changed, and the checksum that stands at <paramref name="checksumOffset"/> made anew.</summary>
    public static byte[] Forge(byte[] golden, int offset, byte value, int checksumOffset)
    {
        byte[] bytes = (byte[])golden.Clone();
        bytes[offset] = value;
        return Reseal(bytes, checksumOffset);
    }

    /// <summary>Makes the checksum of the bytes before it anew.</summary>
    public static byte[] Reseal(byte[] bytes, int checksumOffset)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(checksumOffset), Checksum.Of(bytes.AsSpan(0, checksumOffset)));
        return bytes;
    }

    public static void RefusesEachFlippedBit(byte[] golden, Reader reader)
    {
        Assert.True(Accepts(reader, golden));
        byte[] bytes = (byte[])golden.Clone();
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(Accepts(reader, bytes), $"bit {bit % 8} of byte {bit / 8} was flipped");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    public static void RefusesEachTruncation(byte[] golden, Reader reader)
    {
        for (int length = 0; length < golden.Length; length++)
        {
            Assert.False(Accepts(reader, golden.AsSpan(0, length)), $"{length} bytes");
        }
    }

    /// <summary>Each reserved byte that is not zero is refused, however right the checksum is.</summary>
    public static void RefusesReservedBytes(
        byte[] golden, int checksumOffset, Reader reader, params ReadOnlySpan<(int First, int Count)> reserved)
    {
        foreach ((int first, int count) in reserved)
        {
            for (int offset = first; offset < first + count; offset++)
            {
                Assert.False(Accepts(reader, Forge(golden, offset, 1, checksumOffset)), $"reserved byte {offset}");
            }
        }
    }

    /// <summary>A newer version is no damage: the message says what to do.</summary>
    public static void RefusesNewerVersion(byte[] golden, int versionOffset, int checksumOffset, Reader reader)
    {
        byte[] newer = Forge(golden, versionOffset, 2, checksumOffset);
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => reader(newer));
        Assert.Contains("version 2", refused.Message, StringComparison.Ordinal);
        Assert.Contains("open the store with the program that wrote it, or a newer one", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Neither noise nor golden bytes with some changed and a right checksum make a reader throw anything but what says
    /// that the bytes are bad.
    /// </summary>
    public static void SurvivesRandomBytes(byte[] golden, int? checksumOffset, Reader reader)
    {
        var random = new Random(golden.Length);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = new byte[random.Next(golden.Length + 64)];
            random.NextBytes(bytes);
            Accepts(reader, bytes);

            byte[] changed = (byte[])golden.Clone();
            for (int changes = random.Next(1, 6); changes > 0; changes--)
            {
                changed[random.Next(changed.Length)] = random.Next(3) == 0 ? (byte)0xff : (byte)random.Next(256);
            }

            Accepts(reader, checksumOffset is { } offset ? Reseal(changed, offset) : changed);
        }
    }

    private static bool Accepts(Reader reader, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return reader(bytes);
        }
        catch (Exception exception) when (exception is InvalidDataException or StoreFormatException)
        {
            return false;
        }
    }
}
