using System.Buffers.Binary;

namespace Voe.Server.Nbd;

/// <summary>
/// The header of a request (proto.md, "Request message"), big-endian, 28 bytes:
/// <code>
/// offset size field
///      0    4 magic 0x25609513
///      4    2 command flags
///      6    2 type
///      8    8 cookie, given back in the reply, opaque
///     16    8 offset in bytes
///     24    4 length in bytes; for a WRITE as many bytes of payload follow
/// </code>
/// </summary>
/// <param name="Flags">Command flags, unknown bits included.</param>
/// <param name="Command">The type, unknown values included.</param>
/// <param name="Cookie">The client's name for the request.</param>
/// <param name="Offset">Byte offset in the export.</param>
/// <param name="Length">Length in bytes.</param>
internal readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, uint Length)
{
    /// <summary>Bytes of a header.</summary>
    public const int HeaderSize = 28;

    private const int FlagsOffset = 4;
    private const int CommandOffset = 6;
    private const int CookieOffset = 8;
    private const int OffsetOffset = 16;
    private const int LengthOffset = 24;

    /// <summary>Bytes of payload that follow the header.</summary>
    public uint PayloadLength => Command == NbdCommand.Write ? Length : 0;

    /// <summary>Whether the reply has to wait until the change is durable.</summary>
    public bool IsFua => (Flags & NbdCommandFlags.Fua) != NbdCommandFlags.None;

    /// <summary>Whether zeroes have to be allocated.</summary>
    public bool IsNoHole => (Flags & NbdCommandFlags.NoHole) != NbdCommandFlags.None;

    /// <summary>Reads a header from the first 28 bytes of <paramref name="source"/>; false when the magic is wrong.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out NbdRequest request)
    {
        request = new NbdRequest(
            (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(source[FlagsOffset..]),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(source[CommandOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[CookieOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[OffsetOffset..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[LengthOffset..]));
        return BinaryPrimitives.ReadUInt32BigEndian(source) == NbdProtocol.RequestMagic;
    }

    /// <summary>Writes the header to the first 28 bytes of <paramref name="destination"/>: the client's side.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, NbdProtocol.RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(destination[FlagsOffset..], (ushort)Flags);
        BinaryPrimitives.WriteUInt16BigEndian(destination[CommandOffset..], (ushort)Command);
        BinaryPrimitives.WriteUInt64BigEndian(destination[CookieOffset..], Cookie);
        BinaryPrimitives.WriteUInt64BigEndian(destination[OffsetOffset..], Offset);
        BinaryPrimitives.WriteUInt32BigEndian(destination[LengthOffset..], Length);
    }

    /// <summary>
    /// Every check that a request can fail before a device sees it; whoever handles a request afterwards trusts it. The
    /// order is that of the specification's errors: unknown first, then permission, then range.
    /// </summary>
    /// <param name="size">Size of the export in bytes, now.</param>
    /// <param name="isReadOnly">Whether the export refuses writes.</param>
    /// <returns>The error to reply with, or <see cref="NbdError.None"/>.</returns>
    public NbdError Validate(long size, bool isReadOnly)
    {
        NbdCommandFlags known = NbdCommandFlags.Fua | (Command == NbdCommand.WriteZeroes ? NbdCommandFlags.NoHole : NbdCommandFlags.None);
        if ((Flags & ~known) != NbdCommandFlags.None)
        {
            return NbdError.Invalid;
        }

        switch (Command)
        {
            case NbdCommand.Read:
                return Length <= NbdProtocol.MaxPayload && IsWithin(size) ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Write:
            case NbdCommand.WriteZeroes:
                return isReadOnly ? NbdError.NotPermitted : IsWithin(size) ? NbdError.None : NbdError.NoSpace;
            case NbdCommand.Trim:
                return isReadOnly ? NbdError.NotPermitted : IsWithin(size) ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Flush:
                return Offset == 0 && Length == 0 ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Disconnect:
                return NbdError.None;
            default:
                return NbdError.Invalid;
        }
    }

    private bool IsWithin(long size) => Offset <= (ulong)size && Length <= (ulong)size - Offset;
}
