using System.Buffers.Binary;

namespace Voe.Server.Nbd;

/// <summary>
/// The header of a simple reply (proto.md, "Simple reply message"), big-endian, 16 bytes. The payload of a READ that
/// succeeded follows it; nothing follows an error.
/// <code>
/// offset size field
///      0    4 magic 0x67446698
///      4    4 error, 0 for success
///      8    8 cookie of the request
/// </code>
/// </summary>
/// <param name="Error">The error.</param>
/// <param name="Cookie">The request's cookie.</param>
internal readonly record struct NbdReply(NbdError Error, ulong Cookie)
{
    /// <summary>Bytes of a header.</summary>
    public const int HeaderSize = 16;

    private const int ErrorOffset = 4;
    private const int CookieOffset = 8;

    /// <summary>Writes the header to the first 16 bytes of <paramref name="destination"/>.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, NbdProtocol.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(destination[ErrorOffset..], (uint)Error);
        BinaryPrimitives.WriteUInt64BigEndian(destination[CookieOffset..], Cookie);
    }

    /// <summary>Reads a header from the first 16 bytes (the client's side); false when the magic is wrong.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out NbdReply reply)
    {
        reply = new NbdReply(
            (NbdError)BinaryPrimitives.ReadUInt32BigEndian(source[ErrorOffset..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[CookieOffset..]));
        return BinaryPrimitives.ReadUInt32BigEndian(source) == NbdProtocol.SimpleReplyMagic;
    }
}
