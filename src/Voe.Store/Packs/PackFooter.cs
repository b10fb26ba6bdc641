using System.Buffers.Binary;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Packs;

/// <summary>
/// What ends a sealed pack: the headers and record tables of all its batches once more, compressed, so that the index
/// can be rebuilt without touching a payload; then this trailer, the last 64 bytes of the file. Little-endian;
/// docs/format.md, "Footer".
/// </summary>
/// <remarks>
/// <code>
///  0  8  magic             "VOE-FOOT"
///  8  4  version           1; a newer one is refused
/// 12  4  pack id
/// 16  8  first LSN
/// 24  8  last LSN
/// 32  4  data end          where the batches end and the body begins
/// 36  4  body length       bytes as stored: one Zstandard frame
/// 40  4  plain length      bytes of the body once decompressed
/// 44  4  batch count
/// 48  4  body checksum     CRC32C of the stored body
/// 52  4  last checksum     header checksum of the last batch
/// 56  4  reserved          zero
/// 60  4  checksum          CRC32C of the 60 bytes before it
/// </code>
/// Written after everything in the pack and before it is durable, so a valid footer says that the pack is durable too.
/// A pack without one was not sealed yet and is read batch by batch.
/// </remarks>
/// <param name="PackId">The pack.</param>
/// <param name="FirstLsn">LSN of its first batch.</param>
/// <param name="LastLsn">LSN of its last batch.</param>
/// <param name="DataEnd">Where the batches end.</param>
/// <param name="BodyLength">Stored length of the body.</param>
/// <param name="PlainLength">Its length once decompressed.</param>
/// <param name="BatchCount">Batches in the pack.</param>
/// <param name="BodyChecksum">CRC32C of the stored body.</param>
/// <param name="LastChecksum">Header checksum of the last batch.</param>
internal readonly record struct PackFooter(
    uint PackId,
    ulong FirstLsn,
    ulong LastLsn,
    uint DataEnd,
    int BodyLength,
    int PlainLength,
    int BatchCount,
    uint BodyChecksum,
    uint LastChecksum)
{
    /// <summary>Length of the trailer in bytes.</summary>
    public const int Size = 64;

    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const uint Version = 1;

    /// <summary>The reason why there is no footer when nothing there looks like one: the pack is not sealed, for the most part.</summary>
    public const string Missing = "no footer";

    private const int MaxPlainLength = 1 << 30;

    private static ReadOnlySpan<byte> Magic => "VOE-FOOT"u8;

    /// <summary>Writes all 64 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], PackId);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], FirstLsn);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], LastLsn);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[32..], DataEnd);
        BinaryPrimitives.WriteInt32LittleEndian(destination[36..], BodyLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[40..], PlainLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[44..], BatchCount);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[48..], BodyChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[52..], LastChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[56..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[60..], Crc32C.Compute(destination[..60]));
    }

    /// <summary>Reads a trailer; false, with the reason, when the bytes are not one.</summary>
    /// <exception cref="StoreFormatException">A version that this program does not know.</exception>
    public static bool TryRead(ReadOnlySpan<byte> source, out PackFooter footer, out string reason)
    {
        footer = default;
        if (source.Length < Size || !source[..Magic.Length].SequenceEqual(Magic))
        {
            reason = Missing;
            return false;
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(source[60..]);
        uint computed = Crc32C.Compute(source[..60]);
        if (stored != computed)
        {
            reason = $"footer checksum {stored:x8}, computed {computed:x8}";
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        if (version != Version)
        {
            throw new StoreFormatException(
                $"footer format version {version}; this program reads version {Version}: open the store with the program "
                + "that wrote it, or a newer one");
        }

        footer = new PackFooter(
            BinaryPrimitives.ReadUInt32LittleEndian(source[12..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[36..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[40..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[44..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[48..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[52..]));
        bool isSound = BinaryPrimitives.ReadUInt32LittleEndian(source[56..]) == 0 && footer.DataEnd >= PackHeader.Size
            && footer.BodyLength > 0 && footer.PlainLength is > 0 and <= MaxPlainLength && footer.BatchCount > 0
            && footer.FirstLsn <= footer.LastLsn;
        reason = isSound ? "" : "footer with lengths or numbers out of range";
        return isSound;
    }

    /// <summary>The trailer at the end of a pack's file; false, with the reason, when there is none that fits the file.</summary>
    public static bool TryReadFrom(IStorageFile file, uint packId, out PackFooter footer, out string reason)
    {
        footer = default;
        long length = file.Length;
        if (length < PackHeader.Size + Size)
        {
            reason = Missing;
            return false;
        }

        Span<byte> trailer = stackalloc byte[Size];
        int read = file.Read(trailer, length - Size);
        if (!TryRead(trailer[..read], out footer, out reason))
        {
            return false;
        }

        if (footer.PackId != packId || footer.DataEnd + (long)footer.BodyLength + Size != length)
        {
            reason = $"the footer is that of pack {footer.PackId}, {footer.DataEnd + (long)footer.BodyLength + Size} bytes "
                + $"long; the file has {length}";
            return false;
        }

        return true;
    }

    /// <summary>Reads, verifies and decompresses the body; false, with the reason, when it is not what was written.</summary>
    public bool TryReadBody(IStorageFile file, out byte[] plain, out string reason)
    {
        plain = [];
        byte[] stored = GC.AllocateUninitializedArray<byte>(BodyLength);
        int read = file.Read(stored, DataEnd);
        uint computed = Crc32C.Compute(stored.AsSpan(0, read));
        if (read < BodyLength || computed != BodyChecksum)
        {
            reason = $"footer body checksum {BodyChecksum:x8}, computed {computed:x8} over {read} of {BodyLength} bytes";
            return false;
        }

        byte[] body = GC.AllocateUninitializedArray<byte>(PlainLength);
        try
        {
            using var decompressor = new ZstdSharp.Decompressor();
            int length = decompressor.Unwrap(stored, body);
            if (length != PlainLength)
            {
                reason = $"the footer body has {length} bytes, {PlainLength} expected";
                return false;
            }
        }
        catch (ZstdSharp.ZstdException e)
        {
            reason = $"the footer body cannot be decompressed: {e.Message}";
            return false;
        }

        plain = body;
        reason = "";
        return true;
    }
}
