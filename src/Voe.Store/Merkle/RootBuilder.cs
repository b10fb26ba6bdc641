using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>Takes the nodes of a tree as they are made; children come before their parents.</summary>
internal interface INodeSink
{
    /// <summary>Takes a node, or the root block. The bytes belong to the caller.</summary>
    void Add(in ChunkHash hash, ReadOnlySpan<byte> node);
}

/// <summary>
/// Makes a volume's tree of its chunks' hashes, which come in order; what is left out is holes. Costs a node's hash for each 128
/// chunks and the memory of one node a level, however large the volume.
/// </summary>
internal sealed class RootBuilder
{
    private readonly HashAlgorithm _algorithm;
    private readonly ChunkHasher _hasher;
    private readonly INodeSink? _sink;
    private readonly byte[][] _nodes = new byte[MerkleNode.MaxDepth + 1][]; // by level, from 1 on: the one being filled
    private readonly ulong[] _indexes = new ulong[MerkleNode.MaxDepth + 1]; // their numbers in their levels
    private readonly bool[] _isFilled = new bool[MerkleNode.MaxDepth + 1]; // whether anything is in them
    private ulong _next; // chunks before it are settled

    /// <summary>A builder for one tree.</summary>
    /// <param name="algorithm">How nodes are hashed.</param>
    /// <param name="sink">Takes the nodes; null when only the root hash is wanted.</param>
    public RootBuilder(HashAlgorithm algorithm, INodeSink? sink = null)
    {
        _algorithm = algorithm;
        _hasher = ChunkHasher.For(algorithm);
        _sink = sink;
        for (int level = 1; level < _nodes.Length; level++)
        {
            _nodes[level] = new byte[MerkleNode.Size];
        }
    }

    /// <summary>Says what a chunk holds.</summary>
    /// <param name="chunk">Its number, larger than that of any before.</param>
    /// <param name="hash">Its hash; zero for a hole.</param>
    public void Add(ulong chunk, in ChunkHash hash)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunk, _next);
        _next = chunk + 1;
        if (!hash.IsZero)
        {
            Set(level: 1, chunk, hash);
        }
    }

    /// <summary>Ends the tree. The builder is of no use afterwards.</summary>
    /// <param name="size">The volume's size in bytes; no chunk lies behind it.</param>
    /// <param name="chunkSize">Bytes a chunk.</param>
    public RootBlock Finish(long size, int chunkSize)
    {
        int depth = MerkleNode.DepthOf(size, chunkSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_next, ((ulong)size + (ulong)chunkSize - 1) / (ulong)chunkSize);
        for (int level = 1; level < depth; level++)
        {
            Complete(level);
        }

        var root = new RootBlock(_algorithm, chunkSize, size, _isFilled[depth] ? Hash(depth) : default);
        Span<byte> block = stackalloc byte[RootBlock.BlockSize];
        root.Write(block);
        _sink?.Add(_hasher.Hash(block), block);
        return root;
    }

    private void Set(int level, ulong childIndex, in ChunkHash hash)
    {
        ulong index = MerkleNode.IndexAt(childIndex, 1);
        if (_indexes[level] != index)
        {
            Complete(level);
            _indexes[level] = index;
        }

        hash.Write(_nodes[level].AsSpan(MerkleNode.SlotOf(childIndex) * ChunkHash.Size));
        _isFilled[level] = true;
    }

    // The node of that level that is being filled is done: its hash goes up, if it is no hole.
    private void Complete(int level)
    {
        if (_isFilled[level])
        {
            Set(level + 1, _indexes[level], Hash(level));
            Array.Clear(_nodes[level]);
            _isFilled[level] = false;
        }
    }

    private ChunkHash Hash(int level)
    {
        ChunkHash hash = _hasher.Hash(_nodes[level]);
        _sink?.Add(hash, _nodes[level]);
        return hash;
    }
}
