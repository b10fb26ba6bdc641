using System.Buffers.Binary;

namespace Voe.Server.Tests.Aoe;

/// <summary>Frames as an initiator makes and reads them: written for the tests, from the specification alone.</summary>
internal static class Frames
{
    public const ulong ServerMac = 0x02_00_00_00_00_01;
    public const ulong ClientMac = 0x02_00_00_00_00_aa;
    public const ulong OtherMac = 0x02_00_00_00_00_bb;
    public const ulong Broadcast = 0xffff_ffff_ffff;

    public const byte ReadSectors = 0x20, ReadExt = 0x24, WriteSectors = 0x30, WriteExt = 0x34, Trim = 0x06, FlushCache = 0xe7;
    public const byte Identify = 0xec, Verify = 0x40, VerifyExt = 0x42, Smart = 0xb0, SetFeatures = 0xef, CheckPower = 0xe5;

    /// <summary>A frame with any argument.</summary>
    public static byte[] Any(
        byte command, ReadOnlySpan<byte> argument, uint tag = 1, ushort shelf = 1, byte slot = 0, ulong source = ClientMac,
        ulong destination = ServerMac, byte version = 0x10)
    {
        byte[] frame = new byte[24 + argument.Length];
        PutMac(frame, 0, destination);
        PutMac(frame, 6, source);
        frame[12] = 0x88;
        frame[13] = 0xa2;
        frame[14] = version;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), shelf);
        frame[18] = slot;
        frame[19] = command;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(20), tag);
        argument.CopyTo(frame.AsSpan(24));
        return frame;
    }

    /// <summary>An ATA command; 48-bit registers for those that end in "EXT" and for trims, else 28.</summary>
    public static byte[] Ata(
        byte command, long lba = 0, int count = 0, ReadOnlySpan<byte> data = default, byte feature = 0, uint tag = 1,
        ushort shelf = 1, byte slot = 0, ulong source = ClientMac)
    {
        bool isExtended = command is ReadExt or WriteExt or VerifyExt or Trim or 0x25 or 0x35 or 0xea;
        byte[] argument = new byte[12 + data.Length];
        argument[0] = (byte)((isExtended ? 0x40 : 0) | (data.IsEmpty ? 0 : 1));
        argument[1] = feature;
        argument[2] = (byte)count;
        argument[3] = command;
        for (int i = 0; i < (isExtended ? 6 : 4); i++)
        {
            argument[4 + i] = (byte)(lba >> (8 * i));
        }

        if (!isExtended)
        {
            argument[7] = (byte)((argument[7] & 0x0f) | 0xe0);
        }

        data.CopyTo(argument.AsSpan(12));
        return Any(0, argument, tag, shelf, slot, source);
    }

    /// <summary>A write of whole sectors.</summary>
    public static byte[] Write(long lba, ReadOnlySpan<byte> data, uint tag = 1, ulong source = ClientMac) =>
        Ata(WriteExt, lba, data.Length / 512, data, tag: tag, source: source);

    /// <summary>A read.</summary>
    public static byte[] Read(long lba, int count, uint tag = 1) => Ata(ReadExt, lba, count, tag: tag);

    /// <summary>A trim of ranges.</summary>
    public static byte[] TrimOf(params (long Sector, int Count)[] ranges)
    {
        byte[] data = new byte[(ranges.Length * 8 + 511) / 512 * 512];
        for (int i = 0; i < ranges.Length; i++)
        {
            ulong entry = (ulong)ranges[i].Sector | ((ulong)ranges[i].Count << 48);
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(8 * i), entry);
        }

        return Ata(Trim, count: data.Length / 512, data: data, feature: 1);
    }

    /// <summary>A config query.</summary>
    public static byte[] Config(int command, ReadOnlySpan<byte> text = default, uint tag = 1, ushort shelf = 1, byte slot = 0,
        ulong source = ClientMac, ulong destination = ServerMac)
    {
        byte[] argument = new byte[8 + text.Length];
        argument[5] = (byte)(0x10 | command);
        BinaryPrimitives.WriteUInt16BigEndian(argument.AsSpan(6), (ushort)text.Length);
        text.CopyTo(argument.AsSpan(8));
        return Any(1, argument, tag, shelf, slot, source, destination);
    }

    /// <summary>A mask list command.</summary>
    public static byte[] Mask(byte command, ulong source, params (byte Directive, ulong Mac)[] directives)
    {
        byte[] argument = new byte[4 + (8 * directives.Length)];
        argument[1] = command;
        argument[3] = (byte)directives.Length;
        for (int i = 0; i < directives.Length; i++)
        {
            argument[4 + (8 * i) + 1] = directives[i].Directive;
            PutMac(argument, 4 + (8 * i) + 2, directives[i].Mac);
        }

        return Any(2, argument, source: source);
    }

    /// <summary>A reserve/release command.</summary>
    public static byte[] Reserve(byte command, ulong source, params ulong[] macs)
    {
        byte[] argument = new byte[2 + (6 * macs.Length)];
        argument[0] = command;
        argument[1] = (byte)macs.Length;
        for (int i = 0; i < macs.Length; i++)
        {
            PutMac(argument, 2 + (6 * i), macs[i]);
        }

        return Any(3, argument, source: source);
    }

    public static uint Tag(byte[] frame) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(20));

    /// <summary>The error of AoE that an answer has; 0 for none.</summary>
    public static int ErrorOf(byte[] answer)
    {
        Assert.Equal(answer[15] != 0, (answer[14] & 4) != 0);
        return answer[15];
    }

    /// <summary>Status and error register of an answer.</summary>
    public static (byte Status, byte Error) Registers(byte[] answer) => (answer[27], answer[25]);

    public static long Lba(byte[] answer) => (long)(BinaryPrimitives.ReadUInt64LittleEndian(answer.AsSpan(28)) & 0xffff_ffff_ffff);

    public static byte[] Data(byte[] answer) => answer[36..];

    public static byte[] Hex(string text) => Convert.FromHexString(text.ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal));

    private static void PutMac(byte[] bytes, int offset, ulong mac)
    {
        for (int i = 0; i < 6; i++)
        {
            bytes[offset + i] = (byte)(mac >> (8 * (5 - i)));
        }
    }
}
