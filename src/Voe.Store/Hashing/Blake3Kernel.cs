using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Voe.Store.Hashing;

/// <summary>
/// BLAKE3's compression of as many inputs at once as a vector has lanes: lane i of every vector belongs to input i, so the
/// function is the scalar one (<see cref="Blake3Scalar"/>, its twin) with vectors in place of words.
/// </summary>
/// <remarks>
/// <para>Invariants: every input is readable for blockCount * 64 bytes, and output writable for lanes * 32 bytes. Those are the only
/// bytes touched, besides the buffer of message words on the stack.</para>
/// <para>The sixteen state vectors live in registers. The message words do not fit beside them, so they are transposed
/// into stack memory, from where an addition takes them as an operand.</para>
/// </remarks>
/// <typeparam name="TLanes">The operations.</typeparam>
/// <typeparam name="TVector">The vector.</typeparam>
internal static unsafe class Blake3Kernel<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : unmanaged
{
    /// <summary>Compresses all blocks of one input per lane into one chaining value per lane.</summary>
    /// <param name="inputs">One address per lane, no alignment asked.</param>
    /// <param name="upcoming">One address per lane that the next call will read, to be fetched into the cache; a hint.</param>
    /// <param name="blockCount">Number of 64-byte blocks of each input, at least 1.</param>
    /// <param name="key">Eight words: the chaining value to begin with.</param>
    /// <param name="counters">
    /// One word per lane, the low half of the counter. The high half is zero, since a span has less than 2^32 leaves.
    /// </param>
    /// <param name="flags">The blocks' flags.</param>
    /// <param name="output">Receives 32 bytes per lane, in the order of the lanes. May overlap the inputs.</param>
    // Optimised from the first call: unoptimised, each vector operation would be a call, and a store that has just
    // started would crawl. There is nothing here that a profile could improve.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compress(
        byte** inputs, byte** upcoming, int blockCount, uint* key, uint* counters, BlockFlags flags, byte* output)
    {
        // Aligned by hand, since a vector that crosses a cache line costs two accesses.
        byte* buffer = stackalloc byte[17 * sizeof(TVector)];
        var m = (TVector*)(((nuint)buffer + (nuint)(sizeof(TVector) - 1)) & ~(nuint)(sizeof(TVector) - 1));
        TVector s0 = TLanes.Broadcast(key[0]), s1 = TLanes.Broadcast(key[1]), s2 = TLanes.Broadcast(key[2]), s3 = TLanes.Broadcast(key[3]);
        TVector s4 = TLanes.Broadcast(key[4]), s5 = TLanes.Broadcast(key[5]), s6 = TLanes.Broadcast(key[6]), s7 = TLanes.Broadcast(key[7]);
        for (int block = 0; block < blockCount; block++)
        {
            LoadMessage(inputs, block * Blake3Scalar.BlockSize, m);
            Prefetch(upcoming, block * Blake3Scalar.BlockSize);
            TVector s8 = TLanes.Broadcast(Blake3Scalar.IV0), s9 = TLanes.Broadcast(Blake3Scalar.IV1);
            TVector s10 = TLanes.Broadcast(Blake3Scalar.IV2), s11 = TLanes.Broadcast(Blake3Scalar.IV3);
            TVector s12 = Unsafe.ReadUnaligned<TVector>(counters), s13 = TLanes.Broadcast(0);
            TVector s14 = TLanes.Broadcast(Blake3Scalar.BlockSize), s15 = TLanes.Broadcast(flags.Of(block, blockCount));

            // The schedule is static data of the module, which does not move.
            byte* word = (byte*)Unsafe.AsPointer(ref Unsafe.AsRef(in Blake3Scalar.Schedule[0]));
            for (byte* end = word + Blake3Scalar.Schedule.Length; word < end; word += 16)
            {
                Mix(ref s0, ref s4, ref s8, ref s12, m[word[0]], m[word[1]]);
                Mix(ref s1, ref s5, ref s9, ref s13, m[word[2]], m[word[3]]);
                Mix(ref s2, ref s6, ref s10, ref s14, m[word[4]], m[word[5]]);
                Mix(ref s3, ref s7, ref s11, ref s15, m[word[6]], m[word[7]]);
                Mix(ref s0, ref s5, ref s10, ref s15, m[word[8]], m[word[9]]);
                Mix(ref s1, ref s6, ref s11, ref s12, m[word[10]], m[word[11]]);
                Mix(ref s2, ref s7, ref s8, ref s13, m[word[12]], m[word[13]]);
                Mix(ref s3, ref s4, ref s9, ref s14, m[word[14]], m[word[15]]);
            }

            s0 = TLanes.Xor(s0, s8);
            s1 = TLanes.Xor(s1, s9);
            s2 = TLanes.Xor(s2, s10);
            s3 = TLanes.Xor(s3, s11);
            s4 = TLanes.Xor(s4, s12);
            s5 = TLanes.Xor(s5, s13);
            s6 = TLanes.Xor(s6, s14);
            s7 = TLanes.Xor(s7, s15);
        }

        StoreQuad(s0, s1, s2, s3, output);
        StoreQuad(s4, s5, s6, s7, output + 16);
    }

    /// <summary>The quarter round G of the BLAKE3 paper, §2.2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(ref TVector a, ref TVector b, ref TVector c, ref TVector d, TVector x, TVector y)
    {
        a = TLanes.Add(TLanes.Add(a, x), b);
        d = TLanes.Rotate16(TLanes.Xor(d, a));
        c = TLanes.Add(c, d);
        b = TLanes.Rotate12(TLanes.Xor(b, c));
        a = TLanes.Add(TLanes.Add(a, y), b);
        d = TLanes.Rotate8(TLanes.Xor(d, a));
        c = TLanes.Add(c, d);
        b = TLanes.Rotate7(TLanes.Xor(b, c));
    }

    /// <summary>Fills <paramref name="m"/> with the sixteen message words of one block of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadMessage(byte** inputs, nint offset, TVector* m)
    {
        for (int quad = 0; quad < 4; quad++)
        {
            // Each vector holds words 4 quad to 4 quad + 3 of lanes k, k + 4, k + 8 and so on; transposed within its
            // 128 bits, four of them make four message words with the lanes in order.
            TVector row0 = TLanes.Gather(inputs, offset + (16 * quad)), row1 = TLanes.Gather(inputs + 1, offset + (16 * quad));
            TVector row2 = TLanes.Gather(inputs + 2, offset + (16 * quad)), row3 = TLanes.Gather(inputs + 3, offset + (16 * quad));
            Transpose(ref row0, ref row1, ref row2, ref row3);
            m[4 * quad] = row0;
            m[(4 * quad) + 1] = row1;
            m[(4 * quad) + 2] = row2;
            m[(4 * quad) + 3] = row3;
        }
    }

    /// <summary>Writes 16 bytes of each lane's chaining value, whose parts lie 32 bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuad(TVector word0, TVector word1, TVector word2, TVector word3, byte* output)
    {
        Transpose(ref word0, ref word1, ref word2, ref word3);
        TLanes.Scatter(word0, output, 4 * ChunkHash.Size);
        TLanes.Scatter(word1, output + ChunkHash.Size, 4 * ChunkHash.Size);
        TLanes.Scatter(word2, output + (2 * ChunkHash.Size), 4 * ChunkHash.Size);
        TLanes.Scatter(word3, output + (3 * ChunkHash.Size), 4 * ChunkHash.Size);
    }

    /// <summary>Transposes a 4x4 matrix of words in each 128 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(ref TVector row0, ref TVector row1, ref TVector row2, ref TVector row3)
    {
        TVector low01 = TLanes.UnpackLow32(row0, row1), high01 = TLanes.UnpackHigh32(row0, row1);
        TVector low23 = TLanes.UnpackLow32(row2, row3), high23 = TLanes.UnpackHigh32(row2, row3);
        row0 = TLanes.UnpackLow64(low01, low23);
        row1 = TLanes.UnpackHigh64(low01, low23);
        row2 = TLanes.UnpackLow64(high01, high23);
        row3 = TLanes.UnpackHigh64(high01, high23);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte** upcoming, nint offset)
    {
        if (Sse.IsSupported)
        {
            for (int lane = 0; lane < TLanes.Count; lane++)
            {
                Sse.Prefetch0(upcoming[lane] + offset);
            }
        }
    }
}
