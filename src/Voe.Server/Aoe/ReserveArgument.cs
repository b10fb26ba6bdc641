namespace Voe.Server.Aoe;

/// <summary>What command 3 asks for (AoEr11, 3.4).</summary>
internal enum ReserveCommand : byte
{
    /// <summary>Answer with the list.</summary>
    Read = 0,

    /// <summary>Set the list, if it is empty or has the sender in it.</summary>
    Set = 1,

    /// <summary>Set the list.</summary>
    ForceSet = 2,
}

/// <summary>
/// The argument of command 3 (AoEr11, 3.4):
/// <code>
/// 24  what is asked for
/// 25  number of addresses
/// 26  addresses, 6 bytes each
/// </code>
/// </summary>
internal static class ReserveArgument
{
    /// <summary>Where the addresses begin.</summary>
    public const int ListOffset = 26;

    /// <summary>Reads what is asked for; false when the frame ends before the last address.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out ReserveCommand command, out ReadOnlySpan<byte> list)
    {
        command = default;
        list = default;
        if (frame.Length < ListOffset || frame.Length - ListOffset < frame[25] * MacAddress.Size)
        {
            return false;
        }

        command = (ReserveCommand)frame[24];
        list = frame.Slice(ListOffset, frame[25] * MacAddress.Size);
        return true;
    }

    /// <summary>Writes the answer with the list; returns the length of the frame.</summary>
    public static int WriteList(Span<byte> frame, ReserveCommand command, ReadOnlySpan<MacAddress> list)
    {
        frame[24] = (byte)command;
        frame[25] = (byte)list.Length;
        for (int i = 0; i < list.Length; i++)
        {
            list[i].Write(frame[(ListOffset + (i * MacAddress.Size))..]);
        }

        return ListOffset + (list.Length * MacAddress.Size);
    }
}
