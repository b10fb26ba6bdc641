using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>What a record of a batch's table says. The numbers are those on disk.</summary>
internal enum RecordKind : byte
{
    /// <summary>New chunks; their stored bytes are in the payload.</summary>
    Chunks = 1,

    /// <summary>Consecutive chunks of a volume now hold these hashes.</summary>
    Extent = 2,

    /// <summary>A write smaller than a chunk, kept as it came; its bytes are in the payload.</summary>
    Delta = 3,

    /// <summary>A range of a volume's chunks now is a hole.</summary>
    Zero = 4,

    /// <summary>A root block was written that covers the volume up to an LSN.</summary>
    Root = 5,

    /// <summary>A volume with all its settings: made, resized, renamed, changed or cloned.</summary>
    Volume = 6,

    /// <summary>A volume was deleted.</summary>
    VolumeDeleted = 7,

    /// <summary>A snapshot was made.</summary>
    Snapshot = 8,

    /// <summary>A snapshot was deleted.</summary>
    SnapshotDeleted = 9,
}

/// <summary>
/// Sizes and places of the records in a batch's table. Little-endian; docs/format.md, "Records". Each record:
/// <code>
/// 0  1  kind
/// 1  3  reserved     zero
/// 4  4  body length  bytes; the next record follows
/// 8     body
/// </code>
/// Writer: <see cref="RecordTableWriter"/>. Reader: <see cref="RecordTableReader"/>, which refuses what it does not know,
/// since a log of which a part is not understood cannot be replayed.
/// </summary>
internal static class RecordFormat
{
    /// <summary>Kind, reserved, body length.</summary>
    public const int HeaderSize = 8;

    /// <summary>A new chunk in a Chunks record: hash 32, plain length u32, stored length u32, checksum u32, codec u8, reserved 3.</summary>
    public const int ChunkEntrySize = 48;

    /// <summary>Extent body before its hashes: volume u32, reserved u32, first chunk u64.</summary>
    public const int ExtentPrefixSize = 16;

    /// <summary>Delta body: volume u32, length u32, byte offset u64, checksum u32, reserved u32.</summary>
    public const int DeltaSize = 24;

    /// <summary>Zero body: volume u32, reserved u32, first chunk u64, chunk count u64.</summary>
    public const int ZeroSize = 24;

    /// <summary>Root body: volume u32, reserved u32, covered LSN u64, root hash 32.</summary>
    public const int RootSize = 48;

    /// <summary>
    /// Volume body before its name: id u32, chunk size u32, size u64, created (Unix ms) u64, codec u8, level u8,
    /// name length u16, reserved u32, origin root hash 32 (all zero unless it is a clone).
    /// </summary>
    public const int VolumePrefixSize = 64;

    /// <summary>VolumeDeleted body: id u32, reserved u32.</summary>
    public const int VolumeDeletedSize = 8;

    /// <summary>Snapshot body before its name: volume u32, name length u16, reserved u16, created (Unix ms) u64, root hash 32.</summary>
    public const int SnapshotPrefixSize = 48;

    /// <summary>SnapshotDeleted body before its name: volume u32, name length u16, reserved u16.</summary>
    public const int SnapshotDeletedPrefixSize = 8;

    /// <summary>The longest name of a volume or snapshot, in bytes of UTF-8.</summary>
    public const int MaxNameLength = 255;
}

/// <summary>A new chunk, as a Chunks record has it.</summary>
/// <param name="Hash">Its hash.</param>
/// <param name="Length">Plain length in bytes.</param>
/// <param name="StoredLength">Stored length in bytes.</param>
/// <param name="Checksum">CRC32C of the stored bytes.</param>
/// <param name="Codec">Their encoding.</param>
internal readonly record struct ChunkRecord(ChunkHash Hash, int Length, int StoredLength, uint Checksum, ChunkCodec Codec);

/// <summary>A small write kept as it came.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Offset">Byte offset in the volume.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Checksum">CRC32C of the bytes, which are in the payload.</param>
internal readonly record struct DeltaRecord(uint Volume, long Offset, int Length, uint Checksum);

/// <summary>A volume's settings, all of them: the record replaces what was known of the volume.</summary>
/// <param name="Id">Its number, never used again.</param>
/// <param name="Name">Its name.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="ChunkSize">Chunk size in bytes.</param>
/// <param name="Compression">How new chunks are compressed.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
/// <param name="Origin">The root hash that a clone starts at; all zero otherwise.</param>
internal sealed record VolumeRecord(
    uint Id, string Name, long Size, int ChunkSize, CompressionSetting Compression, long CreatedUnixMs, ChunkHash Origin);

/// <summary>A snapshot: a name for a root hash.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Name">The snapshot's name.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
/// <param name="Root">Its root hash.</param>
internal sealed record SnapshotRecord(uint Volume, string Name, long CreatedUnixMs, ChunkHash Root);
