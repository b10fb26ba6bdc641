using System.Buffers.Binary;

namespace Voe.Server.Aoe.Ata;

/// <summary>
/// What IDENTIFY DEVICE tells of a disk, 256 little-endian words (ACS-2, 7.12.7): 512-byte logical and 4 KiB physical
/// sectors, no spinning, 28- and 48-bit commands, SMART, power management, flushes, trim with zeroes afterwards.
/// </summary>
internal readonly record struct AtaIdentity
{
    /// <summary>Bytes of the answer.</summary>
    public const int Size = 512;

    /// <summary>Characters of a serial number.</summary>
    public const int SerialLength = 20;

    private const int ModelLength = 40;
    private const int FirmwareLength = 8;
    private const long MaxSectors28 = 0x0fff_ffff;

    /// <summary>Sectors of the disk.</summary>
    public required long Sectors { get; init; }

    /// <summary>Serial number: ASCII, 20 characters at most.</summary>
    public required string Serial { get; init; }

    /// <summary>Firmware revision: ASCII, 8 characters at most.</summary>
    public required string Firmware { get; init; }

    /// <summary>Model: ASCII, 40 characters at most.</summary>
    public required string Model { get; init; }

    /// <summary>Whether nothing can be written, so nothing trimmed.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Blocks of ranges that one DATA SET MANAGEMENT may have.</summary>
    public int MaxTrimBlocks { get; init; }

    /// <summary>The disk, for its flags.</summary>
    public required AtaDisk Disk { get; init; }

    /// <summary>Writes the 512 bytes, checksum included; every byte is written.</summary>
    public void Write(Span<byte> destination)
    {
        const int Smart = 1 << 0, Power = 1 << 3, WriteCache = 1 << 5, LookAhead = 1 << 6;
        const int Lba48 = 1 << 10, Flush = 1 << 12, FlushExt = 1 << 13, Valid = 1 << 14;
        Span<byte> words = destination[..Size];
        words.Clear();
        Put(words, 0, 0x0040); // a fixed disk
        Put(words, 1, 16383); // cylinders, heads and sectors, as every large disk says
        Put(words, 3, 16);
        Put(words, 6, 63);
        PutText(words, 10, SerialLength, Serial);
        PutText(words, 23, FirmwareLength, Firmware);
        PutText(words, 27, ModelLength, Model);
        Put(words, 47, 0x8000); // no READ MULTIPLE
        Put(words, 48, Valid);
        Put(words, 49, 0x2f00); // standby timer, IORDY, LBA, DMA
        Put(words, 50, Valid);
        Put(words, 53, 0x0006); // words 64 to 70 and 88 count
        PutLong(words, 60, 2, Math.Min(Sectors, MaxSectors28));
        Put(words, 63, 0x0007);
        Put(words, 64, 0x0003);
        for (int cycleTime = 65; cycleTime <= 68; cycleTime++)
        {
            Put(words, cycleTime, 120);
        }

        Put(words, 80, 0x03f0); // ATA-4 to ACS-2
        Put(words, 82, Smart | Power | LookAhead | (Disk.HasWriteCache ? WriteCache : 0));
        Put(words, 83, Valid | Lba48 | Flush | FlushExt);
        Put(words, 84, Valid);
        Put(words, 85, (Disk.IsSmartOn ? Smart : 0) | Power | LookAhead | (Disk.IsWriteCacheOn ? WriteCache : 0));
        Put(words, 86, Lba48 | Flush | FlushExt);
        Put(words, 87, Valid);
        Put(words, 88, 0x203f); // Ultra DMA up to 5, and 5 is chosen
        PutLong(words, 100, 4, Sectors);
        if (!IsReadOnly)
        {
            Put(words, 69, 0x4020); // what was trimmed reads as zeroes
            Put(words, 105, MaxTrimBlocks);
            Put(words, 169, 1);
        }

        Put(words, 106, 0x6003); // 2^3 logical sectors in a physical one
        Put(words, 209, Valid); // the first logical sector begins a physical one
        Put(words, 217, 1); // does not rotate
        destination[Size - 2] = 0xa5;
        destination[Size - 1] = AtaChecksum.Of(words[..(Size - 1)]);
    }

    private static void Put(Span<byte> words, int word, int value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(words[(word * 2)..], (ushort)value);

    private static void PutLong(Span<byte> words, int word, int count, long value)
    {
        for (int i = 0; i < count; i++)
        {
            Put(words, word + i, (int)(value >> (16 * i)) & 0xffff);
        }
    }

    // The first character of each pair is in the upper byte of its word.
    private static void PutText(Span<byte> words, int word, int length, string text)
    {
        for (int i = 0; i < length; i++)
        {
            words[(word * 2) + (i ^ 1)] = i < text.Length ? (byte)text[i] : (byte)' ';
        }
    }
}

/// <summary>The checksum of ATA's 512-byte structures.</summary>
internal static class AtaChecksum
{
    /// <summary>The byte that makes the sum of all, itself included, zero.</summary>
    public static byte Of(ReadOnlySpan<byte> bytes)
    {
        int sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return (byte)-sum;
    }
}
