using Voe.Store.Chunks;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>
/// Takes in the records of one batch after another, in the log's order: volumes, and counts of what is stored. One thread.
/// </summary>
internal sealed class LogTally
{
    private readonly FindingList _findings;
    private readonly LogPosition? _checkpoint;

    /// <summary>Nothing yet.</summary>
    /// <param name="findings">Where findings go.</param>
    /// <param name="checkpoint">Where the index is, or null.</param>
    public LogTally(FindingList findings, LogPosition? checkpoint)
    {
        _findings = findings;
        _checkpoint = checkpoint;
        Catalog = new LogCatalog(findings);
        CheckpointCatalog = checkpoint is { LastLsn: 0 } ? Catalog.Copy() : null;
    }

    /// <summary>The volumes so far.</summary>
    public LogCatalog Catalog { get; }

    /// <summary>The volumes at the index's checkpoint; null when that was not met.</summary>
    public LogCatalog? CheckpointCatalog { get; private set; }

    /// <summary>The first batch that a repair wrote in place of damage; 0 when there is none.</summary>
    public ulong FirstRepairedLsn { get; private set; }

    /// <summary>Batches so far.</summary>
    public long Batches { get; private set; }

    /// <summary>Chunks so far, lost ones included.</summary>
    public long Chunks { get; private set; }

    /// <summary>Takes in the batch that was read last. False when its records break the format, which is a finding then.</summary>
    /// <param name="pack">The pack, whose counts it adds to.</param>
    /// <param name="reader">The batch.</param>
    /// <param name="end">The position after it.</param>
    public bool TryAdd(PackSurvey pack, BatchReader reader, LogPosition end)
    {
        pack.Batches++;
        Batches++;
        if (reader.Header.IsRepaired)
        {
            AddRepaired(pack, reader.Header);
        }

        bool isValid = true;
        try
        {
            AddRecords(pack, reader);
        }
        catch (InvalidDataException e)
        {
            isValid = false;
            _findings.Add(FindingCode.RecordsInvalid, pack.Id, reader.Header.Offset, $"LSN {reader.Header.Lsn}: {e.Message}");
        }

        if (_checkpoint is { } position && position == end)
        {
            CheckpointCatalog = Catalog.Copy();
        }

        return isValid;
    }

    private void AddRecords(PackSurvey pack, BatchReader reader)
    {
        bool isCovered = _checkpoint is { } covered && reader.Header.Lsn <= covered.LastLsn;
        var records = new RecordTableReader(reader.Table);
        while (records.MoveNext())
        {
            if (records.Kind != RecordKind.Chunks)
            {
                Catalog.Apply(reader.Header, records);
                continue;
            }

            (int chunks, long bytes) = CountStored(records);
            Chunks += records.ChunkCount;
            pack.Chunks += chunks;
            if (isCovered)
            {
                pack.CheckpointChunks += chunks;
                pack.CheckpointBytes += bytes;
            }
        }
    }

    private void AddRepaired(PackSurvey pack, in BatchHeader header)
    {
        FirstRepairedLsn = FirstRepairedLsn == 0 ? header.Lsn : FirstRepairedLsn;
        if (header.RecordCount == 0)
        {
            Catalog.HasLosses = true;
            string lsns = header.LostCount == 0 ? $"LSN {header.Lsn} was" : $"LSN {header.Lsn} to {header.LastLsn} were";
            _findings.Add(FindingCode.BatchesLost, pack.Id, header.Offset, $"{lsns} lost to earlier damage");
        }
    }

    private static (int Chunks, long Bytes) CountStored(in RecordTableReader records)
    {
        (int chunks, long bytes) = (0, 0);
        for (int i = 0; i < records.ChunkCount; i++)
        {
            ChunkRecord chunk = records.GetChunk(i);
            if (chunk.Codec != ChunkCodec.Lost)
            {
                chunks++;
                bytes += chunk.StoredLength;
            }
        }

        return (chunks, bytes);
    }
}
