using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Voe.Store.Hashing;

/// <summary>Names chunks: hashes many of them at a time, wherever they lie. Stateless, safe from many threads, allocates nothing.</summary>
internal abstract class ChunkHasher
{
    /// <summary>The smallest chunk in bytes.</summary>
    public const int MinChunkSize = 4 << 10;

    /// <summary>The largest chunk in bytes.</summary>
    public const int MaxChunkSize = 64 << 10;

    private static readonly ChunkHasher Blake3Hasher = new Blake3ChunkHasher(Blake3Tree.WidestLanes);
    private static readonly ChunkHasher Sha256Hasher = new Sha256ChunkHasher();

    /// <summary>The hasher of that algorithm.</summary>
    public static ChunkHasher For(HashAlgorithm algorithm) => algorithm switch
    {
        HashAlgorithm.Blake3 => Blake3Hasher,
        HashAlgorithm.Sha256 => Sha256Hasher,
        _ => throw new UnreachableException($"hash algorithm {algorithm}"),
    };

    /// <summary>The hash of bytes of any length.</summary>
    public abstract ChunkHash Hash(ReadOnlySpan<byte> data);

    /// <summary>Hashes chunks of equal length. Sixteen or more at a time are fastest, up to four times one by one.</summary>
    /// <param name="chunks">
    /// Their addresses, with no alignment asked. The memory is not moved or changed by anyone until the call returns.
    /// </param>
    /// <param name="length">Length of each in bytes: 4 to 64 KiB, a power of two.</param>
    /// <param name="hashes">Receives as many hashes, in the same order.</param>
    public void HashMany(ReadOnlySpan<nint> chunks, int length, Span<ChunkHash> hashes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, MinChunkSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MaxChunkSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(hashes.Length, chunks.Length);
        if (!BitOperations.IsPow2(length))
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "A chunk's length is a power of two.");
        }

        HashManyCore(chunks, length, hashes);
    }

    /// <summary><see cref="HashMany"/> with checked arguments.</summary>
    protected abstract void HashManyCore(ReadOnlySpan<nint> chunks, int length, Span<ChunkHash> hashes);
}

/// <summary>SHA-256, one chunk after another: the platform's code uses the processor's SHA instructions.</summary>
internal sealed unsafe class Sha256ChunkHasher : ChunkHasher
{
    /// <inheritdoc/>
    public override ChunkHash Hash(ReadOnlySpan<byte> data)
    {
        Span<byte> output = stackalloc byte[ChunkHash.Size];
        SHA256.HashData(data, output);
        return ChunkHash.Read(output);
    }

    /// <inheritdoc/>
    protected override void HashManyCore(ReadOnlySpan<nint> chunks, int length, Span<ChunkHash> hashes)
    {
        for (int i = 0; i < chunks.Length; i++)
        {
            hashes[i] = Hash(new ReadOnlySpan<byte>((void*)chunks[i], length));
        }
    }
}

/// <summary>
/// BLAKE3 of many chunks: the leaves of all chunks of a group fill the lanes, whichever chunk they belong to, and so do
/// the parents of each level. A chunk is a complete binary tree, so no parent joins two chunks.
/// </summary>
/// <param name="lanes">Lanes of the vectors to use: see <see cref="Blake3Tree"/>.</param>
internal sealed unsafe class Blake3ChunkHasher(int lanes) : ChunkHasher
{
    /// <inheritdoc/>
    public override ChunkHash Hash(ReadOnlySpan<byte> data)
    {
        Span<byte> output = stackalloc byte[ChunkHash.Size];
        Blake3.Hash(lanes, data, Blake3Scalar.IV, 0, output);
        return ChunkHash.Read(output);
    }

    /// <inheritdoc/>
    protected override void HashManyCore(ReadOnlySpan<nint> chunks, int length, Span<ChunkHash> hashes)
    {
        int leavesPerChunk = length / Blake3Scalar.LeafSize;
        int group = Blake3Tree.MaxLeaves / leavesPerChunk;
        for (int first = 0; first < chunks.Length; first += group)
        {
            int count = Math.Min(group, chunks.Length - first);
            HashGroup(chunks.Slice(first, count), leavesPerChunk, hashes.Slice(first, count));
        }
    }

    /// <summary>Hashes chunks that have at most <see cref="Blake3Tree.MaxLeaves"/> leaves together.</summary>
    [SkipLocalsInit]
    private void HashGroup(ReadOnlySpan<nint> chunks, int leavesPerChunk, Span<ChunkHash> hashes)
    {
        byte** inputs = stackalloc byte*[Blake3Tree.MaxLeaves + Blake3Tree.Padding];
        uint* counters = stackalloc uint[Blake3Tree.MaxLeaves + Blake3Tree.Padding];
        byte* values = stackalloc byte[(Blake3Tree.MaxLeaves + Blake3Tree.Padding) * ChunkHash.Size];
        uint* key = stackalloc uint[8];
        Blake3Scalar.IV.CopyTo(new Span<uint>(key, 8));
        int count = 0;
        foreach (nint chunk in chunks)
        {
            for (int leaf = 0; leaf < leavesPerChunk; leaf++)
            {
                inputs[count] = (byte*)chunk + (leaf * Blake3Scalar.LeafSize);
                counters[count++] = (uint)leaf;
            }
        }

        Blake3Tree.Compress(lanes, inputs, count, Blake3Scalar.BlocksPerLeaf, key, counters, BlockFlags.Leaf(0), values);
        while (count > chunks.Length)
        {
            uint root = count == 2 * chunks.Length ? Blake3Scalar.Root : 0;
            count = Blake3Tree.Reduce(lanes, values, count, key, root);
        }

        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = ChunkHash.Read(new ReadOnlySpan<byte>(values + (i * ChunkHash.Size), ChunkHash.Size));
        }
    }
}
