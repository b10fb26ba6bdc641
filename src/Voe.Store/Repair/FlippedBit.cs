using System.Numerics;
using Voe.Store.Hashing;

namespace Voe.Store.Repair;

/// <summary>
/// Finds the one bit that was flipped in bytes whose CRC32C is known. What a rotten bit, a bad cable or bad memory leave is
/// mostly that, and then nothing is lost. A checksum of 32 bits alone is no proof: the caller confirms what it gets.
/// </summary>
internal static class FlippedBit
{
    /// <summary>
    /// Flips the bit in <paramref name="bytes"/> that makes their checksum <paramref name="checksum"/>; false, and nothing was
    /// changed, when no single bit does. Takes a few nanoseconds a bit.
    /// </summary>
    public static bool TryCorrect(Span<byte> bytes, uint checksum)
    {
        // CRC is linear: flipping a bit changes the checksum by what the bit alone, and zeros after it, would give.
        uint difference = Crc32C.Compute(bytes) ^ checksum;
        if (difference == 0)
        {
            return false;
        }

        Span<uint> effects = stackalloc uint[8];
        for (int bit = 0; bit < effects.Length; bit++)
        {
            effects[bit] = BitOperations.Crc32C(0u, (byte)(1 << bit));
        }

        for (int at = bytes.Length - 1; at >= 0; at--)
        {
            for (int bit = 0; bit < effects.Length; bit++)
            {
                if (effects[bit] == difference)
                {
                    bytes[at] ^= (byte)(1 << bit);
                    return true;
                }

                effects[bit] = BitOperations.Crc32C(effects[bit], (byte)0);
            }
        }

        return false;
    }
}
