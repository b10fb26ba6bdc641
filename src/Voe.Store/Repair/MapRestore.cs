using Voe.Store.Index;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>
/// Gives back what volumes held, where the log lost the record of it but the index, as it was before the repair, covers that part of
/// the log: what it says, and the log no longer, is what the lost batches did, unless later batches changed it again.
/// </summary>
/// <remarks>Appends to the log; doing it twice comes to the same.</remarks>
internal sealed class MapRestore : IDisposable
{
    private const int Step = 256;
    private readonly StoreEngine _engine;
    private readonly StoreIndex _old;
    private readonly TouchedSince _touched;
    private readonly RepairBatch _batch;
    private readonly List<RepairStep> _steps;
    private readonly HashSet<uint> _known; // volumes of the index as it was
    private readonly MapEntry[] _before = new MapEntry[Step];
    private readonly MapEntry[] _now = new MapEntry[Step];

    private MapRestore(StoreEngine engine, StoreIndex old, TouchedSince touched, List<RepairStep> steps)
    {
        _engine = engine;
        _old = old;
        _touched = touched;
        _steps = steps;
        _known = [.. old.VolumeRecords.Select(static volume => volume.Id)];
        _batch = new RepairBatch(new BatchReplay(engine.Index, engine.Catalog));
    }

    /// <summary>Compares the index as it was with the store as the log has it now, and appends what differs.</summary>
    public static void Run(
        StoreEngine engine, PackSet packs, StoreIndex old, LogPosition checkpoint, uint nextVolumeId, List<RepairStep> steps)
    {
        TouchedSince touched = TouchedSince.Read(packs, checkpoint);
        using var restore = new MapRestore(engine, old, touched, steps);
        restore.Run(nextVolumeId);
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    private void Run(uint nextVolumeId)
    {
        foreach (uint id in _engine.Catalog.List().Select(static volume => volume.Record.Id).Where(id => id < nextVolumeId).ToArray())
        {
            if (!_known.Contains(id) && !_touched.HasVolume(id))
            {
                _steps.Add(new RepairStep(RepairKind.VolumeRestored, 0, 0, 0, $"volume {id} was deleted, the index says"));
                _batch.Table.AddVolumeDeleted(id);
                Append(1);
            }
        }

        foreach ((uint id, byte[] body) in _old.VolumeRecords)
        {
            if (NamedRecordCodec.TryDecodeVolume(body, out VolumeRecord record) && record.Id == id)
            {
                RestoreVolume(record);
            }
        }
    }

    private void RestoreVolume(VolumeRecord record)
    {
        VolumeRecord? now = _engine.Catalog.Find(record.Id)?.Record;
        if (now is null && _touched.HasVolume(record.Id))
        {
            return; // deleted since
        }

        if ((now is null || now != record) && !_touched.HasVolume(record.Id))
        {
            // One that has the name without being changed since is about to get its own name back.
            bool isTaken = _engine.Catalog.Find(record.Name)?.Record.Id is { } other && other != record.Id
                && (_touched.HasVolume(other) || !_known.Contains(other));
            string name = isTaken ? $"{record.Name[..Math.Min(record.Name.Length, 230)]}.lost-{record.Id}" : record.Name;
            VolumeRecord restored = record with { Name = name };
            if (restored != now)
            {
                _steps.Add(new RepairStep(RepairKind.VolumeRestored, 0, 0, 0,
                    $"volume {record.Id}, \"{restored.Name}\", {record.Size} bytes: its settings come from the index"));
                _batch.Table.AddVolume(restored);
                Append(1);
            }
        }

        VolumeRecord current = _engine.Catalog.Find(record.Id)!.Record;
        ulong chunks = (ulong)((Math.Max(record.Size, current.Size) + record.ChunkSize - 1) / record.ChunkSize);
        RestoreMap(record.Id, current, chunks);
    }

    private void RestoreMap(uint volume, VolumeRecord record, ulong chunks)
    {
        long restored = 0;
        for (ulong at = 0; at < chunks;)
        {
            at = Math.Min(_old.FindMapped(volume, at, chunks), _engine.Index.FindMapped(volume, at, chunks));
            int count = (int)Math.Min(Step, chunks - at);
            if (count == 0)
            {
                break;
            }

            _old.ReadMap(volume, at, _before.AsSpan(0, count));
            _engine.Index.ReadMap(volume, at, _now.AsSpan(0, count));
            for (int i = 0; i < count; i++)
            {
                if (_before[i].Hash != _now[i].Hash && !_touched.HasChunk(volume, at + (ulong)i))
                {
                    AddChunk(volume, at + (ulong)i, _before[i]);
                    restored++;
                }
            }

            Append(0, onlyIfFull: true);
            at += (ulong)count;
        }

        Append(0);
        if (restored > 0)
        {
            _steps.Add(new RepairStep(RepairKind.MapRestored, 0, 0, restored * record.ChunkSize,
                $"volume \"{record.Name}\": what {restored} chunks hold comes from the index"));
        }
    }

    private void AddChunk(uint volume, ulong chunk, in MapEntry entry)
    {
        if (entry.IsHole)
        {
            _batch.Table.AddZero(volume, chunk, 1);
        }
        else
        {
            _batch.Table.BeginExtent(volume, chunk);
            _batch.Table.AddHash(entry.Hash);
        }

        _batch.Count(1);
    }

    private void Append(int entries, bool onlyIfFull = false)
    {
        _batch.Count(entries);
        if (!onlyIfFull || _batch.IsFull)
        {
            _batch.AppendTo(_engine.Log);
        }
    }
}
