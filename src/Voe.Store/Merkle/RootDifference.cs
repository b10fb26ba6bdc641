using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>
/// Finds where two trees differ. Equal subtrees have equal hashes and are never looked into, so it costs time in proportion to the
/// difference, however large the volumes.
/// </summary>
internal sealed class RootDifference
{
    private readonly INodeSource _source;
    private readonly Action<ulong, ChunkHash, ChunkHash> _found;
    private readonly byte[][] _left = new byte[MerkleNode.MaxDepth + 1][];
    private readonly byte[][] _right = new byte[MerkleNode.MaxDepth + 1][];

    private RootDifference(INodeSource source, Action<ulong, ChunkHash, ChunkHash> found)
    {
        _source = source;
        _found = found;
        for (int level = 1; level < _left.Length; level++)
        {
            _left[level] = new byte[MerkleNode.Size];
            _right[level] = new byte[MerkleNode.Size];
        }
    }

    /// <summary>Calls <paramref name="found"/> for each chunk that differs, in order: its number, its hash left and right.</summary>
    /// <param name="source">Has the nodes of both trees.</param>
    /// <param name="left">One tree.</param>
    /// <param name="right">The other, of the same chunk size and hash algorithm.</param>
    /// <param name="found">Zero hashes stand for holes, and for what lies behind the end of the smaller volume.</param>
    /// <exception cref="StoreException">A node cannot be read.</exception>
    public static void Find(INodeSource source, in RootBlock left, in RootBlock right, Action<ulong, ChunkHash, ChunkHash> found)
    {
        if (left.ChunkSize != right.ChunkSize || left.HashAlgorithm != right.HashAlgorithm)
        {
            throw new InvalidVolumeException($"chunks of {left.ChunkSize} bytes by {left.HashAlgorithm} cannot be compared with chunks of "
                + $"{right.ChunkSize} bytes by {right.HashAlgorithm}");
        }

        int depth = Math.Max(left.Depth, right.Depth);
        new RootDifference(source, found).Compare(depth, 0, new Side(left.Top, left.Depth), new Side(right.Top, right.Depth));
    }

    private void Compare(int level, ulong index, in Side left, in Side right)
    {
        if (left == right || (left.Hash.IsZero && right.Hash.IsZero))
        {
            return;
        }

        if (level == 0)
        {
            _found(index, left.Hash, right.Hash);
            return;
        }

        byte[] leftNode = Load(left, level, _left);
        byte[] rightNode = Load(right, level, _right);
        for (int slot = 0; slot < MerkleNode.Fanout; slot++)
        {
            ulong child = (index * MerkleNode.Fanout) + (ulong)slot;
            Compare(level - 1, child, Child(left, level, slot, leftNode), Child(right, level, slot, rightNode));
        }
    }

    private byte[] Load(in Side side, int level, byte[][] nodes)
    {
        byte[] node = nodes[level];
        if (side.Hash.IsZero || side.Level < level)
        {
            Array.Clear(node);
        }
        else
        {
            _source.Read(side.Hash, node);
        }

        return node;
    }

    // A tree that is less deep lies in the first place of each level above it.
    private static Side Child(in Side side, int level, int slot, byte[] node) =>
        side.Level < level ? (slot == 0 ? side : default)
        : new Side(ChunkHash.Read(node.AsSpan(slot * ChunkHash.Size)), level - 1);

    /// <summary>A subtree of one side, and its level.</summary>
    private readonly record struct Side(ChunkHash Hash, int Level);
}
