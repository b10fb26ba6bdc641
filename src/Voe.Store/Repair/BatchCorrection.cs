using Voe.Store.Hashing;
using Voe.Store.Log;

namespace Voe.Store.Repair;

/// <summary>Header and record table of a batch of which one bit was flipped, in each of the two.</summary>
internal static class BatchCorrection
{
    /// <summary>The batch at that place with its bits turned back, or null. It follows the log, and its table keeps the format.</summary>
    public static FoundBatch? TryFind(PackCopy copy, long offset, LogCursor before, uint packId)
    {
        byte[] head = new byte[BatchHeader.Size];
        if (copy.File.Read(head, offset) < head.Length || !TryCorrectHeader(head, out BatchHeader header) || header.PackId != packId
            || header.Offset != offset)
        {
            return null;
        }

        byte[] bytes = new byte[BatchHeader.Size + header.TableLength];
        head.CopyTo(bytes, 0);
        Span<byte> table = bytes.AsSpan(BatchHeader.Size);
        if (copy.File.Read(table, offset + BatchHeader.Size) < table.Length)
        {
            return null;
        }

        bool isWhole = Crc32C.Compute(table) == header.TableChecksum
            || (FlippedBit.TryCorrect(table, header.TableChecksum) && KeepsFormat(table, header));
        var found = new FoundBatch(header, bytes, BatchHeader.ReadLink(head), copy, "the bytes there, with one bit turned back");
        return isWhole && found.Follows(before) ? found : null;
    }

    private static bool TryCorrectHeader(byte[] head, out BatchHeader header)
    {
        const int ChecksumOffset = BatchHeader.Size - sizeof(uint);
        if (TryRead(head, out header))
        {
            return true;
        }

        // The flipped bit is in what the checksum covers, or in the checksum.
        byte[] corrected = (byte[])head.Clone();
        uint stored = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(ChecksumOffset));
        if (FlippedBit.TryCorrect(corrected.AsSpan(0, ChecksumOffset), stored) && TryRead(corrected, out header))
        {
            corrected.CopyTo(head, 0);
            return true;
        }

        uint computed = Crc32C.Compute(head.AsSpan(0, ChecksumOffset));
        if (System.Numerics.BitOperations.PopCount(stored ^ computed) != 1)
        {
            return false;
        }

        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(ChecksumOffset), computed);
        return TryRead(head, out header);
    }

    private static bool TryRead(ReadOnlySpan<byte> head, out BatchHeader header)
    {
        try
        {
            return BatchHeader.TryRead(head, out header, out _);
        }
        catch (StoreFormatException)
        {
            header = default; // the bits that were turned made a version of it
            return false;
        }
    }

    private static bool KeepsFormat(ReadOnlySpan<byte> table, in BatchHeader header)
    {
        try
        {
            int count = 0;
            var records = new RecordTableReader(table);
            while (records.MoveNext())
            {
                count++;
            }

            return count == header.RecordCount;
        }
        catch (Exception e) when (e is InvalidDataException or StoreFormatException)
        {
            return false;
        }
    }
}
