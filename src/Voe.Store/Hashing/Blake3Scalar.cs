using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Voe.Store.Hashing;

/// <summary>
/// BLAKE3's compression function on plain words ("BLAKE3: one function, fast everywhere", §2.2): the twin that the SIMD
/// kernel is tested against, the way for processors without vectors, and for blocks that are not full.
/// </summary>
internal static unsafe class Blake3Scalar
{
    /// <summary>Bytes that one compression takes.</summary>
    public const int BlockSize = 64;

    /// <summary>Bytes of a leaf of the hash tree (a "chunk" in the paper, a word that means something else here).</summary>
    public const int LeafSize = 1024;

    /// <summary>Blocks of a whole leaf.</summary>
    public const int BlocksPerLeaf = LeafSize / BlockSize;

    /// <summary>Flag: first block of a leaf.</summary>
    public const uint LeafStart = 1;

    /// <summary>Flag: last block of a leaf.</summary>
    public const uint LeafEnd = 2;

    /// <summary>Flag: the block is two chaining values.</summary>
    public const uint Parent = 4;

    /// <summary>Flag: the compression that makes the output.</summary>
    public const uint Root = 8;

    /// <summary>Flag: hashing begins with a key.</summary>
    public const uint KeyedHash = 16;

    /// <summary>Words 0 to 3 of the initial value, which is SHA-256's.</summary>
    public const uint IV0 = 0x6A09E667, IV1 = 0xBB67AE85, IV2 = 0x3C6EF372, IV3 = 0xA54FF53A;

    // An array: a span over words of static data allocates where the compiler does not optimise.
    private static readonly uint[] InitialValue = [IV0, IV1, IV2, IV3, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    /// <summary>The whole initial value: the key of unkeyed hashing.</summary>
    public static ReadOnlySpan<uint> IV => InitialValue;

    /// <summary>Seven rounds of sixteen: which message word is added where (§2.2, Table 2, applied again and again).</summary>
    public static ReadOnlySpan<byte> Schedule =>
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8,
        3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1,
        10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6,
        12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4,
        9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7,
        11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13,
    ];

    /// <summary>Compresses one block.</summary>
    /// <param name="chainingValue">Eight words; kept.</param>
    /// <param name="block">64 bytes.</param>
    /// <param name="counter">Number of the leaf, or of the block of output; 0 for a parent.</param>
    /// <param name="blockLength">How many of the block's bytes are input; the others are zero.</param>
    /// <param name="flags">The flags.</param>
    /// <param name="output">Sixteen words, of which the first eight are the new chaining value. May begin where that is.</param>
    public static void Compress(
        ReadOnlySpan<uint> chainingValue, ReadOnlySpan<byte> block, ulong counter, uint blockLength, uint flags, Span<uint> output)
    {
        Span<uint> m = stackalloc uint[16];
        for (int i = 0; i < m.Length; i++)
        {
            m[i] = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * i)..]);
        }

        Span<uint> s = stackalloc uint[16];
        chainingValue[..8].CopyTo(s);
        IV[..4].CopyTo(s[8..]);
        s[12] = (uint)counter;
        s[13] = (uint)(counter >> 32);
        s[14] = blockLength;
        s[15] = flags;
        for (int round = 0; round < 7; round++)
        {
            ReadOnlySpan<byte> word = Schedule.Slice(16 * round, 16);
            for (int i = 0; i < 4; i++)
            {
                Mix(s, i, 4 + i, 8 + i, 12 + i, m[word[2 * i]], m[word[(2 * i) + 1]]);
            }

            for (int i = 0; i < 4; i++)
            {
                Mix(s, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3), m[word[8 + (2 * i)]], m[word[9 + (2 * i)]]);
            }
        }

        for (int i = 0; i < 8; i++)
        {
            output[i + 8] = s[i + 8] ^ chainingValue[i];
            output[i] = s[i] ^ s[i + 8];
        }
    }

    /// <summary>The chaining value of a whole input of full blocks: what the kernel does, for one lane.</summary>
    /// <param name="input">The blocks.</param>
    /// <param name="key">Eight words.</param>
    /// <param name="counter">The counter.</param>
    /// <param name="flags">The blocks' flags.</param>
    /// <param name="output">Receives 32 bytes. May overlap the input.</param>
    public static void Compress(ReadOnlySpan<byte> input, ReadOnlySpan<uint> key, uint counter, BlockFlags flags, Span<byte> output)
    {
        Span<uint> words = stackalloc uint[16];
        key.CopyTo(words);
        int count = input.Length / BlockSize;
        for (int i = 0; i < count; i++)
        {
            Compress(words[..8], input.Slice(i * BlockSize, BlockSize), counter, BlockSize, flags.Of(i, count), words);
        }

        WriteWords(words[..8], output);
    }

    /// <summary>Writes words in BLAKE3's order of bytes, little-endian.</summary>
    public static void WriteWords(ReadOnlySpan<uint> words, Span<byte> output)
    {
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(output[(4 * i)..], words[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(Span<uint> s, int a, int b, int c, int d, uint x, uint y)
    {
        s[a] += s[b] + x;
        s[d] = BitOperations.RotateRight(s[d] ^ s[a], 16);
        s[c] += s[d];
        s[b] = BitOperations.RotateRight(s[b] ^ s[c], 12);
        s[a] += s[b] + y;
        s[d] = BitOperations.RotateRight(s[d] ^ s[a], 8);
        s[c] += s[d];
        s[b] = BitOperations.RotateRight(s[b] ^ s[c], 7);
    }
}

/// <summary>The flags of an input's blocks.</summary>
/// <param name="All">Flags of every block.</param>
/// <param name="First">More flags of the first block.</param>
/// <param name="Last">More flags of the last block.</param>
internal readonly record struct BlockFlags(uint All, uint First = 0, uint Last = 0)
{
    /// <summary>Those of a whole leaf, in hashing with these flags.</summary>
    public static BlockFlags Leaf(uint flags) => new(flags, Blake3Scalar.LeafStart, Blake3Scalar.LeafEnd);

    /// <summary>Those of a parent, which is one block.</summary>
    public static BlockFlags Parent(uint flags) => new(flags | Blake3Scalar.Parent);

    /// <summary>Those of block <paramref name="index"/> of <paramref name="count"/>.</summary>
    public uint Of(int index, int count) => All | (index == 0 ? First : 0) | (index == count - 1 ? Last : 0);
}
