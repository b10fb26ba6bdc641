using System.Buffers.Binary;

namespace Voe.Store.Log;

/// <summary>
/// A place between two batches of the log: what a checkpoint covers, where replay begins, where the next batch goes.
/// As bytes (the index keeps it with each checkpoint): version u32, pack id u32, offset i64, LSN u64, checksum u32,
/// reserved u32; little-endian.
/// </summary>
/// <param name="LastLsn">The batch before; 0 at the log's start.</param>
/// <param name="LastChecksum">Its header checksum; 0 at the log's start.</param>
/// <param name="PackId">The pack that it is in; 0 when there is none yet.</param>
/// <param name="Offset">Where it ends in that pack's file.</param>
internal readonly record struct LogPosition(ulong LastLsn, uint LastChecksum, uint PackId, long Offset)
{
    /// <summary>Length of its bytes.</summary>
    public const int Size = 32;

    private const uint Version = 1;

    /// <summary>Writes its 32 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Version);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], PackId);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], LastLsn);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[24..], LastChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[28..], 0);
    }

    /// <summary>Reads a position; false when the bytes are not one that this program knows.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out LogPosition position)
    {
        position = default;
        if (source.Length != Size || BinaryPrimitives.ReadUInt32LittleEndian(source) != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(source[28..]) != 0)
        {
            return false;
        }

        position = new LogPosition(
            BinaryPrimitives.ReadUInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[8..]));
        return position.Offset >= 0;
    }
}
