using System.Buffers.Binary;

namespace Voe.Server.Aoe;

/// <summary>What command 1 asks for (AoEr11, 3.2).</summary>
internal enum ConfigCommand : byte
{
    /// <summary>Answer with the string.</summary>
    Read = 0,

    /// <summary>Answer only if the string is the one that came.</summary>
    Test = 1,

    /// <summary>Answer only if the string begins with the one that came.</summary>
    TestPrefix = 2,

    /// <summary>Set the string if there is none.</summary>
    Set = 3,

    /// <summary>Set the string.</summary>
    ForceSet = 4,
}

/// <summary>
/// The argument of command 1 (AoEr11, 3.2), big-endian:
/// <code>
/// 24  buffer count (2): frames that the server takes at once
/// 26  firmware version (2)
/// 28  sectors a frame
/// 29  version (upper 4 bits), what is asked for (lower 4)
/// 30  bytes of the string (2), 1024 at most
/// 32  the string
/// </code>
/// </summary>
internal static class ConfigArgument
{
    /// <summary>Where the string begins.</summary>
    public const int StringOffset = 32;

    /// <summary>Reads what is asked for and the string that came; false when the frame ends before it, or the string is too long.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out ConfigCommand command, out ReadOnlySpan<byte> text)
    {
        command = default;
        text = default;
        if (frame.Length < StringOffset)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(frame[30..]);
        if (length > AoeTargetOptions.MaxConfigStringLength || length > frame.Length - StringOffset)
        {
            return false;
        }

        command = (ConfigCommand)(frame[29] & 0x0f);
        text = frame.Slice(StringOffset, length);
        return true;
    }

    /// <summary>Writes an answer's argument; returns the length of the frame.</summary>
    public static int WriteAnswer(
        Span<byte> frame, int bufferCount, ushort firmware, int sectorsPerFrame, ConfigCommand command, ReadOnlySpan<byte> text)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame[24..], (ushort)bufferCount);
        BinaryPrimitives.WriteUInt16BigEndian(frame[26..], firmware);
        frame[28] = (byte)sectorsPerFrame;
        frame[29] = (byte)((AoeHeader.SpokenVersion << 4) | (byte)command);
        BinaryPrimitives.WriteUInt16BigEndian(frame[30..], (ushort)text.Length);
        text.CopyTo(frame[StringOffset..]);
        return StringOffset + text.Length;
    }
}
