using Voe.Store.Log;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>A batch with which a repair gives the log back what was found elsewhere. It takes effect as by a replay.</summary>
internal sealed class RepairBatch(BatchReplay replay) : BatchBody
{
    private readonly MemoryStream _payload = new();
    private int _entries;

    /// <inheritdoc/>
    public override int EntryCount => _entries;

    /// <inheritdoc/>
    public override bool DependsOnOthers => true;

    /// <summary>Whether it is as large as a batch should become.</summary>
    public bool IsFull => _entries >= 1024 || _payload.Length >= 1 << 20;

    /// <summary>Whether it has no record.</summary>
    public bool IsEmpty => Table.RecordCount == 0;

    /// <summary>Says that the next record adds so many entries to the index.</summary>
    public void Count(int entries) => _entries += entries;

    /// <summary>Adds a chunk's stored bytes; <see cref="RecordTableWriter.AddChunk"/> is called beside.</summary>
    public void AddPayload(ReadOnlySpan<byte> stored)
    {
        _payload.Write(stored);
        Payload = _payload.GetBuffer().AsMemory(0, (int)_payload.Length);
    }

    /// <summary>Appends it, if it has records, and begins anew.</summary>
    public void AppendTo(LogWriter log)
    {
        if (!IsEmpty)
        {
            log.Append(this);
        }

        Table.Clear();
        _payload.SetLength(0);
        Payload = default;
        _entries = 0;
    }

    /// <inheritdoc/>
    public override void Apply(in BatchPlace place)
    {
        int head = Table.HeaderAndTable.Length;
        var header = new BatchHeader(
            place.Lsn, 0, place.PackId, place.PayloadOffset - (uint)head, 0, Table.RecordCount, Table.TableLength, Payload.Length, 0);
        replay.Apply(header, Table.HeaderAndTable.Span[BatchHeader.Size..]);
    }
}
