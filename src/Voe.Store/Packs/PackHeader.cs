using System.Buffers.Binary;
using Voe.Store.Hashing;

namespace Voe.Store.Packs;

/// <summary>The first 4,096 bytes of a pack's file. Little-endian; docs/format.md, "Pack header".</summary>
/// <remarks>
/// <code>
///    0  8  magic           "VOE-PACK"
///    8  4  version         1; a newer one is refused
///   12  1  hash algorithm  1 BLAKE3, 2 SHA-256: as in the superblock
///   13  3  reserved        zero
///   16 16  store id        as in the superblock
///   32  4  pack id         1 or more; the file's name says the same
///   36  4  previous        checksum of the last batch header before this pack; 0 at the log's start
///   40  8  first LSN       that of the pack's first batch
///   48  8  durable LSN     everything up to it was durable when the pack was made
///   56     reserved        zero, up to the checksum
/// 4092  4  checksum        CRC32C of the bytes before it
/// </code>
/// Written whole when the pack is made, before its first batch; durable with the first flush after that.
/// </remarks>
/// <param name="HashAlgorithm">How chunks are named.</param>
/// <param name="StoreId">The store that the pack belongs to.</param>
/// <param name="PackId">The pack's number.</param>
/// <param name="PreviousChecksum">Links the first batch to the last one of the pack before.</param>
/// <param name="FirstLsn">LSN of the pack's first batch.</param>
/// <param name="DurableLsn">What was durable when the pack was made.</param>
internal readonly record struct PackHeader(
    HashAlgorithm HashAlgorithm, Guid StoreId, uint PackId, uint PreviousChecksum, ulong FirstLsn, ulong DurableLsn)
{
    /// <summary>Length in bytes; the first batch begins here.</summary>
    public const int Size = 4096;

    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const uint Version = 1;

    private const int VersionOffset = 8;
    private const int AlgorithmOffset = 12;
    private const int StoreIdOffset = 16;
    private const int PackIdOffset = 32;
    private const int PreviousOffset = 36;
    private const int FirstLsnOffset = 40;
    private const int DurableLsnOffset = 48;
    private const int ReservedOffset = 56;
    private const int ChecksumOffset = Size - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "VOE-PACK"u8;

    /// <summary>Writes all 4,096 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination.Clear();
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[VersionOffset..], Version);
        destination[AlgorithmOffset] = (byte)HashAlgorithm;
        _ = StoreId.TryWriteBytes(destination[StoreIdOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PackIdOffset..], PackId);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[PreviousOffset..], PreviousChecksum);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[FirstLsnOffset..], FirstLsn);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[DurableLsnOffset..], DurableLsn);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumOffset..], Crc32C.Compute(destination[..ChecksumOffset]));
    }

    /// <summary>
    /// Reads a header. False, with the reason, when the bytes are not a whole header (torn or damaged).
    /// </summary>
    /// <exception cref="StoreFormatException">The header is whole, but of a version that this program does not know.</exception>
    public static bool TryRead(ReadOnlySpan<byte> source, out PackHeader header, out string reason)
    {
        header = default;
        if (source.Length < Size)
        {
            reason = $"the pack header is cut off: {Size} bytes expected, {source.Length} found";
            return false;
        }

        if (!source[..Magic.Length].SequenceEqual(Magic))
        {
            reason = $"pack header magic \"VOE-PACK\" expected, {Convert.ToHexStringLower(source[..Magic.Length])} found";
            return false;
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]);
        uint computed = Crc32C.Compute(source[..ChecksumOffset]);
        if (stored != computed)
        {
            reason = $"pack header checksum {stored:x8}, computed {computed:x8}";
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[VersionOffset..]);
        if (version != Version)
        {
            throw new StoreFormatException(
                $"pack format version {version}; this program reads version {Version}: open the store with the program "
                + "that wrote it, or a newer one");
        }

        if (source[(AlgorithmOffset + 1)..StoreIdOffset].ContainsAnyExcept((byte)0)
            || source[ReservedOffset..ChecksumOffset].ContainsAnyExcept((byte)0))
        {
            reason = "a reserved byte of the pack header is not zero";
            return false;
        }

        header = new PackHeader(
            (HashAlgorithm)source[AlgorithmOffset],
            new Guid(source.Slice(StoreIdOffset, 16)),
            BinaryPrimitives.ReadUInt32LittleEndian(source[PackIdOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[PreviousOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[FirstLsnOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[DurableLsnOffset..]));
        reason = "";
        return true;
    }
}
