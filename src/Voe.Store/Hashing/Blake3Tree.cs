using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Voe.Store.Hashing;

/// <summary>
/// BLAKE3's tree ("BLAKE3: one function, fast everywhere", §2.1): leaves of 1 KiB and binary parents over them, level by
/// level, each level in passes of as many lanes as the processor has.
/// </summary>
/// <remarks>
/// <para>A level is reduced pair by pair from the left, an odd value going up unchanged; that is the paper's tree, where
/// the left side of a parent is the largest complete tree.</para>
/// <para>"Lanes" is the width that a caller asks for: 16, 8, 4, or 1 for the scalar way. Tests ask for each; all others
/// take <see cref="WidestLanes"/>.</para>
/// </remarks>
internal static unsafe class Blake3Tree
{
    /// <summary>The most leaves that are worked on at once; bounds the stack used to about 12 KiB.</summary>
    public const int MaxLeaves = 256;

    /// <summary>A pass works on whole vectors: this many entries behind the last one of each array are read or written too.</summary>
    public const int Padding = 16;

    /// <summary>The most lanes that this processor runs with profit.</summary>
    public static int WidestLanes { get; } = Lanes16.IsSupported ? 16 : Lanes8.IsSupported ? 8 : Lanes4.IsSupported ? 4 : 1;

    /// <summary>The chaining values of inputs of equal length.</summary>
    /// <param name="lanes">How many inputs at once, at most.</param>
    /// <param name="inputs">Addresses, with room for <see cref="Padding"/> more, which are overwritten.</param>
    /// <param name="count">Number of inputs, at least 1.</param>
    /// <param name="blockCount">64-byte blocks of each input.</param>
    /// <param name="key">Eight words.</param>
    /// <param name="counters">A word for each input and <see cref="Padding"/> more of any value.</param>
    /// <param name="flags">The blocks' flags.</param>
    /// <param name="output">
    /// Room for 32 bytes for each input and <see cref="Padding"/> more. May be the inputs' own buffer, if output i lies
    /// nowhere behind input i.
    /// </param>
    public static void Compress(
        int lanes, byte** inputs, int count, int blockCount, uint* key, uint* counters, BlockFlags flags, byte* output)
    {
        if (lanes == 1)
        {
            for (int i = 0; i < count; i++)
            {
                Blake3Scalar.Compress(
                    new ReadOnlySpan<byte>(inputs[i], blockCount * Blake3Scalar.BlockSize), new ReadOnlySpan<uint>(key, 8), counters[i],
                    flags, new Span<byte>(output + (i * ChunkHash.Size), ChunkHash.Size));
            }

            return;
        }

        // Lanes without an input repeat the last one: their results fall into the padding.
        new Span<nint>(inputs + count, Padding).Fill((nint)inputs[count - 1]);
        for (int i = 0; i < count;)
        {
            int left = count - i;
            int pass = left > 8 && lanes >= 16 ? 16 : left > 4 && lanes >= 8 ? 8 : 4;
            byte** from = inputs + i;
            byte** upcoming = left > pass ? from + pass : from;
            byte* to = output + (i * ChunkHash.Size);
            switch (pass)
            {
                case 16:
                    Blake3Kernel<Lanes16, Vector512<uint>>.Compress(from, upcoming, blockCount, key, counters + i, flags, to);
                    break;
                case 8:
                    Blake3Kernel<Lanes8, Vector256<uint>>.Compress(from, upcoming, blockCount, key, counters + i, flags, to);
                    break;
                default:
                    Blake3Kernel<Lanes4, Vector128<uint>>.Compress(from, upcoming, blockCount, key, counters + i, flags, to);
                    break;
            }

            i += pass;
        }
    }

    /// <summary>
    /// Puts the parents of neighbouring chaining values in the values' own place and returns how many there are; an odd
    /// value is kept behind them.
    /// </summary>
    /// <param name="lanes">How many at once, at most.</param>
    /// <param name="values">The chaining values, with <see cref="Padding"/>.</param>
    /// <param name="count">How many, 2 to <see cref="MaxLeaves"/>.</param>
    /// <param name="key">Eight words.</param>
    /// <param name="flags">Flags of every parent, besides the one that says that it is one.</param>
    [SkipLocalsInit]
    public static int Reduce(int lanes, byte* values, int count, uint* key, uint flags)
    {
        byte** inputs = stackalloc byte*[(MaxLeaves / 2) + Padding];
        uint* counters = stackalloc uint[(MaxLeaves / 2) + Padding];
        int pairs = count / 2;
        new Span<uint>(counters, pairs + Padding).Clear();
        for (int i = 0; i < pairs; i++)
        {
            inputs[i] = values + (i * 2 * ChunkHash.Size);
        }

        // Saved first, since the padding of the last pass may fall on it.
        Vector256<byte> odd = (count & 1) == 0 ? default : Vector256.Load(values + ((count - 1) * ChunkHash.Size));
        Compress(lanes, inputs, pairs, 1, key, counters, BlockFlags.Parent(flags), values);
        if ((count & 1) == 0)
        {
            return pairs;
        }

        odd.Store(values + (pairs * ChunkHash.Size));
        return pairs + 1;
    }

    /// <summary>
    /// Hashes more than one leaf up to the root, of which it leaves the last compression, the one that makes the output,
    /// to the caller: writes the 64 bytes of the root's two children.
    /// </summary>
    public static void HashToRoot(int lanes, byte* data, long length, uint* key, uint flags, byte* children)
    {
        uint leaves = LeafCount(length);
        if (leaves <= MaxLeaves)
        {
            HashSubtree(lanes, data, (int)length, 0, key, flags, 2, children);
            return;
        }

        long left = LeftLength(leaves);
        HashToValue(lanes, data, left, 0, key, flags, children);
        HashToValue(lanes, data + left, length - left, LeafCount(left), key, flags, children + ChunkHash.Size);
    }

    private static void HashToValue(int lanes, byte* data, long length, uint counter, uint* key, uint flags, byte* value)
    {
        uint leaves = LeafCount(length);
        if (leaves <= MaxLeaves)
        {
            HashSubtree(lanes, data, (int)length, counter, key, flags, 1, value);
            return;
        }

        byte* children = stackalloc byte[2 * ChunkHash.Size];
        long left = LeftLength(leaves);
        HashToValue(lanes, data, left, counter, key, flags, children);
        HashToValue(lanes, data + left, length - left, counter + LeafCount(left), key, flags, children + ChunkHash.Size);
        Blake3Scalar.Compress(
            new ReadOnlySpan<byte>(children, 2 * ChunkHash.Size), new ReadOnlySpan<uint>(key, 8), 0, BlockFlags.Parent(flags),
            new Span<byte>(value, ChunkHash.Size));
    }

    private static uint LeafCount(long length) => (uint)((length + Blake3Scalar.LeafSize - 1) / Blake3Scalar.LeafSize);

    /// <summary>
    /// Bytes of the left child of a node over <paramref name="leaves"/> leaves: the largest power of two of leaves that
    /// leaves some over.
    /// </summary>
    private static long LeftLength(uint leaves) => Blake3Scalar.LeafSize * (1L << System.Numerics.BitOperations.Log2(leaves - 1));

    /// <summary>
    /// Hashes up to <see cref="MaxLeaves"/> leaves and reduces them to <paramref name="target"/> chaining values, 1 or 2.
    /// </summary>
    [SkipLocalsInit]
    private static void HashSubtree(int lanes, byte* data, int length, uint firstCounter, uint* key, uint flags, int target, byte* output)
    {
        byte** inputs = stackalloc byte*[MaxLeaves + Padding];
        uint* counters = stackalloc uint[MaxLeaves + Padding];
        byte* values = stackalloc byte[(MaxLeaves + Padding) * ChunkHash.Size];
        int count = length / Blake3Scalar.LeafSize;
        for (int i = 0; i < count; i++)
        {
            inputs[i] = data + (i * Blake3Scalar.LeafSize);
            counters[i] = firstCounter + (uint)i;
        }

        if (count > 0)
        {
            Compress(lanes, inputs, count, Blake3Scalar.BlocksPerLeaf, key, counters, BlockFlags.Leaf(flags), values);
        }

        int rest = length % Blake3Scalar.LeafSize;
        if (rest > 0)
        {
            HashShortLeaf(
                new ReadOnlySpan<byte>(data + (length - rest), rest), firstCounter + (uint)count, new ReadOnlySpan<uint>(key, 8), flags,
                new Span<byte>(values + (count * ChunkHash.Size), ChunkHash.Size));
            count++;
        }

        while (count > target)
        {
            count = Reduce(lanes, values, count, key, flags);
        }

        new ReadOnlySpan<byte>(values, target * ChunkHash.Size).CopyTo(new Span<byte>(output, target * ChunkHash.Size));
    }

    private static void HashShortLeaf(ReadOnlySpan<byte> leaf, uint counter, ReadOnlySpan<uint> key, uint flags, Span<byte> value)
    {
        Span<uint> words = stackalloc uint[16];
        Span<byte> block = stackalloc byte[Blake3Scalar.BlockSize];
        uint last = StartLeaf(leaf, counter, key, flags, words, block, out int lastLength);
        Blake3Scalar.Compress(words[..8], block, counter, (uint)lastLength, last, words);
        Blake3Scalar.WriteWords(words[..8], value);
    }

    /// <summary>
    /// Compresses all blocks of a leaf but the last: leaves the chaining value before it in <paramref name="words"/>, the
    /// block, filled up with zeros, in <paramref name="block"/>, and returns the flags it is to be compressed with.
    /// </summary>
    public static uint StartLeaf(
        ReadOnlySpan<byte> leaf, uint counter, ReadOnlySpan<uint> key, uint flags, Span<uint> words, Span<byte> block, out int lastLength)
    {
        key.CopyTo(words);
        uint start = Blake3Scalar.LeafStart;
        while (leaf.Length > Blake3Scalar.BlockSize)
        {
            Blake3Scalar.Compress(words[..8], leaf[..Blake3Scalar.BlockSize], counter, Blake3Scalar.BlockSize, flags | start, words);
            start = 0;
            leaf = leaf[Blake3Scalar.BlockSize..];
        }

        block.Clear();
        leaf.CopyTo(block);
        lastLength = leaf.Length;
        return flags | start | Blake3Scalar.LeafEnd;
    }
}
