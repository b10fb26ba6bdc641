using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>What a chunk holds now.</summary>
/// <param name="Chunk">Its number.</param>
/// <param name="Hash">Its hash; zero for a hole.</param>
internal readonly record struct ChunkChange(ulong Chunk, ChunkHash Hash);

/// <summary>
/// Makes of a tree and what changed since the next tree: reads and writes only the nodes on the way to what changed, so it costs
/// time in proportion to that and to the depth, never to the size of the volume. The result is the same as if it were built anew.
/// </summary>
internal sealed class RootUpdate
{
    private readonly INodeSource _source;
    private readonly INodeSink _sink;
    private readonly ChunkHasher _hasher;
    private readonly byte[][] _nodes = new byte[MerkleNode.MaxDepth + 1][]; // one a level: the path that is being changed
    private readonly ulong _chunkCount; // of the new tree

    private RootUpdate(INodeSource source, INodeSink sink, HashAlgorithm algorithm, ulong chunkCount)
    {
        _source = source;
        _sink = sink;
        _hasher = ChunkHasher.For(algorithm);
        _chunkCount = chunkCount;
        for (int level = 1; level < _nodes.Length; level++)
        {
            _nodes[level] = new byte[MerkleNode.Size];
        }
    }

    /// <summary>Makes the next tree.</summary>
    /// <param name="source">Has the nodes of the tree before.</param>
    /// <param name="sink">Takes the nodes that are new, children first, the root block last.</param>
    /// <param name="before">The tree before; the root of an empty volume of any size will do for none.</param>
    /// <param name="changes">
    /// What chunks hold now, by number, each once. What lies behind the new end is a hole without being said.
    /// </param>
    /// <param name="size">The volume's size in bytes now: more, less, or as it was.</param>
    /// <exception cref="StoreException">A node cannot be read.</exception>
    public static RootBlock Run(INodeSource source, INodeSink sink, in RootBlock before, ReadOnlySpan<ChunkChange> changes, long size)
    {
        for (int i = 1; i < changes.Length; i++)
        {
            Invariant.Require(changes[i - 1].Chunk < changes[i].Chunk, "changes come by number, each once");
        }

        ulong chunkCount = ((ulong)size + (ulong)before.ChunkSize - 1) / (ulong)before.ChunkSize;
        Invariant.Require(changes.IsEmpty || changes[^1].Chunk < chunkCount, "no change lies behind the volume's end");
        var update = new RootUpdate(source, sink, before.HashAlgorithm, chunkCount);
        RootBlock after = before with { Size = size };
        int known = Math.Min(before.Depth, after.Depth);
        ChunkHash top = update.FirstAt(before, known);
        top = after.Depth > known ? update.PutOver(after.Depth, known, top, changes) : update.Update(known, 0, top, changes);
        after = after with { Top = top };
        Span<byte> block = stackalloc byte[RootBlock.BlockSize];
        after.Write(block);
        sink.Add(update._hasher.Hash(block), block);
        return after;
    }

    // The hash of the first node at that level of the tree before.
    private ChunkHash FirstAt(in RootBlock before, int level)
    {
        ChunkHash first = before.Top;
        for (int depth = before.Depth; depth > level && !first.IsZero; depth--)
        {
            _source.Read(first, _nodes[depth]);
            first = ChunkHash.Read(_nodes[depth]);
        }

        return first;
    }

    /// <summary>The hash of a new first node above the tree before, which was less deep and lies in its first place.</summary>
    private ChunkHash PutOver(int level, int known, in ChunkHash top, ReadOnlySpan<ChunkChange> changes)
    {
        int count = CountUnder(changes, level - 1, 0);
        ChunkHash first = level - 1 > known
            ? PutOver(level - 1, known, top, changes[..count])
            : Update(known, 0, top, changes[..count]);
        Span<byte> node = _nodes[level];
        node.Clear();
        first.Write(node);
        SetChildren(node, level, changes[count..]);
        return EmitUnlessHole(node);
    }

    /// <summary>The hash of a node after the changes, which all lie under it.</summary>
    private ChunkHash Update(int level, ulong index, in ChunkHash before, ReadOnlySpan<ChunkChange> changes)
    {
        bool isCut = !before.IsZero && EndOf(level, index) > _chunkCount;
        if (changes.IsEmpty && !isCut)
        {
            return before;
        }

        Span<byte> node = _nodes[level];
        if (before.IsZero)
        {
            node.Clear();
        }
        else
        {
            _source.Read(before, node);
        }

        bool isOther = SetChildren(node, level, changes);
        ulong lastChanged = changes.IsEmpty ? ulong.MaxValue : MerkleNode.IndexAt(changes[^1].Chunk, level - 1);
        isOther |= isCut && Cut(node, level, index, lastChanged);
        return isOther ? EmitUnlessHole(node) : before;
    }

    private bool SetChildren(Span<byte> node, int level, ReadOnlySpan<ChunkChange> changes)
    {
        bool isOther = false;
        while (!changes.IsEmpty)
        {
            ulong child = MerkleNode.IndexAt(changes[0].Chunk, level - 1);
            int count = CountUnder(changes, level - 1, child);
            isOther |= SetChild(node, level, child, changes[..count]);
            changes = changes[count..];
        }

        return isOther;
    }

    // How many of the changes, from the first on, lie under one node.
    private static int CountUnder(ReadOnlySpan<ChunkChange> changes, int level, ulong index)
    {
        int count = 0;
        while (count < changes.Length && MerkleNode.IndexAt(changes[count].Chunk, level) == index)
        {
            count++;
        }

        return count;
    }

    private bool SetChild(Span<byte> node, int level, ulong child, ReadOnlySpan<ChunkChange> changes)
    {
        Span<byte> slot = node.Slice(MerkleNode.SlotOf(child) * ChunkHash.Size, ChunkHash.Size);
        var before = ChunkHash.Read(slot);
        ChunkHash after = level == 1 ? changes[0].Hash : Update(level - 1, child, before, changes);
        after.Write(slot);
        return before != after;
    }

    // Makes holes of what lies behind the new end: whole children, and the end of the one that it lies in, unless that had changes
    // and so was cut with them.
    private bool Cut(Span<byte> node, int level, ulong index, ulong lastChanged)
    {
        bool isOther = false;
        for (int slot = 0; slot < MerkleNode.Fanout; slot++)
        {
            ulong child = (index * MerkleNode.Fanout) + (ulong)slot;
            Span<byte> hash = node.Slice(slot * ChunkHash.Size, ChunkHash.Size);
            var before = ChunkHash.Read(hash);
            ulong start = child << (MerkleNode.FanoutBits * (level - 1));
            if (before.IsZero || EndOf(level - 1, child) <= _chunkCount || (child == lastChanged && start < _chunkCount))
            {
                continue;
            }

            ChunkHash after = start >= _chunkCount ? default : Update(level - 1, child, before, []);
            after.Write(hash);
            isOther |= before != after;
        }

        return isOther;
    }

    // The chunk behind the last one under a node.
    private static ulong EndOf(int level, ulong index) => (index + 1) << (MerkleNode.FanoutBits * level);

    private ChunkHash EmitUnlessHole(ReadOnlySpan<byte> node)
    {
        if (!node.ContainsAnyExcept((byte)0))
        {
            return default;
        }

        ChunkHash hash = _hasher.Hash(node);
        _sink.Add(hash, node);
        return hash;
    }
}
