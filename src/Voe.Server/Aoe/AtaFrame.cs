using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>What is kept of an ATA request to answer it later.</summary>
/// <param name="Header">The frame's header.</param>
/// <param name="Flags">The argument's flags.</param>
/// <param name="Device">The byte with the device register.</param>
/// <param name="Registers">The command's registers.</param>
internal readonly record struct AtaFrame(AoeHeader Header, byte Flags, byte Device, AtaRegisters Registers)
{
    /// <summary>Reads it from a frame; false when the frame is too short.</summary>
    public static bool TryRead(in AoeHeader header, ReadOnlySpan<byte> frame, out AtaFrame request)
    {
        bool isWhole = AtaArgument.TryRead(frame, out AtaRegisters registers);
        request = isWhole ? new AtaFrame(header, frame[AoeHeader.Size], frame[AoeHeader.Size + 7], registers) : default;
        return isWhole;
    }

    /// <summary>Writes header and registers of the answer, 36 bytes; data comes behind.</summary>
    public void WriteAnswer(Span<byte> frame, MacAddress port, AoeAddress target, in AtaRegisters registers)
    {
        Header.WriteAnswer(frame, port, target, AoeError.None);
        AtaArgument.WriteAnswer(frame, Flags, Device, registers);
    }
}
