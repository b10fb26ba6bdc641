using CsCheck;
using Voe.Store.Hashing;
using Voe.Store.Merkle;

namespace Voe.Store.Tests.Merkle;

/// <summary>Trees that change, and trees that differ, beside a model that keeps every chunk.</summary>
public sealed class TreeTests
{
    private const int Chunk = 4096;

    private static readonly long[] Edges = [1, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_152, 2_097_153];

    // Sizes around the places where a tree gets another level, and anything between.
    private static readonly Gen<long> ChunkCounts = Gen.Frequency(
        (3, Gen.Long[1, 40_000]), (1, Gen.Int[0, 8].Select(static i => Edges[i])));

    // Close together and far apart.
    private static readonly Gen<(ulong Chunk, bool IsHole)[]> Writes =
        Gen.Select(Gen.ULong[0, 2_097_152], Gen.ULong[0, 300], Gen.Int[0, 3])
            .Select(static (far, near, kind) => (kind == 0 ? far : near, kind == 1)).Array[0, 40];

    [Fact]
    public void A_tree_that_is_changed_is_the_tree_that_is_built_anew() =>
        Gen.Select(ChunkCounts, Gen.Select(Writes, ChunkCounts).Array[1, 6]).Sample(
            (first, steps) =>
            {
                var nodes = new NodeStore();
                var model = new SortedDictionary<ulong, ChunkHash>();
                RootBlock root = new RootBuilder(HashAlgorithm.Blake3, nodes).Finish(first * Chunk, Chunk);
                ulong version = 0;
                foreach ((var writes, long chunks) in steps)
                {
                    var changes = new SortedDictionary<ulong, ChunkHash>();
                    foreach ((ulong chunk, bool isHole) in writes)
                    {
                        changes[chunk % (ulong)chunks] = isHole ? default : new ChunkHash(++version, chunk, 0, 1);
                    }

                    ChunkChange[] list = [.. changes.Select(static change => new ChunkChange(change.Key, change.Value))];
                    var added = new NodeStore();
                    root = RootUpdate.Run(nodes, added, root, list, chunks * Chunk);
                    nodes.Take(added);
                    Apply(model, changes, (ulong)chunks);
                    Assert.Equal(Build(model, chunks), root);
                    Assert.Equal(model, Collect(nodes, root));
                }
            },
            iter: 300);

    [Fact]
    public void Two_trees_differ_where_their_chunks_do() =>
        Gen.Select(ChunkCounts, Writes, ChunkCounts, Writes).Sample(
            (leftChunks, leftWrites, rightChunks, rightWrites) =>
            {
                var nodes = new NodeStore();
                SortedDictionary<ulong, ChunkHash> left = Model(leftWrites, leftChunks);
                SortedDictionary<ulong, ChunkHash> right = Model(rightWrites, rightChunks);
                var expected = new SortedDictionary<ulong, (ChunkHash, ChunkHash)>();
                foreach (ulong chunk in left.Keys.Concat(right.Keys))
                {
                    (ChunkHash one, ChunkHash other) = (left.GetValueOrDefault(chunk), right.GetValueOrDefault(chunk));
                    if (one != other)
                    {
                        expected[chunk] = (one, other);
                    }
                }

                var found = new List<KeyValuePair<ulong, (ChunkHash, ChunkHash)>>();
                RootDifference.Find(
                    nodes, Build(left, leftChunks, nodes), Build(right, rightChunks, nodes),
                    (chunk, one, other) => found.Add(new(chunk, (one, other))));
                Assert.Equal(expected, found);
            },
            iter: 300);

    [Fact]
    public void A_change_costs_the_way_to_it_and_a_difference_what_differs_however_large_the_volume()
    {
        const long Chunks = 1L << 28; // 1 TiB
        var nodes = new NodeStore();
        var builder = new RootBuilder(HashAlgorithm.Blake3, nodes);
        for (ulong i = 0; i < 20_000; i++)
        {
            builder.Add(i * 13_000, new ChunkHash(i + 1, 0, 0, 0));
        }

        RootBlock before = builder.Finish(Chunks * Chunk, Chunk);
        (int reads, int adds) = (nodes.Reads, nodes.Adds);
        RootBlock after = RootUpdate.Run(nodes, nodes, before, [new ChunkChange(77, new ChunkHash(1, 2, 3, 4))], before.Size);
        Assert.Equal(before.Depth, nodes.Reads - reads);
        Assert.Equal(before.Depth + 1, nodes.Adds - adds); // the path, and the root block
        reads = nodes.Reads;
        var found = new List<ulong>();
        RootDifference.Find(nodes, before, after, (chunk, _, _) => found.Add(chunk));
        Assert.Equal([77UL], found);
        Assert.Equal(2 * before.Depth, nodes.Reads - reads);
    }

    [Fact]
    public void A_change_back_leads_back_to_the_same_root()
    {
        var nodes = new NodeStore();
        var before = Build(Model([(5, false), (700, false)], 1000), 1000, nodes);
        RootBlock changed = RootUpdate.Run(nodes, nodes, before, [new ChunkChange(5, default)], 1000 * Chunk);
        RootBlock back = RootUpdate.Run(nodes, nodes, changed, [new ChunkChange(5, HashOf(5))], 1000 * Chunk);
        Assert.NotEqual(before.ComputeHash(), changed.ComputeHash());
        Assert.Equal(before.ComputeHash(), back.ComputeHash());
    }

    [Fact]
    public void Trees_of_other_chunks_are_not_compared()
    {
        var nodes = new NodeStore();
        RootBlock left = new RootBuilder(HashAlgorithm.Blake3).Finish(1 << 20, 4096);
        RootBlock right = new RootBuilder(HashAlgorithm.Blake3).Finish(1 << 20, 8192);
        Assert.Throws<InvalidVolumeException>(() => RootDifference.Find(nodes, left, right, static (_, _, _) => { }));
    }

    private static ChunkHash HashOf(ulong chunk) => new(chunk % 7, chunk, 0, 1);

    private static SortedDictionary<ulong, ChunkHash> Model((ulong Chunk, bool IsHole)[] writes, long chunks)
    {
        var model = new SortedDictionary<ulong, ChunkHash>();
        foreach ((ulong chunk, bool isHole) in writes)
        {
            model[chunk % (ulong)chunks] = isHole ? new ChunkHash(9, 9, 9, 9) : HashOf(chunk % (ulong)chunks);
        }

        return model;
    }

    private static void Apply(SortedDictionary<ulong, ChunkHash> model, SortedDictionary<ulong, ChunkHash> changes, ulong chunks)
    {
        foreach ((ulong chunk, ChunkHash hash) in changes)
        {
            model[chunk] = hash;
        }

        foreach (ulong gone in model.Where(entry => entry.Value.IsZero || entry.Key >= chunks).Select(static entry => entry.Key).ToArray())
        {
            model.Remove(gone);
        }
    }

    private static RootBlock Build(SortedDictionary<ulong, ChunkHash> model, long chunks, NodeStore? nodes = null)
    {
        var builder = new RootBuilder(HashAlgorithm.Blake3, nodes);
        foreach ((ulong chunk, ChunkHash hash) in model)
        {
            builder.Add(chunk, hash);
        }

        return builder.Finish(chunks * Chunk, Chunk);
    }

    // All chunks of a tree: its difference from nothing.
    private static SortedDictionary<ulong, ChunkHash> Collect(NodeStore nodes, in RootBlock root)
    {
        var all = new SortedDictionary<ulong, ChunkHash>();
        RootDifference.Find(nodes, root with { Top = default }, root, (chunk, _, hash) => all.Add(chunk, hash));
        return all;
    }
}
