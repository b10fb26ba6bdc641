using System.Buffers.Binary;

namespace Voe.Server.Nbd;

/// <summary>
/// The header of a chunk (proto.md, "Structured reply chunk message", "Extended reply chunk message"), big-endian:
/// <code>
/// structured, 20 bytes          extended, 32 bytes
/// offset size field             offset size field
///      0    4 magic 0x668e33ef       0    4 magic 0x6e8a278c
///      4    2 flags                  4    2 flags
///      6    2 type                   6    2 type
///      8    8 cookie                 8    8 cookie of the request
///     16    4 payload length        16    8 offset of the request
///                                   24    8 payload length
/// </code>
/// </summary>
internal static class NbdChunk
{
    /// <summary>Bytes of a structured header.</summary>
    public const int HeaderSize = 20;

    /// <summary>Bytes of an extended header.</summary>
    public const int ExtendedHeaderSize = 32;

    private const int FlagsOffset = 4;
    private const int TypeOffset = 6;
    private const int CookieOffset = 8;
    private const int LengthOffset = 16;
    private const int OffsetOffset = 16;
    private const int ExtendedLengthOffset = 24;

    /// <summary>Writes a header in the form that the request came in; returns its size.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="request">The request that is answered.</param>
    /// <param name="flags">Whether it is the last.</param>
    /// <param name="type">What the payload is.</param>
    /// <param name="length">Bytes of payload.</param>
    public static int Write(Span<byte> destination, in NbdRequest request, NbdChunkFlags flags, NbdChunkType type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination[FlagsOffset..], (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(destination[TypeOffset..], (ushort)type);
        BinaryPrimitives.WriteUInt64BigEndian(destination[CookieOffset..], request.Cookie);
        if (!request.IsExtended)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, NbdProtocol.StructuredReplyMagic);
            BinaryPrimitives.WriteInt32BigEndian(destination[LengthOffset..], length);
            return HeaderSize;
        }

        BinaryPrimitives.WriteUInt32BigEndian(destination, NbdProtocol.ExtendedReplyMagic);
        BinaryPrimitives.WriteUInt64BigEndian(destination[OffsetOffset..], request.Offset);
        BinaryPrimitives.WriteInt64BigEndian(destination[ExtendedLengthOffset..], length);
        return ExtendedHeaderSize;
    }
}
