using System.Buffers.Binary;
using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>
/// Builds the header's place and the record table of one batch in a buffer that is kept for the next. Layouts:
/// <see cref="RecordFormat"/>. One thread at a time.
/// </summary>
internal sealed class RecordTableWriter
{
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(16 << 10, pinned: true);
    private int _length = BatchHeader.Size;
    private int _openRecord = -1;

    /// <summary>Records so far.</summary>
    public int RecordCount { get; private set; }

    /// <summary>Length of the table in bytes, without the header.</summary>
    public int TableLength => _length - BatchHeader.Size;

    /// <summary>The header's 64 bytes, to be written by the log, and the table after them.</summary>
    public Memory<byte> HeaderAndTable => _buffer.AsMemory(0, _length);

    /// <summary>CRC32C of the table.</summary>
    public uint ComputeChecksum() => Crc32C.Compute(_buffer.AsSpan(BatchHeader.Size, TableLength));

    /// <summary>Begins a new table.</summary>
    public void Clear()
    {
        _length = BatchHeader.Size;
        _openRecord = -1;
        RecordCount = 0;
    }

    /// <summary>Begins a Chunks record; <see cref="AddChunk"/> fills it, the next record or <see cref="EndRecord"/> ends it.</summary>
    public void BeginChunks() => Begin(RecordKind.Chunks, 0);

    /// <summary>Adds a chunk to the open Chunks record. Its stored bytes come next in the payload.</summary>
    public void AddChunk(in ChunkRecord chunk)
    {
        Span<byte> entry = Extend(RecordFormat.ChunkEntrySize);
        chunk.Hash.Write(entry);
        BinaryPrimitives.WriteInt32LittleEndian(entry[32..], chunk.Length);
        BinaryPrimitives.WriteInt32LittleEndian(entry[36..], chunk.StoredLength);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[40..], chunk.Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[44..], (uint)chunk.Codec);
    }

    /// <summary>Begins an Extent record; <see cref="AddHash"/> fills it.</summary>
    public void BeginExtent(uint volume, ulong firstChunk)
    {
        Span<byte> body = Begin(RecordKind.Extent, RecordFormat.ExtentPrefixSize);
        BinaryPrimitives.WriteUInt32LittleEndian(body, volume);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(body[8..], firstChunk);
    }

    /// <summary>Adds the hash of the next chunk to the open Extent record.</summary>
    public void AddHash(in ChunkHash hash) => hash.Write(Extend(ChunkHash.Size));

    /// <summary>Adds a Delta record. Its bytes come next in the payload.</summary>
    public void AddDelta(in DeltaRecord delta)
    {
        Span<byte> body = Begin(RecordKind.Delta, RecordFormat.DeltaSize);
        BinaryPrimitives.WriteUInt32LittleEndian(body, delta.Volume);
        BinaryPrimitives.WriteInt32LittleEndian(body[4..], delta.Length);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], delta.Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body[16..], delta.Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(body[20..], 0);
    }

    /// <summary>Adds a Zero record.</summary>
    public void AddZero(uint volume, ulong firstChunk, ulong chunkCount)
    {
        Span<byte> body = Begin(RecordKind.Zero, RecordFormat.ZeroSize);
        BinaryPrimitives.WriteUInt32LittleEndian(body, volume);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(body[8..], firstChunk);
        BinaryPrimitives.WriteUInt64LittleEndian(body[16..], chunkCount);
    }

    /// <summary>Adds a Root record.</summary>
    public void AddRoot(uint volume, ulong coveredLsn, in ChunkHash root)
    {
        Span<byte> body = Begin(RecordKind.Root, RecordFormat.RootSize);
        BinaryPrimitives.WriteUInt32LittleEndian(body, volume);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(body[8..], coveredLsn);
        root.Write(body[16..]);
    }

    /// <summary>Adds a Volume record.</summary>
    public void AddVolume(VolumeRecord record) => AddBody(RecordKind.Volume, NamedRecordCodec.Encode(record));

    /// <summary>Adds a VolumeDeleted record.</summary>
    public void AddVolumeDeleted(uint volume)
    {
        Span<byte> body = Begin(RecordKind.VolumeDeleted, RecordFormat.VolumeDeletedSize);
        BinaryPrimitives.WriteUInt32LittleEndian(body, volume);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 0);
    }

    /// <summary>Adds a Snapshot record.</summary>
    public void AddSnapshot(SnapshotRecord record) => AddBody(RecordKind.Snapshot, NamedRecordCodec.Encode(record));

    /// <summary>Adds a SnapshotDeleted record.</summary>
    public void AddSnapshotDeleted(uint volume, string name) =>
        AddBody(RecordKind.SnapshotDeleted, NamedRecordCodec.EncodeSnapshotDeleted(volume, name));

    /// <summary>Ends the open record by writing its length. The table is complete after it.</summary>
    public void EndRecord()
    {
        if (_openRecord >= 0)
        {
            int bodyLength = _length - _openRecord - RecordFormat.HeaderSize;
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_openRecord + 4), bodyLength);
            _openRecord = -1;
        }
    }

    private void AddBody(RecordKind kind, byte[] body) => body.CopyTo(Begin(kind, body.Length));

    private Span<byte> Begin(RecordKind kind, int bodyLength)
    {
        EndRecord();
        _openRecord = _length;
        Span<byte> header = Extend(RecordFormat.HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header, (byte)kind);
        RecordCount++;
        return Extend(bodyLength);
    }

    private Span<byte> Extend(int count)
    {
        int start = _length;
        if (start + count > _buffer.Length)
        {
            byte[] larger = GC.AllocateUninitializedArray<byte>(Math.Max(_buffer.Length * 2, start + count), pinned: true);
            _buffer.AsSpan(0, start).CopyTo(larger);
            _buffer = larger;
        }

        _length = start + count;
        return _buffer.AsSpan(start, count);
    }
}
