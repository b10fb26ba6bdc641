using Voe.Store.Hashing;
using Voe.Store.Merkle;

namespace Voe.Store.Tests.Merkle;

/// <summary>Nodes in memory, which counts how often it is read.</summary>
internal sealed class NodeStore : INodeSink, INodeSource
{
    private readonly Dictionary<ChunkHash, byte[]> _nodes = [];

    public int Reads { get; private set; }

    public int Adds { get; private set; }

    public void Add(in ChunkHash hash, ReadOnlySpan<byte> node)
    {
        Adds++;
        _nodes[hash] = node.ToArray();
    }

    /// <summary>Takes over what another one was given: as a store knows new chunks only once their batch was appended.</summary>
    public void Take(NodeStore other)
    {
        foreach ((ChunkHash hash, byte[] node) in other._nodes)
        {
            Add(hash, node);
        }
    }

    public void Read(in ChunkHash hash, Span<byte> node)
    {
        Reads++;
        _nodes[hash].CopyTo(node);
    }
}
