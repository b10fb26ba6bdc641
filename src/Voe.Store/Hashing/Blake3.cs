namespace Voe.Store.Hashing;

/// <summary>
/// The BLAKE3 hash function, written over the processor's vectors: AVX-512, AVX2, SSE or AdvSimd, whatever there is.
/// </summary>
/// <remarks>
/// One shot: all input is there at the call. Safe from many threads; allocates nothing. Source: O'Connor, Aumasson,
/// Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere" (2020).
/// </remarks>
public static class Blake3
{
    /// <summary>Length of a key in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>The 32-byte hash of <paramref name="data"/>.</summary>
    public static ChunkHash Hash(ReadOnlySpan<byte> data)
    {
        Span<byte> output = stackalloc byte[ChunkHash.Size];
        Hash(data, output);
        return ChunkHash.Read(output);
    }

    /// <summary>
    /// Fills <paramref name="output"/>, of any length, with the hash of <paramref name="data"/>; a shorter output is the
    /// start of a longer one.
    /// </summary>
    public static void Hash(ReadOnlySpan<byte> data, Span<byte> output) =>
        Hash(Blake3Tree.WidestLanes, data, Blake3Scalar.IV, 0, output);

    /// <summary>Fills <paramref name="output"/>, of any length, with the keyed hash (a MAC) of <paramref name="data"/>.</summary>
    /// <param name="key">32 bytes.</param>
    /// <param name="data">The message.</param>
    /// <param name="output">Receives the hash.</param>
    /// <exception cref="ArgumentException">The key's length is not 32.</exception>
    public static void HashKeyed(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> output) =>
        HashKeyed(Blake3Tree.WidestLanes, key, data, output);

    /// <summary><see cref="HashKeyed(ReadOnlySpan{byte}, ReadOnlySpan{byte}, Span{byte})"/> in vectors of so many lanes.</summary>
    internal static void HashKeyed(int lanes, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> output)
    {
        if (key.Length != KeySize)
        {
            throw new ArgumentException($"A BLAKE3 key has {KeySize} bytes, this one {key.Length}.", nameof(key));
        }

        Span<uint> words = stackalloc uint[8];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(key[(4 * i)..]);
        }

        Hash(lanes, data, words, Blake3Scalar.KeyedHash, output);
    }

    /// <summary>Hashes in vectors of so many lanes, 1 for none, which the processor must have.</summary>
    internal static unsafe void Hash(int lanes, ReadOnlySpan<byte> data, ReadOnlySpan<uint> key, uint flags, Span<byte> output)
    {
        Span<uint> words = stackalloc uint[16];
        Span<byte> block = stackalloc byte[Blake3Scalar.BlockSize];
        int lastLength = Blake3Scalar.BlockSize;
        uint lastFlags;
        if (data.Length <= Blake3Scalar.LeafSize)
        {
            lastFlags = Blake3Tree.StartLeaf(data, 0, key, flags, words, block, out lastLength);
        }
        else
        {
            fixed (byte* start = data, children = block)
            fixed (uint* keyWords = key)
            {
                Blake3Tree.HashToRoot(lanes, start, data.Length, keyWords, flags, children);
            }

            key.CopyTo(words);
            lastFlags = flags | Blake3Scalar.Parent;
        }

        WriteOutput(words[..8], block, (uint)lastLength, lastFlags | Blake3Scalar.Root, output);
    }

    /// <summary>The root's compression, again for each 64 bytes of output with the next counter (§2.6).</summary>
    private static void WriteOutput(
        ReadOnlySpan<uint> chainingValue, ReadOnlySpan<byte> block, uint blockLength, uint flags, Span<byte> output)
    {
        Span<uint> words = stackalloc uint[16];
        Span<byte> bytes = stackalloc byte[Blake3Scalar.BlockSize];
        for (ulong counter = 0; !output.IsEmpty; counter++)
        {
            Blake3Scalar.Compress(chainingValue, block, counter, blockLength, flags, words);
            Blake3Scalar.WriteWords(words, bytes);
            int length = Math.Min(output.Length, bytes.Length);
            bytes[..length].CopyTo(output);
            output = output[length..];
        }
    }
}
