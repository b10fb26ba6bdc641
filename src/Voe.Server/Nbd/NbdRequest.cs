using System.Buffers.Binary;

namespace Voe.Server.Nbd;

/// <summary>
/// The header of a request (proto.md, "Request message"), big-endian, 28 bytes, or 32 with extended headers:
/// <code>
/// offset size field
///      0    4 magic 0x25609513; extended 0x21e41c71
///      4    2 command flags
///      6    2 type
///      8    8 cookie, given back in the reply, opaque
///     16    8 offset in bytes
///     24    4 length in bytes; for a WRITE as many bytes of payload follow
///     24    8 the same, extended; with the flag PAYLOAD_LEN as many bytes of payload follow
/// </code>
/// </summary>
/// <param name="Flags">Command flags, unknown bits included.</param>
/// <param name="Command">The type, unknown values included.</param>
/// <param name="Cookie">The client's name for the request.</param>
/// <param name="Offset">Byte offset in the export.</param>
/// <param name="Length">Length in bytes: of what the request is about, or of its payload.</param>
internal readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, ulong Length)
{
    /// <summary>Bytes of a header.</summary>
    public const int HeaderSize = 28;

    /// <summary>Bytes of an extended header.</summary>
    public const int ExtendedHeaderSize = 32;

    private const int FlagsOffset = 4;
    private const int CommandOffset = 6;
    private const int CookieOffset = 8;
    private const int OffsetOffset = 16;
    private const int LengthOffset = 24;

    /// <summary>Whether it came with an extended header.</summary>
    public bool IsExtended { get; init; }

    /// <summary>Which contexts a BLOCK_STATUS asks about, by their place in <see cref="NbdSession.Contexts"/>; 0 means all.</summary>
    public uint ContextMask { get; init; }

    /// <summary>Bytes of payload that follow the header.</summary>
    public ulong PayloadLength => (IsExtended ? Has(NbdCommandFlags.PayloadLength) : Command == NbdCommand.Write) ? Length : 0;

    /// <summary>Whether the reply has to wait until the change is durable.</summary>
    public bool IsFua => Has(NbdCommandFlags.Fua);

    /// <summary>Whether the flag is set.</summary>
    public bool Has(NbdCommandFlags flag) => (Flags & flag) != NbdCommandFlags.None;

    /// <summary>Reads an extended header from the first 32 bytes of <paramref name="source"/>; false when the magic is wrong.</summary>
    public static bool TryReadExtended(ReadOnlySpan<byte> source, out NbdRequest request)
    {
        request = new NbdRequest(
            (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(source[FlagsOffset..]),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(source[CommandOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[CookieOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[OffsetOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[LengthOffset..]))
        {
            IsExtended = true,
        };
        return BinaryPrimitives.ReadUInt32BigEndian(source) == NbdProtocol.ExtendedRequestMagic;
    }

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
        BinaryPrimitives.WriteUInt32BigEndian(destination[LengthOffset..], checked((uint)Length));
    }

    /// <summary>
    /// Every check that a request can fail before a device sees it; whoever handles a request afterwards trusts it. The
    /// order is that of the specification's errors: unknown first, then permission, then range, then size.
    /// </summary>
    /// <param name="size">Size of the export in bytes, now.</param>
    /// <param name="isReadOnly">Whether the export refuses writes.</param>
    /// <param name="format">What the handshake agreed on.</param>
    /// <param name="hasContexts">Whether metadata contexts were chosen.</param>
    /// <returns>The error to reply with, or <see cref="NbdError.None"/>.</returns>
    public NbdError Validate(long size, bool isReadOnly, NbdReplyFormat format = NbdReplyFormat.Simple, bool hasContexts = false)
    {
        if ((Flags & ~KnownFlags(format)) != NbdCommandFlags.None)
        {
            return NbdError.Invalid;
        }

        switch (Command)
        {
            case NbdCommand.Read when IsWithin(size) && Length > NbdProtocol.MaxPayload:
                return format == NbdReplyFormat.Simple ? NbdError.Invalid : NbdError.Overflow;
            case NbdCommand.Write when IsExtended && !Has(NbdCommandFlags.PayloadLength):
                return NbdError.Invalid;
            case NbdCommand.Write:
            case NbdCommand.WriteZeroes:
                return isReadOnly ? NbdError.NotPermitted : IsWithin(size) ? NbdError.None : NbdError.NoSpace;
            case NbdCommand.Trim:
                return isReadOnly ? NbdError.NotPermitted : IsWithin(size) ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Read:
            case NbdCommand.Cache:
                return IsWithin(size) ? NbdError.None : NbdError.Invalid;
            case NbdCommand.BlockStatus:
                return hasContexts && Length > 0 && IsWithin(size) ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Flush:
                return Offset == 0 && Length == 0 ? NbdError.None : NbdError.Invalid;
            case NbdCommand.Disconnect:
                return NbdError.None;
            default:
                return NbdError.Invalid;
        }
    }

    // FUA belongs to every command, whether it changes something or not (proto.md, "Command flags").
    private NbdCommandFlags KnownFlags(NbdReplyFormat format)
    {
        NbdCommandFlags payload = IsExtended ? NbdCommandFlags.PayloadLength : NbdCommandFlags.None;
        return NbdCommandFlags.Fua | Command switch
        {
            NbdCommand.Read when format != NbdReplyFormat.Simple => NbdCommandFlags.DontFragment,
            NbdCommand.Write => payload,
            NbdCommand.WriteZeroes => NbdCommandFlags.NoHole | NbdCommandFlags.FastZero,
            NbdCommand.BlockStatus => NbdCommandFlags.RequestOne | payload,
            _ => NbdCommandFlags.None,
        };
    }

    private bool IsWithin(long size) => Offset <= (ulong)size && Length <= (ulong)size - Offset;
}
