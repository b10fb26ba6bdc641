using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>
/// The argument of command 0 (AoEr11, 3.1):
/// <code>
/// 24  flags: 0x40 48-bit registers, 0x10 device/head, 0x02 asynchronous, 0x01 write
/// 25  features; error in an answer
/// 26  sector count
/// 27  command; status in an answer
/// 28  LBA, 6 bytes, the lowest first; without 0x40 the upper half of the fourth byte is the device register
/// 34  reserved (2)
/// 36  data
/// </code>
/// </summary>
/// <remarks>
/// Of the flags 0x40 alone has a meaning here. There is one device. Whether data is written follows from the command. An
/// asynchronous write may be answered before it is done, but need not be, and nobody could be told when it failed.
/// </remarks>
internal static class AtaArgument
{
    /// <summary>Where the data begins.</summary>
    public const int DataOffset = 36;

    private const int Offset = AoeHeader.Size;
    private const byte ExtendedFlag = 0x40;
    private const ulong Mask28 = 0x0fff_ffff;

    /// <summary>Sectors of data that a frame takes at an MTU: (MTU - 36) / 512, as every initiator counts; 255 at most.</summary>
    public static int SectorsPerFrame(int mtu) => Math.Clamp((mtu - DataOffset) / AtaDisk.SectorSize, 0, byte.MaxValue);

    /// <summary>Reads the registers; false when the frame ends before them.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out AtaRegisters registers)
    {
        if (frame.Length < DataOffset)
        {
            registers = default;
            return false;
        }

        ulong lba = 0;
        for (int i = 5; i >= 0; i--)
        {
            lba = (lba << 8) | frame[Offset + 4 + i];
        }

        bool isExtended = (frame[Offset] & ExtendedFlag) != 0;
        registers = new AtaRegisters(frame[Offset + 1], frame[Offset + 2], frame[Offset + 3], isExtended ? lba : lba & Mask28);
        return true;
    }

    /// <summary>Writes the 12 bytes of an answer's argument.</summary>
    /// <param name="frame">The answer.</param>
    /// <param name="flags">The flags of the request.</param>
    /// <param name="device">The request's fourth byte of the LBA, for the half of it that is the device register.</param>
    /// <param name="registers">The registers after the command.</param>
    public static void WriteAnswer(Span<byte> frame, byte flags, byte device, in AtaRegisters registers)
    {
        frame[Offset] = flags;
        frame[Offset + 1] = registers.Feature;
        frame[Offset + 2] = registers.Count;
        frame[Offset + 3] = registers.Command;
        for (int i = 0; i < 6; i++)
        {
            frame[Offset + 4 + i] = (byte)(registers.Lba >> (8 * i));
        }

        if ((flags & ExtendedFlag) == 0)
        {
            frame[Offset + 7] = (byte)((device & 0xf0) | (frame[Offset + 7] & 0x0f));
        }

        frame[Offset + 10] = 0;
        frame[Offset + 11] = 0;
    }
}
