using Voe.Store.Hashing;
using Voe.Store.Merkle;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>A root block, and the node at the top of its tree.</summary>
internal static class RootDump
{
    /// <summary>Shows them.</summary>
    /// <exception cref="DumpTargetException">There is no such chunk, it cannot be read, or it is no root block.</exception>
    public static void Run(DumpSession session, string name)
    {
        HashPrefix prefix = HashPrefix.Parse(name);
        LogSurvey survey = session.ReadLogAndShowProblems();
        var finder = new ChunkFinder(session, survey);
        ChunkHash hash = finder.Find(prefix);
        byte[] bytes = finder.ReadAny() ?? throw new DumpTargetException($"no place of chunk {hash} verifies");
        if (!RootBlock.TryRead(bytes, out RootBlock root, out string reason))
        {
            throw new DumpTargetException($"chunk {hash}: {reason}");
        }

        session.Show(RootEntry.Of(hash.ToString(), root));
        if (!root.Top.IsZero)
        {
            ShowTop(session, finder, root);
        }
    }

    private static void ShowTop(DumpSession session, ChunkFinder finder, RootBlock root)
    {
        byte[]? node;
        try
        {
            _ = finder.Find(HashPrefix.Of(root.Top));
            node = finder.ReadAny();
        }
        catch (DumpTargetException)
        {
            node = null;
        }

        if (node is not { Length: MerkleNode.Size })
        {
            session.Show(new ProblemEntry(null, null, null, $"the top node {root.Top} is not in the log, or damaged, or no node"));
            return;
        }

        ChunkHash[] slots = [.. Enumerable.Range(0, MerkleNode.Fanout).Select(slot => ChunkHash.Read(node.AsSpan(slot * ChunkHash.Size)))];
        HashSet<ChunkHash> stored = finder.FindStored(slots.Where(static hash => !hash.IsZero).ToHashSet());

        // Whatever the tree says, the sum stays in range: the largest volume has 2^52 bytes, a node of depth 6 reaches 2^58.
        UInt128 reach = (UInt128)(ulong)root.ChunkSize << (MerkleNode.FanoutBits * (root.Depth - 1));
        for (int slot = 0; slot < MerkleNode.Fanout; slot++)
        {
            UInt128 offset = reach * (uint)slot;
            if (!slots[slot].IsZero && offset < (ulong)root.Size)
            {
                long length = (long)UInt128.Min(reach, (ulong)root.Size - offset);
                session.Show(new NodeSlotEntry(slot, slots[slot].ToString(), (long)offset, length, stored.Contains(slots[slot])));
            }
        }
    }
}
