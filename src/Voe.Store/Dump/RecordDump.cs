using Voe.Store.Log;

namespace Voe.Store.Dump;

/// <summary>The records of a batch in words.</summary>
internal static class RecordDump
{
    /// <summary>Shows them; what breaks the format is a problem in its place, and ends them.</summary>
    public static void Show(DumpSession session, in WalkedBatch batch)
    {
        if (batch.Table is not { } table)
        {
            return; // why, was told with the batch
        }

        BatchHeader header = batch.Header;
        if (header is { IsRepaired: true, RecordCount: 0 })
        {
            session.Show(ProblemEntry.In(header.PackId, header.Offset, header.LostCount == 0
                ? $"LSN {header.Lsn} was lost to earlier damage"
                : $"LSN {header.Lsn} to {header.LastLsn} were lost to earlier damage"));
        }

        try
        {
            long payload = (long)header.Offset + header.PayloadOffset;
            var records = new RecordTableReader(table.Span);
            while (records.MoveNext())
            {
                payload = Show(session, records, payload);
            }
        }
        catch (Exception e) when (e is InvalidDataException or StoreFormatException)
        {
            session.Show(ProblemEntry.In(header.PackId, header.Offset, $"LSN {header.Lsn}: {e.Message}"));
        }
    }

    // Returns where the payload of the next record begins.
    private static long Show(DumpSession session, in RecordTableReader records, long payload)
    {
        switch (records.Kind)
        {
            case RecordKind.Chunks:
                return ShowChunks(session, records, payload);
            case RecordKind.Delta:
                DeltaRecord delta = records.GetDelta();
                session.Show(new DeltaRecordEntry(delta.Volume, delta.Offset, delta.Length, payload, DumpEntry.Hex(delta.Checksum)));
                return payload + delta.Length;
            case RecordKind.Extent:
                session.Show(new ExtentRecordEntry(records.Volume, records.FirstChunk, records.HashCount));
                for (int i = 0; i < records.HashCount; i++)
                {
                    session.Show(new ExtentChunkEntry(records.FirstChunk + (ulong)i, records.GetHash(i).ToString()));
                }

                return payload;
            default:
                session.Show(EntryOf(records));
                return payload;
        }
    }

    private static long ShowChunks(DumpSession session, in RecordTableReader records, long payload)
    {
        session.Show(new ChunksRecordEntry(records.ChunkCount));
        for (int i = 0; i < records.ChunkCount; i++)
        {
            ChunkRecord chunk = records.GetChunk(i);
            session.Show(new StoredChunkEntry(
                chunk.Hash.ToString(), DumpEntry.NameOf(chunk.Codec), chunk.Length, chunk.StoredLength, payload,
                DumpEntry.Hex(chunk.Checksum)));
            payload += chunk.StoredLength;
        }

        return payload;
    }

    private static DumpEntry EntryOf(in RecordTableReader records)
    {
        switch (records.Kind)
        {
            case RecordKind.Zero:
                return new ZeroRecordEntry(records.Volume, records.FirstChunk, records.ZeroCount);
            case RecordKind.Root:
                return new RootRecordEntry(records.Volume, records.Root.ToString(), records.CoveredLsn);
            case RecordKind.Volume:
                return VolumeEntry.Of(records.GetVolume(), mappedChunks: null);
            case RecordKind.VolumeDeleted:
                return new VolumeDeletedEntry(records.Volume);
            case RecordKind.Snapshot:
                return SnapshotEntry.Of(records.GetSnapshot());
            case RecordKind.SnapshotDeleted:
                _ = NamedRecordCodec.TryDecodeSnapshotDeleted(records.Body, out uint volume, out string name);
                return new SnapshotDeletedEntry(volume, name);
            default:
                throw new InvalidDataException($"record of kind {(int)records.Kind}");
        }
    }
}
