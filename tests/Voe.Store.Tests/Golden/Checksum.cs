namespace Voe.Store.Tests.Golden;

/// <summary>CRC32C as docs/format.md tells it, bit by bit: the oracle of the fast one. It shares no code with it.</summary>
internal static class Checksum
{
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0xFFFF_FFFF;
        foreach (byte next in bytes)
        {
            sum ^= next;
            for (int bit = 0; bit < 8; bit++)
            {
                sum = (sum & 1) == 1 ? (sum >> 1) ^ 0x82F6_3B78 : sum >> 1; // the polynomial, reflected
            }
        }

        return ~sum;
    }
}
