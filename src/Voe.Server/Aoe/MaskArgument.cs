namespace Voe.Server.Aoe;

/// <summary>What command 2 asks for (AoEr11, 3.3).</summary>
internal enum MaskCommand : byte
{
    /// <summary>Answer with the list.</summary>
    Read = 0,

    /// <summary>Do the directives, answer with the list.</summary>
    Edit = 1,
}

/// <summary>What a directive says.</summary>
internal enum MaskDirective : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Add the address.</summary>
    Add = 1,

    /// <summary>Delete the address.</summary>
    Delete = 2,
}

/// <summary>Why an edit failed.</summary>
internal enum MaskError : byte
{
    /// <summary>It did not.</summary>
    None = 0,

    /// <summary>Anything else: here, an address that no station can have.</summary>
    Unspecified = 1,

    /// <summary>No such directive.</summary>
    BadDirective = 2,

    /// <summary>The list is full.</summary>
    Full = 3,
}

/// <summary>
/// The argument of command 2 (AoEr11, 3.3):
/// <code>
/// 24  reserved
/// 25  what is asked for
/// 26  error, in an answer
/// 27  number of directives; in an answer with an error, the number of the one that failed, the first being 0
/// 28  directives, 8 bytes each: reserved (1), directive (1), address (6)
/// </code>
/// </summary>
internal static class MaskArgument
{
    /// <summary>Where the directives begin.</summary>
    public const int DirectivesOffset = 28;

    /// <summary>Bytes of a directive.</summary>
    public const int DirectiveSize = 8;

    /// <summary>Reads what is asked for; false when the frame ends before the last directive.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out MaskCommand command, out ReadOnlySpan<byte> directives)
    {
        command = default;
        directives = default;
        if (frame.Length < DirectivesOffset || frame.Length - DirectivesOffset < frame[27] * DirectiveSize)
        {
            return false;
        }

        command = (MaskCommand)frame[25];
        directives = frame.Slice(DirectivesOffset, frame[27] * DirectiveSize);
        return true;
    }

    /// <summary>Writes the answer with the list; returns the length of the frame.</summary>
    public static int WriteList(Span<byte> frame, MaskCommand command, ReadOnlySpan<MacAddress> list)
    {
        WriteStart(frame, command, MaskError.None, (byte)list.Length);
        for (int i = 0; i < list.Length; i++)
        {
            Span<byte> directive = frame.Slice(DirectivesOffset + (i * DirectiveSize), DirectiveSize);
            directive[0] = 0;
            directive[1] = (byte)MaskDirective.None;
            list[i].Write(directive[2..]);
        }

        return DirectivesOffset + (list.Length * DirectiveSize);
    }

    /// <summary>Writes the answer to an edit that failed; returns the length of the frame.</summary>
    public static int WriteError(Span<byte> frame, MaskCommand command, MaskError error, int directive)
    {
        WriteStart(frame, command, error, (byte)directive);
        return DirectivesOffset;
    }

    private static void WriteStart(Span<byte> frame, MaskCommand command, MaskError error, byte count)
    {
        frame[24] = 0;
        frame[25] = (byte)command;
        frame[26] = (byte)error;
        frame[27] = count;
    }
}
