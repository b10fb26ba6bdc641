namespace Voe.Server.Aoe.Ata;

/// <summary>
/// The structures of SMART, 512 bytes each (ACS-2, 7.52, and ATA/ATAPI-5 for the thresholds): a healthy disk without
/// attributes, self-tests or logs, since what it could say of itself is in the server's own status.
/// </summary>
internal static class AtaSmart
{
    /// <summary>Bytes of each structure.</summary>
    public const int Size = 512;

    private const byte Revision = 0x10;

    /// <summary>Writes what SMART READ DATA answers.</summary>
    public static void WriteData(Span<byte> destination)
    {
        WriteThresholds(destination);
        destination[368] = 0x03; // attributes are saved before and after a power mode
        destination[Size - 1] = AtaChecksum.Of(destination[..(Size - 1)]);
    }

    /// <summary>Writes what SMART READ THRESHOLDS answers.</summary>
    public static void WriteThresholds(Span<byte> destination)
    {
        destination[..Size].Clear();
        destination[0] = Revision;
        destination[Size - 1] = AtaChecksum.Of(destination[..(Size - 1)]);
    }
}
