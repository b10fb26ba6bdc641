using System.Buffers.Binary;

namespace Voe.Server.Nbd;

/// <summary>
/// Replies as bytes, in the format that a connection agreed on. Success without data is a simple reply also where
/// replies are structured: it is shorter, and the specification leaves the choice. Pure; safe from many threads.
/// </summary>
internal readonly struct NbdReplyEncoder
{
    /// <summary>Bytes of a reply at most beyond its data or its extents; the replies of a group are sized by it.</summary>
    public const int MaxOverhead = 192;

    private const int OffsetSize = 8;
    private const int HoleLengthSize = 4;
    private const int ErrorSize = 4;
    private const int MessageLengthSize = 2;

    private readonly NbdReplyFormat _format;
    private readonly int _chunkHeaderSize;

    /// <summary>An encoder for that format.</summary>
    public NbdReplyEncoder(NbdReplyFormat format)
    {
        _format = format;
        _chunkHeaderSize = format == NbdReplyFormat.Extended ? NbdChunk.ExtendedHeaderSize : NbdChunk.HeaderSize;
        DataHeaderSize = format == NbdReplyFormat.Simple ? NbdReply.HeaderSize : _chunkHeaderSize + OffsetSize;
    }

    /// <summary>Whether replies come in chunks, so that holes and partial errors can be told.</summary>
    public bool HasChunks => _format != NbdReplyFormat.Simple;

    /// <summary>Bytes in front of the data of a READ.</summary>
    public int DataHeaderSize { get; }

    /// <summary>Writes the reply to a request that went well and has no data; returns its size.</summary>
    public int WriteDone(Span<byte> destination, in NbdRequest request)
    {
        // A READ of nothing: a chunk of data would have to have a byte (proto.md, NBD_REPLY_TYPE_OFFSET_DATA).
        bool isChunk = _format == NbdReplyFormat.Extended || (HasChunks && request.Command == NbdCommand.Read);
        if (isChunk)
        {
            return NbdChunk.Write(destination, request, NbdChunkFlags.Done, NbdChunkType.None, 0);
        }

        new NbdReply(NbdError.None, request.Cookie).Write(destination);
        return NbdReply.HeaderSize;
    }

    /// <summary>Writes what comes in front of the data of a READ, <see cref="DataHeaderSize"/> bytes.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="request">The request; if replies are simple, the data is all that it asked for.</param>
    /// <param name="offset">Byte offset of the data in the export.</param>
    /// <param name="length">Bytes of data, at least 1.</param>
    /// <param name="isLast">Whether the reply ends with it.</param>
    public void WriteDataHeader(Span<byte> destination, in NbdRequest request, ulong offset, int length, bool isLast)
    {
        if (!HasChunks)
        {
            new NbdReply(NbdError.None, request.Cookie).Write(destination);
            return;
        }

        int size = NbdChunk.Write(destination, request, Flags(isLast), NbdChunkType.OffsetData, OffsetSize + length);
        BinaryPrimitives.WriteUInt64BigEndian(destination[size..], offset);
    }

    /// <summary>Writes a chunk that says that a range reads as zeroes; returns its size. Not for simple replies.</summary>
    public int WriteHole(Span<byte> destination, in NbdRequest request, ulong offset, int length, bool isLast)
    {
        int size = NbdChunk.Write(destination, request, Flags(isLast), NbdChunkType.OffsetHole, OffsetSize + HoleLengthSize);
        BinaryPrimitives.WriteUInt64BigEndian(destination[size..], offset);
        BinaryPrimitives.WriteInt32BigEndian(destination[(size + OffsetSize)..], length);
        return size + OffsetSize + HoleLengthSize;
    }

    /// <summary>Writes the reply to a request that failed, the last of its chunks; returns its size.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="request">The request.</param>
    /// <param name="error">What went wrong.</param>
    /// <param name="offset">At which byte of the export, if that is known; told in chunks alone.</param>
    public int WriteError(Span<byte> destination, in NbdRequest request, NbdError error, ulong? offset = null)
    {
        if (!HasChunks)
        {
            new NbdReply(error, request.Cookie).Write(destination);
            return NbdReply.HeaderSize;
        }

        ReadOnlySpan<byte> message = NbdErrors.Message(error, request.Command);
        int length = ErrorSize + MessageLengthSize + message.Length + (offset is null ? 0 : OffsetSize);
        int position = NbdChunk.Write(
            destination, request, NbdChunkFlags.Done, offset is null ? NbdChunkType.Error : NbdChunkType.ErrorOffset, length);
        BinaryPrimitives.WriteUInt32BigEndian(destination[position..], (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(destination[(position + ErrorSize)..], (ushort)message.Length);
        message.CopyTo(destination[(position + ErrorSize + MessageLengthSize)..]);
        if (offset is not null)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination[(position + length - OffsetSize)..], offset.Value);
        }

        return position + length;
    }

    /// <summary>Bytes that <see cref="WriteStatus"/> needs for that many extents.</summary>
    public int StatusSize(int extentCount) => _format == NbdReplyFormat.Extended
        ? _chunkHeaderSize + 8 + (16 * extentCount)
        : _chunkHeaderSize + 4 + (8 * extentCount);

    /// <summary>Writes a chunk with the extents of one context; returns its size. Not for simple replies.</summary>
    /// <param name="destination">Where it goes.</param>
    /// <param name="request">The request.</param>
    /// <param name="contextId">The context, as the handshake numbered it.</param>
    /// <param name="extents">Its extents, one at least; of at most 32 bits of length and status each unless the format is extended.</param>
    /// <param name="isLast">Whether the reply ends with it.</param>
    public int WriteStatus(
        Span<byte> destination, in NbdRequest request, uint contextId, ReadOnlySpan<StatusExtent> extents, bool isLast)
    {
        bool isExtended = _format == NbdReplyFormat.Extended;
        int total = StatusSize(extents.Length);
        int position = NbdChunk.Write(
            destination,
            request,
            Flags(isLast),
            isExtended ? NbdChunkType.BlockStatusExtended : NbdChunkType.BlockStatus,
            total - _chunkHeaderSize);
        BinaryPrimitives.WriteUInt32BigEndian(destination[position..], contextId);
        position += 4;
        if (isExtended)
        {
            BinaryPrimitives.WriteInt32BigEndian(destination[position..], extents.Length);
            position += 4;
        }

        foreach (StatusExtent extent in extents)
        {
            if (isExtended)
            {
                BinaryPrimitives.WriteInt64BigEndian(destination[position..], extent.Length);
                BinaryPrimitives.WriteUInt64BigEndian(destination[(position + 8)..], extent.Status);
                position += 16;
            }
            else
            {
                BinaryPrimitives.WriteUInt32BigEndian(destination[position..], checked((uint)extent.Length));
                BinaryPrimitives.WriteUInt32BigEndian(destination[(position + 4)..], checked((uint)extent.Status));
                position += 8;
            }
        }

        return total;
    }

    private static NbdChunkFlags Flags(bool isLast) => isLast ? NbdChunkFlags.Done : NbdChunkFlags.None;
}
