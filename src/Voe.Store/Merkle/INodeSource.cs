using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>Where the nodes of trees are read from: the chunks of a store. Safe from many threads, as far as its user needs that.</summary>
internal interface INodeSource
{
    /// <summary>Reads a node or a root block.</summary>
    /// <param name="hash">Its hash, not zero.</param>
    /// <param name="node">Receives <see cref="MerkleNode.Size"/> bytes, verified.</param>
    /// <exception cref="StoreException">It is not there, or damaged.</exception>
    void Read(in ChunkHash hash, Span<byte> node);
}
