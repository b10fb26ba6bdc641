using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Log;

/// <summary>
/// Reads the batches of one pack in order, from its file or from the headers and tables that its footer repeats, and
/// stops at the first that is not the next of the log. Knows nothing of the index. One thread at a time.
/// </summary>
/// <remarks>Payloads are not read unless <see cref="IsPayloadSound"/> is asked.</remarks>
internal sealed class BatchReader
{
    private const int FirstRead = 16 << 10; // covers header and table of most batches in one read

    private readonly IStorageFile? _file;
    private readonly uint _packId;
    private readonly ReadOnlyMemory<byte> _footer;
    private byte[] _buffer = [];
    private int _bufferLength; // bytes of the file from Offset on that are in _buffer
    private byte[] _payload = [];
    private int _footerNext;
    private ReadOnlyMemory<byte> _table;

    private BatchReader(IStorageFile? file, uint packId, long start, ReadOnlyMemory<byte> footer)
    {
        _file = file;
        _packId = packId;
        _footer = footer;
        Offset = start;
    }

    /// <summary>Where the next batch begins: the end of those that were read.</summary>
    public long Offset { get; private set; }

    /// <summary>The header of the batch that was read last.</summary>
    public BatchHeader Header { get; private set; }

    /// <summary>What the next batch links to: the checksum of the header, unless a repair says otherwise.</summary>
    public uint Link { get; private set; }

    /// <summary>Its record table, checksum verified; valid until the next read.</summary>
    public ReadOnlySpan<byte> Table => _table.Span;

    /// <summary>The same, in memory that stays when the reader is over a footer.</summary>
    public ReadOnlyMemory<byte> TableMemory => _table;

    /// <summary>Why <see cref="TryRead"/> returned false.</summary>
    public string StopReason { get; private set; } = "";

    /// <summary>A reader over a pack's file from byte <paramref name="start"/> on, which must be where a batch begins.</summary>
    public static BatchReader OverFile(IStorageFile file, uint packId, long start) => new(file, packId, start, default);

    /// <summary>A reader over the decompressed body of a pack's footer.</summary>
    public static BatchReader OverFooter(ReadOnlyMemory<byte> footer, uint packId, long start) => new(null, packId, start, footer);

    /// <summary>
    /// Reads the next batch, if it is there whole and is number <paramref name="lsn"/>, linked to
    /// <paramref name="previousChecksum"/>. Its payload is not looked at.
    /// </summary>
    /// <exception cref="StoreFormatException">A version that this program does not know.</exception>
    public bool TryRead(ulong lsn, uint previousChecksum)
    {
        ReadOnlyMemory<byte> bytes = Fetch(BatchHeader.Size);
        if (!BatchHeader.TryRead(bytes.Span, out BatchHeader header, out string reason))
        {
            StopReason = reason;
            return false;
        }

        if (header.PackId != _packId || header.Offset != Offset)
        {
            StopReason = $"the batch says it is in pack {header.PackId} at offset {header.Offset}";
            return false;
        }

        if (header.Lsn != lsn || header.PreviousChecksum != previousChecksum)
        {
            StopReason = $"LSN {lsn} after {previousChecksum:x8} expected, LSN {header.Lsn} after {header.PreviousChecksum:x8} found";
            return false;
        }

        int length = BatchHeader.Size + header.TableLength;
        bytes = Fetch(length);
        if (bytes.Length < length)
        {
            StopReason = $"the record table is cut off: {header.TableLength} bytes expected, {bytes.Length - BatchHeader.Size} found";
            return false;
        }

        uint computed = Crc32C.Compute(bytes.Span[BatchHeader.Size..length]);
        if (computed != header.TableChecksum)
        {
            StopReason = $"table checksum {header.TableChecksum:x8}, computed {computed:x8}";
            return false;
        }

        Header = header;
        Link = BatchHeader.ReadLink(bytes.Span);
        _table = bytes[BatchHeader.Size..length];
        Offset += header.TotalLength;
        _footerNext += length;
        return true;
    }

    /// <summary>
    /// Reads the payload of the batch that was read last and verifies each piece. False, with the reason in
    /// <see cref="StopReason"/>, when it is not what was written. Only over a file.
    /// </summary>
    /// <exception cref="InvalidDataException">The record table breaks the format.</exception>
    public bool IsPayloadSound()
    {
        int length = Header.PayloadLength;
        if (_payload.Length < length)
        {
            _payload = GC.AllocateUninitializedArray<byte>(Math.Max(length, 1 << 20));
        }

        Span<byte> payload = _payload.AsSpan(0, length);
        int read = _file!.Read(payload, Header.Offset + Header.PayloadOffset);
        if (read < length)
        {
            StopReason = $"the payload is cut off: {length} bytes expected, {read} found";
            return false;
        }

        var records = new RecordTableReader(Table);
        int next = 0;
        while (records.MoveNext())
        {
            int count = records.Kind == RecordKind.Chunks ? records.ChunkCount : records.Kind == RecordKind.Delta ? 1 : 0;
            for (int i = 0; i < count; i++)
            {
                (int pieceLength, uint checksum) = records.Kind == RecordKind.Delta
                    ? (records.GetDelta().Length, records.GetDelta().Checksum)
                    : (records.GetChunk(i).StoredLength, records.GetChunk(i).Checksum);
                if (!IsPieceSound(payload, ref next, pieceLength, checksum))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>The payload that <see cref="IsPayloadSound"/> has verified; valid until the next read.</summary>
    public ReadOnlySpan<byte> Payload => _payload.AsSpan(0, Header.PayloadLength);

    private bool IsPieceSound(ReadOnlySpan<byte> payload, ref int next, int length, uint checksum)
    {
        if (length > payload.Length - next)
        {
            StopReason = $"the records name more payload than the {payload.Length} bytes of the batch";
            return false;
        }

        uint computed = Crc32C.Compute(payload.Slice(next, length));
        if (computed != checksum)
        {
            StopReason = $"payload at {Header.PayloadOffset + next}: checksum {checksum:x8}, computed {computed:x8}";
            return false;
        }

        next += length;
        return true;
    }

    // At least `length` bytes from the next batch's start on, fewer only at the end of what there is.
    private ReadOnlyMemory<byte> Fetch(int length)
    {
        if (_file is null)
        {
            return _footer[_footerNext..];
        }

        if (length > BatchHeader.Size && length <= _bufferLength)
        {
            return _buffer.AsMemory(0, _bufferLength); // came along with the header
        }

        int want = Math.Max(length, FirstRead);
        if (_buffer.Length < want)
        {
            _buffer = GC.AllocateUninitializedArray<byte>(want);
        }

        _bufferLength = _file.Read(_buffer.AsSpan(0, want), Offset);
        return _buffer.AsMemory(0, _bufferLength);
    }
}
