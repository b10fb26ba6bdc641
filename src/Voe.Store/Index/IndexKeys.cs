using System.Buffers.Binary;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// Keys and values of the index in RocksDB: the one place where they are written and read.
/// </summary>
/// <remarks>
/// <para>Numbers in keys are big-endian, so that RocksDB's byte order is theirs; in values little-endian.</para>
/// <list type="table">
/// <listheader><term>column family</term><description>key → value (sizes in bytes)</description></listheader>
/// <item><term><c>chunks</c></term><description>chunk hash (32) → location (16)</description></item>
/// <item><term><c>volumes</c></term><description>
/// volume u32 (4), chunk number u64 (8) → chunk hash (32), location hint (16). Holes have no row.</description></item>
/// <item><term><c>roots</c></term><description>opaque → opaque</description></item>
/// <item><term><c>volume-records</c></term><description>volume u32 (4) → opaque</description></item>
/// <item><term><c>pack-stats</c></term><description>
/// 'P', pack u32 → stored chunks, stored bytes, referenced chunks, referenced bytes, each i64 (32);
/// 'R', volume u32, pack u32 → chunks and bytes that the volume refers to in the pack, each i64 (16);
/// 'V', volume u32 → chunks of the volume that are not holes, i64 (8). Rows of zeroes are not kept.</description></item>
/// <item><term><c>checkpoint</c></term><description>"format" → version u32 (4); "state" → opaque</description></item>
/// </list>
/// <para>Location (16 bytes):</para>
/// <list type="table">
/// <listheader><term>offset, type</term><description>field</description></listheader>
/// <item><term>0, u32 LE</term><description>pack, 1 or more</description></item>
/// <item><term>4, u32 LE</term><description>byte offset in the pack</description></item>
/// <item><term>8, u32 LE</term><description>CRC32C of the stored bytes</description></item>
/// <item><term>12, u16 LE</term><description>stored length less one</description></item>
/// <item><term>14, u8</term><description>codec: 0 raw, 1 LZ4, 2 Zstandard</description></item>
/// <item><term>15, u8</term><description>reserved, zero, checked on read</description></item>
/// </list>
/// </remarks>
internal static class IndexKeys
{
    /// <summary>Version of these layouts; a newer one is refused.</summary>
    public const uint FormatVersion = 1;

    /// <summary>Column family of the chunks.</summary>
    public const string ChunksFamily = "chunks";

    /// <summary>Column family of the volumes' maps.</summary>
    public const string VolumesFamily = "volumes";

    /// <summary>Column family of the root records.</summary>
    public const string RootsFamily = "roots";

    /// <summary>Column family of the volume records.</summary>
    public const string VolumeRecordsFamily = "volume-records";

    /// <summary>Column family of the usage counters.</summary>
    public const string PackStatsFamily = "pack-stats";

    /// <summary>Column family of the checkpoint's state.</summary>
    public const string CheckpointFamily = "checkpoint";

    /// <summary>Size of a location.</summary>
    public const int LocationSize = 16;

    /// <summary>Size of the key of a map row.</summary>
    public const int RowKeySize = 12;

    /// <summary>Size of the value of a map row.</summary>
    public const int RowValueSize = ChunkHash.Size + LocationSize;

    /// <summary>Size of the key of a volume record.</summary>
    public const int VolumeRecordKeySize = 4;

    /// <summary>Size of the key of a pack's usage.</summary>
    public const int PackUsageKeySize = 5;

    /// <summary>Size of a pack's usage.</summary>
    public const int PackUsageSize = 32;

    /// <summary>Size of the key of what a volume refers to in a pack.</summary>
    public const int ReferenceKeySize = 9;

    /// <summary>Size of what a volume refers to in a pack.</summary>
    public const int ReferenceSize = 16;

    /// <summary>Size of the key of a volume's count.</summary>
    public const int VolumeCountKeySize = 5;

    /// <summary>Size of a volume's count.</summary>
    public const int VolumeCountSize = 8;

    /// <summary>First byte of the key of a pack's usage.</summary>
    public const byte PackUsageKind = (byte)'P';

    /// <summary>First byte of the key of what a volume refers to in a pack.</summary>
    public const byte ReferenceKind = (byte)'R';

    /// <summary>First byte of the key of a volume's count.</summary>
    public const byte VolumeCountKind = (byte)'V';

    /// <summary>Key of the layouts' version.</summary>
    public static ReadOnlySpan<byte> FormatKey => "format"u8;

    /// <summary>Key of the checkpoint's state.</summary>
    public static ReadOnlySpan<byte> StateKey => "state"u8;

    /// <summary>Writes the 16 bytes of a location.</summary>
    public static void WriteLocation(Span<byte> destination, in ChunkLocation location)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, location.PackId);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], location.Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], location.Checksum);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[12..], (ushort)(location.StoredLength - 1));
        destination[14] = (byte)location.Codec;
        destination[15] = 0;
    }

    /// <summary>Reads a location.</summary>
    /// <exception cref="StoreDamagedException">The bytes are no location.</exception>
    public static ChunkLocation ReadLocation(ReadOnlySpan<byte> source)
    {
        uint pack = source.Length == LocationSize ? BinaryPrimitives.ReadUInt32LittleEndian(source) : 0;
        if (pack == 0 || source[14] > (byte)ChunkCodec.Zstd || source[15] != 0)
        {
            throw Damaged("a location", source);
        }

        return new ChunkLocation(
            pack,
            BinaryPrimitives.ReadUInt32LittleEndian(source[4..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[12..]) + 1,
            (ChunkCodec)source[14],
            BinaryPrimitives.ReadUInt32LittleEndian(source[8..]));
    }

    /// <summary>Writes the 12 bytes of the key of a map row.</summary>
    public static void WriteRowKey(Span<byte> destination, uint volume, ulong chunk)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, volume);
        BinaryPrimitives.WriteUInt64BigEndian(destination[4..], chunk);
    }

    /// <summary>Reads the key of a map row.</summary>
    /// <exception cref="StoreDamagedException">The bytes are no key.</exception>
    public static (uint Volume, ulong Chunk) ReadRowKey(ReadOnlySpan<byte> source) => source.Length == RowKeySize
        ? (BinaryPrimitives.ReadUInt32BigEndian(source), BinaryPrimitives.ReadUInt64BigEndian(source[4..]))
        : throw Damaged("the key of a map row", source);

    /// <summary>Writes the 48 bytes of a map row. Not for holes.</summary>
    public static void WriteRow(Span<byte> destination, in MapEntry entry)
    {
        entry.Hash.Write(destination);
        WriteLocation(destination[ChunkHash.Size..], entry.Location);
    }

    /// <summary>Reads a map row.</summary>
    /// <exception cref="StoreDamagedException">The bytes are no row.</exception>
    public static MapEntry ReadRow(ReadOnlySpan<byte> source) => source.Length == RowValueSize
        ? new MapEntry(ChunkHash.Read(source), ReadLocation(source[ChunkHash.Size..]))
        : throw Damaged("a map row", source);

    /// <summary>Writes a key of a kind and one number: 5 bytes.</summary>
    public static void WriteKey(Span<byte> destination, byte kind, uint number)
    {
        destination[0] = kind;
        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], number);
    }

    /// <summary>Writes the key of what a volume refers to in a pack: 9 bytes.</summary>
    public static void WriteReferenceKey(Span<byte> destination, uint volume, uint pack)
    {
        WriteKey(destination, ReferenceKind, volume);
        BinaryPrimitives.WriteUInt32BigEndian(destination[5..], pack);
    }

    /// <summary>Writes a pack's usage: 32 bytes.</summary>
    public static void WritePackUsage(Span<byte> destination, in PackUsage usage)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, usage.StoredChunks);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], usage.StoredBytes);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], usage.ReferencedChunks);
        BinaryPrimitives.WriteInt64LittleEndian(destination[24..], usage.ReferencedBytes);
    }

    /// <summary>Reads a pack's usage.</summary>
    /// <exception cref="StoreDamagedException">The bytes have another length.</exception>
    public static PackUsage ReadPackUsage(ReadOnlySpan<byte> source) => source.Length == PackUsageSize
        ? new PackUsage(
            BinaryPrimitives.ReadInt64LittleEndian(source),
            BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[24..]))
        : throw Damaged("the usage of a pack", source);

    /// <summary>Writes what a volume refers to in a pack: 16 bytes.</summary>
    public static void WriteReference(Span<byte> destination, long chunks, long bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, chunks);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], bytes);
    }

    /// <summary>Reads what a volume refers to in a pack.</summary>
    /// <exception cref="StoreDamagedException">The bytes have another length.</exception>
    public static (long Chunks, long Bytes) ReadReference(ReadOnlySpan<byte> source) => source.Length == ReferenceSize
        ? (BinaryPrimitives.ReadInt64LittleEndian(source), BinaryPrimitives.ReadInt64LittleEndian(source[8..]))
        : throw Damaged("what a volume refers to in a pack", source);

    /// <summary>The error for a row that has not its layout.</summary>
    public static StoreDamagedException Damaged(string what, ReadOnlySpan<byte> found) => new(
        $"the index is damaged: {what} was expected, found {found.Length} bytes "
        + $"{Convert.ToHexStringLower(found[..Math.Min(found.Length, 64)])}; "
        + "close the store and delete its index directory: it is rebuilt from the packs");
}
