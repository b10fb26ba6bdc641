using System.Buffers.Binary;
using Voe.Store.IO;
using Voe.Store.Log;

namespace Voe.Store.Recovery;

/// <summary>Looks through what lies behind the end of the log for bytes that are not zero and for batch headers.</summary>
internal static class TailScan
{
    private const int Window = 1 << 20;

    /// <summary>
    /// Scans a pack's file from <paramref name="start"/> to its end. Returns how many bytes are used there (up to the last
    /// that is not zero), and the highest durable LSN that any whole batch header names; 0 when there is none.
    /// </summary>
    public static (long UsedBytes, ulong DurableLsn) Run(IStorageFile file, uint packId, long start)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(Window);
        long offset = BatchHeader.RoundUp(start);
        long used = 0;
        ulong durable = 0;
        while (true)
        {
            int read = file.Read(buffer, offset);
            ReadOnlySpan<byte> bytes = buffer.AsSpan(0, read);
            int lastUsed = bytes.LastIndexOfAnyExcept((byte)0);
            if (lastUsed >= 0)
            {
                used = offset + lastUsed + 1 - start;
                durable = Math.Max(durable, FindDurableLsn(bytes, packId, offset));
            }

            if (read < Window)
            {
                return (used, durable);
            }

            offset += Window - BatchHeader.Size; // a header across the border is seen whole by the next window
        }
    }

    /// <summary>
    /// The first whole batch header behind <paramref name="after"/> and before <paramref name="end"/> that is later in the log
    /// than <paramref name="lastLsn"/>: where reading can go on behind damage.
    /// </summary>
    public static bool TryFindBatch(IStorageFile file, uint packId, long after, long end, ulong lastLsn, out BatchHeader header)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(Window);
        header = default;
        for (long offset = BatchHeader.RoundUp(after + 1); offset < end; offset += Window - BatchHeader.Size)
        {
            int read = file.Read(buffer, offset);
            for (int at = 0; at + BatchHeader.Size <= read && offset + at < end; at += BatchHeader.Alignment)
            {
                ReadOnlySpan<byte> bytes = buffer.AsSpan(at, read - at);
                if (BitConverter.ToUInt32(bytes) == BatchHeader.Magic && BatchHeader.NamesPlace(bytes, packId, offset + at)
                    && BatchHeader.TryRead(bytes, out header, out _) && header.Lsn > lastLsn)
                {
                    return true;
                }
            }

            if (read < Window)
            {
                return false;
            }
        }

        return false;
    }

    private static ulong FindDurableLsn(ReadOnlySpan<byte> bytes, uint packId, long offset)
    {
        Span<byte> magic = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(magic, BatchHeader.Magic);
        ulong durable = 0;
        for (int at = 0; at < bytes.Length;)
        {
            int found = bytes[at..].IndexOf(magic);
            if (found < 0)
            {
                break;
            }

            at += found;
            if (BatchHeader.NamesPlace(bytes[at..], packId, offset + at) && BatchHeader.TryRead(bytes[at..], out BatchHeader header, out _))
            {
                durable = Math.Max(durable, header.DurableLsn);
            }

            at += sizeof(uint);
        }

        return durable;
    }
}
