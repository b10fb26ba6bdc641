using CsCheck;
using Voe.Store.Hashing;
using Voe.Store.Merkle;
using Voe.Testing;

namespace Voe.Store.Tests.Merkle;

/// <summary>Roots: one for each content, the same for all who compute it.</summary>
public sealed class RootTests
{
    private const int Chunk = 4096;

    [Theory]
    [InlineData(HashAlgorithm.Blake3, 4096)]
    [InlineData(HashAlgorithm.Sha256, 4096)]
    [InlineData(HashAlgorithm.Blake3, 65536)]
    public void An_image_has_the_root_that_the_few_lines_of_the_format_page_give(HashAlgorithm algorithm, int chunkSize) =>
        Gen.Select(Gen.Int[1, 1200], Gen.Int[0, 1 << 20]).Sample(
            (sectors, seed) =>
            {
                byte[] image = new ContentSource(new Random(seed)).Next(sectors * 512);
                string expected = ReferenceRoot.Compute(algorithm, chunkSize, image);
                Assert.Equal(expected, Root(algorithm, chunkSize, image, pieceChunks: 1 + (seed % 70)));
            },
            iter: 25);

    [Fact]
    public void A_tree_of_several_levels_with_holes_in_it_has_the_root_of_the_few_lines()
    {
        // 128 * 128 chunks and some more: three levels, of which whole subtrees are holes.
        byte[] image = new byte[((128 * 128) + 200) * Chunk];
        var random = new Random(1);
        foreach (int chunk in new[] { 0, 127, 128, 5000, (128 * 128) - 1, 128 * 128, (128 * 128) + 199 })
        {
            random.NextBytes(image.AsSpan(chunk * Chunk, Chunk));
        }

        Assert.Equal(
            ReferenceRoot.Compute(HashAlgorithm.Sha256, Chunk, image), Root(HashAlgorithm.Sha256, Chunk, image, pieceChunks: 256));
    }

    [Fact]
    public void A_volume_of_zeroes_has_a_root_that_tells_its_size_and_needs_no_nodes()
    {
        var nodes = new NodeList();
        RootBlock small = new RootBuilder(HashAlgorithm.Blake3, nodes).Finish(1 << 20, Chunk);
        RootBlock huge = new RootBuilder(HashAlgorithm.Blake3).Finish(VolumeLimits.MaxSize, Chunk);
        Assert.True(small.Top.IsZero);
        Assert.Single(nodes.Hashes); // the root block
        Assert.Equal(1 << 20, small.Size);
        Assert.Equal(6, huge.Depth);
        Assert.NotEqual(small.ComputeHash(), huge.ComputeHash());
    }

    [Fact]
    public void Size_chunk_size_and_algorithm_are_part_of_the_root()
    {
        byte[] image = new ContentSource(new Random(3)).Next(64 * 1024);
        string[] roots =
        [
            Root(HashAlgorithm.Blake3, 4096, image, 16), Root(HashAlgorithm.Blake3, 8192, image, 8),
            Root(HashAlgorithm.Sha256, 4096, image, 16), Root(HashAlgorithm.Blake3, 4096, [.. image, .. new byte[512]], 16),
        ];
        Assert.Equal(4, roots.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Children_come_before_their_parents_and_the_root_block_last()
    {
        var nodes = new NodeList();
        var builder = new RootBuilder(HashAlgorithm.Blake3, nodes);
        var hash = new ChunkHash(1, 2, 3, 4);
        builder.Add(0, hash);
        builder.Add(130, hash);
        builder.Add(40_000, hash);
        RootBlock root = builder.Finish(40_001L * Chunk, Chunk);
        Assert.Equal(3 + 2 + 1 + 1, nodes.Hashes.Count); // leaves, their parents, the top, the root block
        Assert.Equal(root.ComputeHash(), nodes.Hashes[^1]);
        Assert.Equal(root.Top, nodes.Hashes[^2]);
        foreach (byte[] node in nodes.Bytes.SkipLast(1))
        {
            for (int slot = 0; slot < MerkleNode.Fanout; slot++)
            {
                var child = ChunkHash.Read(node.AsSpan(slot * ChunkHash.Size));
                Assert.True(child.IsZero || child == hash || nodes.Hashes.IndexOf(child) < nodes.Bytes.IndexOf(node));
            }
        }
    }

    [Fact]
    public void Chunks_that_come_out_of_order_or_lie_behind_the_end_are_refused()
    {
        var builder = new RootBuilder(HashAlgorithm.Blake3);
        builder.Add(5, new ChunkHash(1, 0, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => builder.Add(5, default));
        Assert.Throws<ArgumentOutOfRangeException>(() => builder.Finish(5 * Chunk, Chunk));
        Assert.NotEqual(default, builder.Finish(6 * Chunk, Chunk).Top);
    }

    [Fact]
    public void A_root_block_has_one_encoding()
    {
        var root = new RootBlock(HashAlgorithm.Sha256, 8192, 1 << 30, new ChunkHash(1, 2, 3, 4));
        byte[] block = new byte[RootBlock.BlockSize];
        root.Write(block);
        Assert.True(RootBlock.TryRead(block, out RootBlock read, out _));
        Assert.Equal(root, read);
        for (int at = 0; at < block.Length; at++)
        {
            block[at] ^= 0x41;
            bool isOther = RootBlock.TryRead(block, out RootBlock other, out string reason);
            Assert.True(isOther ? other != root : reason.Length > 0, $"byte {at}");
            block[at] ^= 0x41;
        }

        Assert.False(RootBlock.TryRead(block.AsSpan(1), out _, out _));
    }

    private static string Root(HashAlgorithm algorithm, int chunkSize, byte[] image, int pieceChunks)
    {
        var root = new ImageRoot(algorithm, chunkSize);
        int piece = pieceChunks * chunkSize;
        for (int offset = 0; offset < image.Length; offset += piece)
        {
            ReadOnlySpan<byte> data = image.AsSpan(offset, Math.Min(piece, image.Length - offset));
            if (data.ContainsAnyExcept((byte)0)) // else a gap
            {
                root.Add(offset, data);
            }
        }

        return root.Finish(image.Length).ToString();
    }

    private sealed class NodeList : INodeSink
    {
        public List<ChunkHash> Hashes { get; } = [];

        public List<byte[]> Bytes { get; } = [];

        public void Add(in ChunkHash hash, ReadOnlySpan<byte> node)
        {
            Hashes.Add(hash);
            Bytes.Add(node.ToArray());
        }
    }
}
