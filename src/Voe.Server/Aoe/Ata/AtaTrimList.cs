using System.Buffers.Binary;

namespace Voe.Server.Aoe.Ata;

/// <summary>
/// The ranges that DATA SET MANAGEMENT trims (ACS-2, 7.10.3): entries of 8 bytes, little-endian, the LBA in the lower 48 bits
/// and a count of sectors in the upper 16; a count of zero is padding.
/// </summary>
internal static class AtaTrimList
{
    /// <summary>Bytes of an entry.</summary>
    public const int EntrySize = 8;

    /// <summary>The range of an entry, which may be empty.</summary>
    public static (long Sector, int Count) Read(ReadOnlySpan<byte> list, int entry)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(list[(entry * EntrySize)..]);
        return ((long)(value & 0xffff_ffff_ffff), (int)(value >> 48));
    }

    /// <summary>The first sector that one of the ranges names and that is not there; -1 when all are.</summary>
    public static long FindMissing(ReadOnlySpan<byte> list, long sectors)
    {
        for (int i = 0; i < list.Length / EntrySize; i++)
        {
            (long sector, int count) = Read(list, i);
            if (count > 0 && sector + count > sectors)
            {
                return Math.Max(sector, sectors);
            }
        }

        return -1;
    }
}
