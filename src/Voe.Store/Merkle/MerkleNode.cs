using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>
/// The shape of a tree: a node is 128 hashes, of chunks at level 1 and of nodes below at the levels above. The zero hash
/// stands for a hole, and a node of holes is a hole, so that content alone decides on every node.
/// </summary>
internal static class MerkleNode
{
    /// <summary>Hashes in a node.</summary>
    public const int Fanout = 128;

    /// <summary>Bytes of a node: it is a chunk of the smallest size.</summary>
    public const int Size = Fanout * ChunkHash.Size;

    /// <summary>The most levels: 128^6 chunks of 4 KiB are more than the largest volume.</summary>
    public const int MaxDepth = 6;

    /// <summary>Bits of a number of a node that its place in its parent is.</summary>
    public const int FanoutBits = 7;

    /// <summary>How many levels of nodes a volume of that many bytes has: the fewest that reach all its chunks, at least one.</summary>
    public static int DepthOf(long size, int chunkSize)
    {
        ulong chunks = ((ulong)size + (ulong)chunkSize - 1) / (ulong)chunkSize;
        int depth = 1;
        while (depth < MaxDepth && chunks > 1UL << (FanoutBits * depth))
        {
            depth++;
        }

        return depth;
    }

    /// <summary>The number of the node that a chunk is under, counted from the left in its level; level 0 is the chunks.</summary>
    public static ulong IndexAt(ulong chunk, int level) => chunk >> (FanoutBits * level);

    /// <summary>Where in its parent a node, or a chunk in its leaf, has its hash.</summary>
    public static int SlotOf(ulong index) => (int)(index % Fanout);
}
