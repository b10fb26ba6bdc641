using System.Buffers.Binary;
using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>The 64 bytes that begin a batch. Little-endian; docs/format.md, "Batch".</summary>
/// <remarks>
/// <code>
///  0  4  magic             "VBAT"
///  4  2  version           1; a newer one is refused
///  6  2  flags             1: a repair wrote the batch in place of what was damaged; else zero
///  8  8  LSN               one more than that of the batch before
/// 16  8  durable LSN       everything up to it was durable when this batch was written: less than LSN
/// 24  4  pack id           the pack that it was written to
/// 28  4  offset            and where: a batch found elsewhere is not one
/// 32  4  previous          the header checksum of the batch before: the chain that no stale batch can join
/// 36  4  record count
/// 40  4  table length      bytes
/// 44  4  payload length    bytes
/// 48  4  table checksum    CRC32C of the record table
/// 52  4  link checksum     of a repaired batch: what the next batch links to, in place of this header's; else zero
/// 56  4  lost count        of a repaired batch: LSNs after its own that are lost, and that it stands for; else zero
/// 60  4  header checksum   CRC32C of the 60 bytes before it
/// </code>
/// The record table follows, then the payload, then zeros up to a multiple of 8. Each piece of the payload has its own
/// checksum in the table, so a chunk can be checked alone, and the payload needs none of its own.
/// <para>A repaired batch takes the place of one, or of several, of which not everything could be saved: it has the same
/// place and length, and the next batch, which nobody touched, still links to what was there.</para>
/// </remarks>
/// <param name="Lsn">The batch's number.</param>
/// <param name="DurableLsn">What was durable when it was written.</param>
/// <param name="PackId">Its pack.</param>
/// <param name="Offset">Its place in the pack's file.</param>
/// <param name="PreviousChecksum">The header checksum of the batch before.</param>
/// <param name="RecordCount">Records in the table.</param>
/// <param name="TableLength">Length of the table in bytes.</param>
/// <param name="PayloadLength">Length of the payload in bytes.</param>
/// <param name="TableChecksum">CRC32C of the table.</param>
/// <param name="IsRepaired">Whether a repair wrote it, since not everything could be saved.</param>
/// <param name="LinkChecksum">Of a repaired batch: what the next batch links to.</param>
/// <param name="LostCount">Of a repaired batch: how many LSNs after its own it stands for.</param>
internal readonly record struct BatchHeader(
    ulong Lsn,
    ulong DurableLsn,
    uint PackId,
    uint Offset,
    uint PreviousChecksum,
    int RecordCount,
    int TableLength,
    int PayloadLength,
    uint TableChecksum,
    bool IsRepaired = false,
    uint LinkChecksum = 0,
    uint LostCount = 0)
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 64;

    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const ushort Version = 1;

    /// <summary>Batches begin at multiples of this.</summary>
    public const int Alignment = 8;

    /// <summary>"VBAT" as a little-endian number.</summary>
    public const uint Magic = 0x54414256;

    /// <summary>The longest table that a reader accepts: limits come before allocations.</summary>
    public const int MaxTableLength = 16 << 20;

    /// <summary>The longest payload that a reader accepts.</summary>
    public const int MaxPayloadLength = 64 << 20;

    private const int VersionOffset = 4;
    private const int FlagsOffset = 6;
    private const int LsnOffset = 8;
    private const int DurableLsnOffset = 16;
    private const int PackIdOffset = 24;
    private const int OffsetOffset = 28;
    private const int PreviousOffset = 32;
    private const int RecordCountOffset = 36;
    private const int TableLengthOffset = 40;
    private const int PayloadLengthOffset = 44;
    private const int TableChecksumOffset = 48;
    private const int LinkOffset = 52;
    private const int LostCountOffset = 56;
    private const int ChecksumOffset = 60;
    private const ushort RepairedFlag = 1;

    /// <summary>The last LSN that the batch stands for: its own, or the last of those that it replaces.</summary>
    public ulong LastLsn => Lsn + LostCount;

    /// <summary>Where the payload begins, from the batch's start.</summary>
    public int PayloadOffset => Size + TableLength;

    /// <summary>The length of the whole batch with its padding.</summary>
    public long TotalLength => RoundUp((long)Size + TableLength + PayloadLength);

    /// <summary>Rounds a length up to the batches' alignment.</summary>
    public static long RoundUp(long length) => (length + Alignment - 1) & -Alignment;

    /// <summary>Writes all 64 bytes and returns the header checksum.</summary>
    public uint Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[VersionOffset..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[FlagsOffset..], IsRepaired ? RepairedFlag : (ushort)0);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[LsnOffset..], Lsn);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[DurableLsnOffset..], DurableLsn);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PackIdOffset..], PackId);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[OffsetOffset..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PreviousOffset..], PreviousChecksum);
        BinaryPrimitives.WriteInt32LittleEndian(destination[RecordCountOffset..], RecordCount);
        BinaryPrimitives.WriteInt32LittleEndian(destination[TableLengthOffset..], TableLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[PayloadLengthOffset..], PayloadLength);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[TableChecksumOffset..], TableChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[LinkOffset..], LinkChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[LostCountOffset..], LostCount);
        uint checksum = Crc32C.Compute(destination[..ChecksumOffset]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumOffset..], checksum);
        return checksum;
    }

    /// <summary>
    /// What the batch after the one with the header in <paramref name="source"/> links to: the header's own checksum, or
    /// what a repaired batch says.
    /// </summary>
    public static uint ReadLink(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32LittleEndian(
        source[(BinaryPrimitives.ReadUInt16LittleEndian(source[FlagsOffset..]) == RepairedFlag ? LinkOffset : ChecksumOffset)..]);

    /// <summary>
    /// Whether these bytes, a header or not, would say that they are in that pack at that offset. Asked first where they
    /// may be a client's data, in which anything may look like a header, of whichever version.
    /// </summary>
    public static bool NamesPlace(ReadOnlySpan<byte> source, uint packId, long offset) =>
        source.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(source[PackIdOffset..]) == packId
        && BinaryPrimitives.ReadUInt32LittleEndian(source[OffsetOffset..]) == offset;

    // The flags of a whole header, whose version and flags this program must know.
    private static ushort RequireKnown(ReadOnlySpan<byte> source)
    {
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(source[VersionOffset..]);
        ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(source[FlagsOffset..]);
        return version == Version && flags <= RepairedFlag
            ? flags
            : throw new StoreFormatException(
                $"batch format version {version}, flags {flags:x4}; this program reads version {Version} with flags up to "
                + $"{RepairedFlag:x4}: open the store with the program that wrote it, or a newer one");
    }

    /// <summary>Reads a header; false, with the reason, when the bytes are not a whole one.</summary>
    /// <exception cref="StoreFormatException">The header is whole, but of a version that this program does not know.</exception>
    public static bool TryRead(ReadOnlySpan<byte> source, out BatchHeader header, out string reason)
    {
        header = default;
        if (source.Length < Size)
        {
            reason = $"the batch header is cut off: {Size} bytes expected, {source.Length} found";
            return false;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            reason = $"batch magic \"VBAT\" expected, {Convert.ToHexStringLower(source[..4])} found";
            return false;
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]);
        uint computed = Crc32C.Compute(source[..ChecksumOffset]);
        if (stored != computed)
        {
            reason = $"batch header checksum {stored:x8}, computed {computed:x8}";
            return false;
        }

        ushort flags = RequireKnown(source);
        header = new BatchHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(source[LsnOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[DurableLsnOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[PackIdOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[OffsetOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[PreviousOffset..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[RecordCountOffset..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[TableLengthOffset..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[PayloadLengthOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[TableChecksumOffset..]),
            IsRepaired: flags == RepairedFlag,
            BinaryPrimitives.ReadUInt32LittleEndian(source[LinkOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[LostCountOffset..]));
        if ((!header.IsRepaired && (header.LinkChecksum != 0 || header.LostCount != 0))
            || header.TableLength is < 0 or > MaxTableLength || header.PayloadLength is < 0 or > MaxPayloadLength
            || header.LastLsn < header.Lsn || header.RecordCount < 0
            || (long)header.RecordCount * RecordFormat.HeaderSize > header.TableLength
            || header.DurableLsn >= header.Lsn)
        {
            reason = $"batch header with lengths or numbers out of range (LSN {header.Lsn}, table {header.TableLength}, "
                + $"payload {header.PayloadLength})";
            return false;
        }

        reason = "";
        return true;
    }
}
