using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Voe.Store.Hashing;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of everything that a store writes. Safe from many threads.</summary>
/// <remarks>
/// The processor's instruction takes three cycles but can begin one each cycle. So the bytes are read as three streams side
/// by side, whose checksums are then joined: the checksum of A followed by n zero bytes is A's, as a polynomial, times x^8n
/// modulo the CRC's polynomial, and checksums of equal length add up by exclusive or.
/// </remarks>
internal static class Crc32C
{
    /// <summary>Bytes of each of the three streams, for long and for short spans.</summary>
    private const int LongStream = 1024, ShortStream = 128;

    private static readonly uint LongShift = ShiftFactor(LongStream), LongShiftTwice = ShiftFactor(2 * LongStream);
    private static readonly uint ShortShift = ShiftFactor(ShortStream), ShortShiftTwice = ShiftFactor(2 * ShortStream);

    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>
    /// The checksum of some bytes followed by <paramref name="data"/>, where <paramref name="crc"/> is that of the former;
    /// 0 for none.
    /// </summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        crc = ~crc;
        while (data.Length >= 3 * LongStream)
        {
            crc = AppendStreams(crc, data, LongStream, LongShift, LongShiftTwice);
            data = data[(3 * LongStream)..];
        }

        while (data.Length >= 3 * ShortStream)
        {
            crc = AppendStreams(crc, data, ShortStream, ShortShift, ShortShiftTwice);
            data = data[(3 * ShortStream)..];
        }

        return ~AppendSerially(crc, data);
    }

    /// <summary>
    /// One stream, from and to the instruction's own value (not inverted): what is left over, and the twin of the fast way.
    /// </summary>
    internal static uint AppendSerially(uint crc, ReadOnlySpan<byte> data)
    {
        while (data.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }

        foreach (byte value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }

    private static uint AppendStreams(uint crc, ReadOnlySpan<byte> data, int length, uint shift, uint shiftTwice)
    {
        // In bounds: both callers have checked that the span holds three streams. Checks in the loop would halve its speed.
        ref byte first = ref MemoryMarshal.GetReference(data);
        ref byte second = ref Unsafe.Add(ref first, length);
        ref byte third = ref Unsafe.Add(ref second, length);
        uint crc1 = crc, crc2 = 0, crc3 = 0;
        for (nint i = 0; i < length; i += sizeof(ulong))
        {
            crc1 = BitOperations.Crc32C(crc1, ReadWord(ref Unsafe.Add(ref first, i)));
            crc2 = BitOperations.Crc32C(crc2, ReadWord(ref Unsafe.Add(ref second, i)));
            crc3 = BitOperations.Crc32C(crc3, ReadWord(ref Unsafe.Add(ref third, i)));
        }

        return BitOperations.Crc32C(0u, Multiply(crc1, shiftTwice) ^ Multiply(crc2, shift)) ^ crc3;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ReadWord(ref byte at)
    {
        ulong word = Unsafe.ReadUnaligned<ulong>(ref at);
        return BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word);
    }

    /// <summary>Product of two polynomials over GF(2), without reduction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Multiply(uint left, uint right)
    {
        if (Pclmulqdq.IsSupported)
        {
            return Pclmulqdq.CarrylessMultiply(
                Vector128.CreateScalar((ulong)left), Vector128.CreateScalar((ulong)right), 0).ToScalar();
        }

        ulong product = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            product ^= ((ulong)left << bit) & (0UL - ((right >> bit) & 1));
        }

        return product;
    }

    /// <summary>
    /// x^(8 length - 33) modulo the polynomial, lowest bit first. The 33: the product of two 32-bit values, lowest bit
    /// first, stands one bit low in 64, and the instruction multiplies by x^32 while it reduces.
    /// </summary>
    private static uint ShiftFactor(int length)
    {
        uint factor = 0x8000_0000; // the polynomial 1
        for (int power = 0; power < (8 * length) - 33; power++)
        {
            factor = (factor >> 1) ^ ((factor & 1) * 0x82F6_3B78);
        }

        return factor;
    }
}
