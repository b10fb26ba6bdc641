using System.Buffers.Binary;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>
/// Reads the records of one batch's table, one after another: foreign bytes, so each is checked for kind, length,
/// reserved fields and ranges before it is handed out. Layouts: <see cref="RecordFormat"/>.
/// </summary>
internal ref struct RecordTableReader
{
    private readonly ReadOnlySpan<byte> _table;
    private int _next;

    /// <summary>A reader over a table whose checksum has been verified.</summary>
    public RecordTableReader(ReadOnlySpan<byte> table)
    {
        _table = table;
        Body = default;
    }

    /// <summary>The kind of the current record.</summary>
    public RecordKind Kind { get; private set; }

    /// <summary>The body of the current record.</summary>
    public ReadOnlySpan<byte> Body { get; private set; }

    /// <summary>Chunks: how many.</summary>
    public readonly int ChunkCount => Body.Length / RecordFormat.ChunkEntrySize;

    /// <summary>Extent: how many hashes.</summary>
    public readonly int HashCount => (Body.Length - RecordFormat.ExtentPrefixSize) / ChunkHash.Size;

    /// <summary>The volume, for every kind but Chunks and Volume.</summary>
    public readonly uint Volume => BinaryPrimitives.ReadUInt32LittleEndian(Body);

    /// <summary>Extent and Zero: the first chunk number.</summary>
    public readonly ulong FirstChunk => BinaryPrimitives.ReadUInt64LittleEndian(Body[8..]);

    /// <summary>Zero: how many chunks.</summary>
    public readonly ulong ZeroCount => BinaryPrimitives.ReadUInt64LittleEndian(Body[16..]);

    /// <summary>Root: the LSN that it covers.</summary>
    public readonly ulong CoveredLsn => BinaryPrimitives.ReadUInt64LittleEndian(Body[8..]);

    /// <summary>Root: the root hash.</summary>
    public readonly ChunkHash Root => ChunkHash.Read(Body[16..]);

    /// <summary>Goes to the next record; false at the end.</summary>
    /// <exception cref="InvalidDataException">The table breaks the format; the message says how.</exception>
    /// <exception cref="StoreFormatException">A record of a kind that this program does not know.</exception>
    public bool MoveNext()
    {
        if (_next == _table.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = _table[_next..];
        if (rest.Length < RecordFormat.HeaderSize)
        {
            throw new InvalidDataException($"record at table offset {_next} is cut off");
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
        if (length < 0 || length > rest.Length - RecordFormat.HeaderSize)
        {
            throw new InvalidDataException($"record at table offset {_next} says {length} bytes, "
                + $"{rest.Length - RecordFormat.HeaderSize} are left");
        }

        Kind = (RecordKind)rest[0];
        Body = rest.Slice(RecordFormat.HeaderSize, length);
        if ((BinaryPrimitives.ReadUInt32LittleEndian(rest) >> 8) != 0 || !IsBodySound())
        {
            throw new InvalidDataException($"record of kind {Kind} at table offset {_next} breaks the format ({length} bytes)");
        }

        _next += RecordFormat.HeaderSize + length;
        return true;
    }

    /// <summary>Chunks: the entry at <paramref name="index"/>.</summary>
    public readonly ChunkRecord GetChunk(int index)
    {
        ReadOnlySpan<byte> entry = Body.Slice(index * RecordFormat.ChunkEntrySize, RecordFormat.ChunkEntrySize);
        return new ChunkRecord(
            ChunkHash.Read(entry),
            BinaryPrimitives.ReadInt32LittleEndian(entry[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(entry[36..]),
            BinaryPrimitives.ReadUInt32LittleEndian(entry[40..]),
            (ChunkCodec)BinaryPrimitives.ReadUInt32LittleEndian(entry[44..]));
    }

    /// <summary>Extent: the hash at <paramref name="index"/>.</summary>
    public readonly ChunkHash GetHash(int index) => ChunkHash.Read(Body[(RecordFormat.ExtentPrefixSize + (index * ChunkHash.Size))..]);

    /// <summary>Delta: the record.</summary>
    public readonly DeltaRecord GetDelta() => new(
        Volume,
        BinaryPrimitives.ReadInt64LittleEndian(Body[8..]),
        BinaryPrimitives.ReadInt32LittleEndian(Body[4..]),
        BinaryPrimitives.ReadUInt32LittleEndian(Body[16..]));

    /// <summary>Volume: the record.</summary>
    public readonly VolumeRecord GetVolume() => NamedRecordCodec.TryDecodeVolume(Body, out VolumeRecord record)
        ? record
        : throw new InvalidDataException("volume record breaks the format");

    /// <summary>Snapshot: the record.</summary>
    public readonly SnapshotRecord GetSnapshot() => NamedRecordCodec.TryDecodeSnapshot(Body, out SnapshotRecord record)
        ? record
        : throw new InvalidDataException("snapshot record breaks the format");

    private readonly bool IsBodySound() => Kind switch
    {
        RecordKind.Chunks => Body.Length > 0 && Body.Length % RecordFormat.ChunkEntrySize == 0 && AreChunksSound(),
        RecordKind.Extent => Body.Length > RecordFormat.ExtentPrefixSize
            && (Body.Length - RecordFormat.ExtentPrefixSize) % ChunkHash.Size == 0 && IsReservedZero(4)
            && FirstChunk + (ulong)HashCount > FirstChunk,
        RecordKind.Delta => Body.Length == RecordFormat.DeltaSize && IsReservedZero(20) && IsDeltaSound(GetDelta()),
        RecordKind.Zero => Body.Length == RecordFormat.ZeroSize && IsReservedZero(4) && ZeroCount > 0
            && FirstChunk + ZeroCount > FirstChunk,
        RecordKind.Root => Body.Length == RecordFormat.RootSize && IsReservedZero(4),
        RecordKind.VolumeDeleted => Body.Length == RecordFormat.VolumeDeletedSize && IsReservedZero(4),
        RecordKind.Volume => NamedRecordCodec.TryDecodeVolume(Body, out _),
        RecordKind.Snapshot => NamedRecordCodec.TryDecodeSnapshot(Body, out _),
        RecordKind.SnapshotDeleted => NamedRecordCodec.TryDecodeSnapshotDeleted(Body, out _, out _),
        _ => throw new StoreFormatException(
            $"record of kind {(int)Kind}, which this program does not know: open the store with the program that wrote it, or a newer one"),
    };

    private readonly bool IsReservedZero(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(Body[offset..]) == 0;

    private static bool IsDeltaSound(in DeltaRecord delta) =>
        delta is { Offset: >= 0, Length: > 0 and <= VolumeLimits.MaxChunkSize };

    private readonly bool AreChunksSound()
    {
        for (int i = 0; i < ChunkCount; i++)
        {
            ChunkRecord chunk = GetChunk(i);
            bool isLengthSound = chunk.Codec switch
            {
                ChunkCodec.Raw => chunk.StoredLength == chunk.Length,
                ChunkCodec.Lost => chunk.StoredLength > 0 && chunk.StoredLength <= chunk.Length,
                ChunkCodec.Lz4 or ChunkCodec.Zstd => chunk.StoredLength > 0 && chunk.StoredLength < chunk.Length,
                _ => false,
            };
            uint codecAndReserved = BinaryPrimitives.ReadUInt32LittleEndian(Body[((i * RecordFormat.ChunkEntrySize) + 44)..]);
            if (codecAndReserved != (uint)chunk.Codec || !isLengthSound || !VolumeLimits.IsChunkSize(chunk.Length) || chunk.Hash.IsZero)
            {
                return false;
            }
        }

        return true;
    }
}
