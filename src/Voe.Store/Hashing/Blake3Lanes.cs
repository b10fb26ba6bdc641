using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Voe.Store.Hashing;

/// <summary>
/// What BLAKE3 asks of a vector of 32-bit words, so that one kernel serves every width. A lane is one word of the vector
/// and one input of the kernel; lanes 4g to 4g+3 lie in the vector's g-th 128 bits.
/// </summary>
/// <remarks>
/// Implementations are empty structs: the kernel is compiled once for each, with the operations as single instructions.
/// The pack and unpack operations stay inside 128 bits, where they are cheapest on every processor.
/// </remarks>
/// <typeparam name="TVector">The vector.</typeparam>
internal unsafe interface ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>The same word in all lanes.</summary>
    static abstract TVector Broadcast(uint word);

    /// <summary>Lane-wise sum, modulo 2^32.</summary>
    static abstract TVector Add(TVector left, TVector right);

    /// <summary>Lane-wise exclusive or.</summary>
    static abstract TVector Xor(TVector left, TVector right);

    /// <summary>Lane-wise rotation to the right by 16 bits.</summary>
    static abstract TVector Rotate16(TVector value);

    /// <summary>Lane-wise rotation to the right by 12 bits.</summary>
    static abstract TVector Rotate12(TVector value);

    /// <summary>Lane-wise rotation to the right by 8 bits.</summary>
    static abstract TVector Rotate8(TVector value);

    /// <summary>Lane-wise rotation to the right by 7 bits.</summary>
    static abstract TVector Rotate7(TVector value);

    /// <summary>In each 128 bits: words 0 of left, right, then words 1 of left, right.</summary>
    static abstract TVector UnpackLow32(TVector left, TVector right);

    /// <summary>In each 128 bits: words 2 of left, right, then words 3 of left, right.</summary>
    static abstract TVector UnpackHigh32(TVector left, TVector right);

    /// <summary>In each 128 bits: the low halves of left and right.</summary>
    static abstract TVector UnpackLow64(TVector left, TVector right);

    /// <summary>In each 128 bits: the high halves of left and right.</summary>
    static abstract TVector UnpackHigh64(TVector left, TVector right);

    /// <summary>
    /// Reads 16 bytes at <paramref name="offset"/> of inputs 0, 4, 8 and so on, as many as there are groups of four lanes.
    /// </summary>
    static abstract TVector Gather(byte** inputs, nint offset);

    /// <summary>Writes each 128 bits, the g-th to <paramref name="output"/> + g * <paramref name="stride"/>.</summary>
    static abstract void Scatter(TVector value, byte* output, nint stride);
}

/// <summary>Four lanes of 128 bits: SSE2 and AdvSimd.</summary>
internal readonly unsafe struct Lanes4 : ILanes<Vector128<uint>>
{
    /// <summary>Whether this processor has it.</summary>
    public static bool IsSupported => BitConverter.IsLittleEndian && (Ssse3.IsSupported || AdvSimd.Arm64.IsSupported);

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Broadcast(uint word) => Vector128.Create(word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> left, Vector128<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Xor(Vector128<uint> left, Vector128<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Rotate16(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 16)
        : Vector128.Shuffle(value.AsUInt16(), Vector128.Create((ushort)1, 0, 3, 2, 5, 4, 7, 6)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Rotate12(Vector128<uint> value) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(value, 12) : (value >>> 12) | (value << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Rotate8(Vector128<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 8)
        : Vector128.Shuffle(value.AsByte(), Vector128.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12)).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Rotate7(Vector128<uint> value) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(value, 7) : (value >>> 7) | (value << 25);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> UnpackLow32(Vector128<uint> left, Vector128<uint> right) =>
        Sse2.IsSupported ? Sse2.UnpackLow(left, right) : AdvSimd.Arm64.ZipLow(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> UnpackHigh32(Vector128<uint> left, Vector128<uint> right) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(left, right) : AdvSimd.Arm64.ZipHigh(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> UnpackLow64(Vector128<uint> left, Vector128<uint> right) => Sse2.IsSupported
        ? Sse2.UnpackLow(left.AsUInt64(), right.AsUInt64()).AsUInt32()
        : AdvSimd.Arm64.ZipLow(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> UnpackHigh64(Vector128<uint> left, Vector128<uint> right) => Sse2.IsSupported
        ? Sse2.UnpackHigh(left.AsUInt64(), right.AsUInt64()).AsUInt32()
        : AdvSimd.Arm64.ZipHigh(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Gather(byte** inputs, nint offset) => Vector128.Load((uint*)(inputs[0] + offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(Vector128<uint> value, byte* output, nint stride) => value.Store((uint*)output);
}

/// <summary>Eight lanes of 256 bits: AVX2.</summary>
internal readonly unsafe struct Lanes8 : ILanes<Vector256<uint>>
{
    /// <summary>Whether this processor has it.</summary>
    public static bool IsSupported => Avx2.IsSupported;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Broadcast(uint word) => Vector256.Create(word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> left, Vector256<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Xor(Vector256<uint> left, Vector256<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Rotate16(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 16)
        : Avx2.Shuffle(
            value.AsByte(), Vector256.Create(Vector128.Create((byte)2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Rotate12(Vector256<uint> value) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(value, 12) : (value >>> 12) | (value << 20);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Rotate8(Vector256<uint> value) => Avx512F.VL.IsSupported
        ? Avx512F.VL.RotateRight(value, 8)
        : Avx2.Shuffle(
            value.AsByte(), Vector256.Create(Vector128.Create((byte)1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12))).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Rotate7(Vector256<uint> value) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(value, 7) : (value >>> 7) | (value << 25);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> UnpackLow32(Vector256<uint> left, Vector256<uint> right) => Avx2.UnpackLow(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> UnpackHigh32(Vector256<uint> left, Vector256<uint> right) => Avx2.UnpackHigh(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> UnpackLow64(Vector256<uint> left, Vector256<uint> right) =>
        Avx2.UnpackLow(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> UnpackHigh64(Vector256<uint> left, Vector256<uint> right) =>
        Avx2.UnpackHigh(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Gather(byte** inputs, nint offset) => Avx2.InsertVector128(
        Vector128.Load((uint*)(inputs[0] + offset)).ToVector256Unsafe(), Vector128.Load((uint*)(inputs[4] + offset)), 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(Vector256<uint> value, byte* output, nint stride)
    {
        value.GetLower().Store((uint*)output);
        value.GetUpper().Store((uint*)(output + stride));
    }
}

/// <summary>Sixteen lanes of 512 bits: AVX-512.</summary>
internal readonly unsafe struct Lanes16 : ILanes<Vector512<uint>>
{
    /// <summary>Whether this processor has it, and is not slowed down by it.</summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Broadcast(uint word) => Vector512.Create(word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> left, Vector512<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Xor(Vector512<uint> left, Vector512<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Rotate16(Vector512<uint> value) => Avx512F.RotateRight(value, 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Rotate12(Vector512<uint> value) => Avx512F.RotateRight(value, 12);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Rotate8(Vector512<uint> value) => Avx512F.RotateRight(value, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Rotate7(Vector512<uint> value) => Avx512F.RotateRight(value, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackLow32(Vector512<uint> left, Vector512<uint> right) => Avx512F.UnpackLow(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackHigh32(Vector512<uint> left, Vector512<uint> right) => Avx512F.UnpackHigh(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackLow64(Vector512<uint> left, Vector512<uint> right) =>
        Avx512F.UnpackLow(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> UnpackHigh64(Vector512<uint> left, Vector512<uint> right) =>
        Avx512F.UnpackHigh(left.AsUInt64(), right.AsUInt64()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Gather(byte** inputs, nint offset)
    {
        Vector512<uint> value = Vector128.Load((uint*)(inputs[0] + offset)).ToVector256Unsafe().ToVector512Unsafe();
        value = Avx512F.InsertVector128(value, Vector128.Load((uint*)(inputs[4] + offset)), 1);
        value = Avx512F.InsertVector128(value, Vector128.Load((uint*)(inputs[8] + offset)), 2);
        return Avx512F.InsertVector128(value, Vector128.Load((uint*)(inputs[12] + offset)), 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(Vector512<uint> value, byte* output, nint stride)
    {
        Avx512F.ExtractVector128(value, 0).Store((uint*)output);
        Avx512F.ExtractVector128(value, 1).Store((uint*)(output + stride));
        Avx512F.ExtractVector128(value, 2).Store((uint*)(output + (2 * stride)));
        Avx512F.ExtractVector128(value, 3).Store((uint*)(output + (3 * stride)));
    }
}
