using Voe.Server.Aoe.Ata;
using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>
/// Makes of writes that came one after another a set of writes for a device: frames that adjoin or overlap become one, so
/// that small frames make whole chunks, and no byte is in the set twice, since a device gives the writes of a set no order.
/// Where frames overlap, the one that came last wins.
/// </summary>
/// <remarks>One at a time; its arrays are made once and used again.</remarks>
internal sealed class WriteMerger(int maxEntries)
{
    private readonly long[] _offsets = new long[maxEntries];
    private readonly int[] _order = new int[maxEntries];
    private readonly BlockWrite[] _writes = new BlockWrite[maxEntries];
    private byte[] _scratch = [];
    private int _scratchUsed;
    private int _count;

    /// <summary>The set. Its data lies in the group's memory or in the merger's, until the next call.</summary>
    public ReadOnlySpan<BlockWrite> Writes => _writes.AsSpan(0, _count);

    /// <summary>Merges the writes among the requests from <paramref name="first"/> to before <paramref name="end"/> of a group.</summary>
    public void Merge(WriteGroup group, int first, int end)
    {
        Span<WriteEntry> entries = group.Entries;
        int count = 0;
        int bytes = 0;
        for (int i = first; i < end; i++)
        {
            if (entries[i].Action == AtaAction.Write)
            {
                _offsets[count] = entries[i].Offset;
                _order[count++] = i;
                bytes += entries[i].Length;
            }
        }

        _offsets.AsSpan(0, count).Sort(_order.AsSpan(0, count));
        _count = 0;
        _scratchUsed = 0;
        for (int from = 0; from < count;)
        {
            long offset = _offsets[from];
            long reach = offset + entries[_order[from]].Length;
            bool isInPlace = true;
            int to = from + 1;
            for (; to < count && _offsets[to] <= reach; to++)
            {
                ref readonly WriteEntry before = ref entries[_order[to - 1]];
                ref readonly WriteEntry entry = ref entries[_order[to]];
                isInPlace &= _offsets[to] == reach && entry.Start == before.Start + before.Length;
                reach = Math.Max(reach, entry.Offset + entry.Length);
            }

            var length = (int)(reach - offset);
            ReadOnlyMemory<byte> data = isInPlace
                ? group.DataFrom(entries[_order[from]].Start, length)
                : Gather(group, _order.AsSpan(from, to - from), offset, length, bytes);
            _writes[_count++] = new BlockWrite(offset, data);
            from = to;
        }
    }

    /// <summary>Copies overlapping or scattered writes to one piece of memory, those that came later last.</summary>
    private Memory<byte> Gather(WriteGroup group, Span<int> members, long offset, int length, int bytes)
    {
        if (_scratch.Length < bytes)
        {
            // Nothing of this call lies in it yet, or it would have been large enough: all pieces together fit `bytes`.
            _scratch = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        }

        members.Sort();
        Memory<byte> piece = _scratch.AsMemory(_scratchUsed, length);
        _scratchUsed += length;
        foreach (int member in members)
        {
            ref readonly WriteEntry entry = ref group.Entries[member];
            group.DataOf(entry).Span.CopyTo(piece.Span[(int)(entry.Offset - offset)..]);
        }

        return piece;
    }
}
