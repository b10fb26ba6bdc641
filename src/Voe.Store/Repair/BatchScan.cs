using Voe.Store.Log;

namespace Voe.Store.Repair;

/// <summary>Looks for where the log goes on behind damage.</summary>
internal static class BatchScan
{
    private const int Window = 1 << 20;

    /// <summary>
    /// The whole batches behind <paramref name="start"/> of a later LSN, each with the end of the chain that it begins. A client's
    /// data may hold bytes that look like a batch: the log's own chain leads on to the pack's end, and so is the longer one.
    /// </summary>
    public static IEnumerable<(FoundBatch First, long End)> FindChains(PackCopy copy, uint packId, long start, ulong lastLsn)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(Window);
        long offset = BatchHeader.RoundUp(start);
        long skipTo = 0; // batches before it belong to a chain that was followed already
        while (true)
        {
            int read = copy.File.Read(buffer, offset);
            for (int at = 0; at + BatchHeader.Size <= read; at += BatchHeader.Alignment)
            {
                if (offset + at < skipTo || !BatchHeader.NamesPlace(buffer.AsSpan(at, BatchHeader.Size), packId, offset + at)
                    || !copy.TryReadBatch(offset + at, out FoundBatch? first, out _) || first.Header.Lsn <= lastLsn + 1)
                {
                    continue;
                }

                skipTo = FollowChain(copy, first);
                yield return (first, skipTo);
            }

            if (read < Window)
            {
                yield break;
            }

            offset += Window - BatchHeader.Size;
        }
    }

    private static long FollowChain(PackCopy copy, FoundBatch first)
    {
        FoundBatch last = first;
        while (true)
        {
            long end = last.Header.Offset + last.Header.TotalLength;
            if (!copy.TryReadBatch(end, out FoundBatch? next, out _) || !next.Follows(new LogCursor(last.Header.LastLsn, last.Link)))
            {
                return end;
            }

            last = next;
        }
    }
}
