using Voe.Store.Hashing;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>Volumes and snapshots as the log has them up to some batch. One thread.</summary>
internal sealed class LogCatalog
{
    private readonly FindingList _findings;
    private readonly HashSet<uint> _deleted;
    private readonly HashSet<uint> _unknown = [];

    /// <summary>An empty catalog.</summary>
    public LogCatalog(FindingList findings)
    {
        _findings = findings;
        _deleted = [];
        Volumes = [];
        Snapshots = [];
        Roots = [];
    }

    private LogCatalog(LogCatalog other)
    {
        _findings = other._findings;
        _deleted = [.. other._deleted];
        HasLosses = other.HasLosses;
        Volumes = new(other.Volumes);
        Snapshots = new(other.Snapshots);
        Roots = new(other.Roots);
    }

    /// <summary>The volumes, by id.</summary>
    public Dictionary<uint, VolumeRecord> Volumes { get; }

    /// <summary>The snapshots.</summary>
    public Dictionary<(uint Volume, string Name), SnapshotRecord> Snapshots { get; }

    /// <summary>The last root of each volume, with the batch that names it.</summary>
    public Dictionary<uint, (ChunkHash Root, BatchHeader Batch)> Roots { get; }

    /// <summary>Whether a volume was deleted.</summary>
    public bool WasDeleted(uint volume) => _deleted.Contains(volume);

    /// <summary>
    /// Whether batches before this point were lost with their records. What contradicts the rest then follows from that, and no more
    /// is wrong: the store takes it as it comes.
    /// </summary>
    public bool HasLosses { get; set; }

    /// <summary>A copy that stays as it is.</summary>
    public LogCatalog Copy() => new(this);

    /// <summary>Takes in one record.</summary>
    public void Apply(in BatchHeader batch, in RecordTableReader records)
    {
        switch (records.Kind)
        {
            case RecordKind.Volume:
                Put(batch, records.GetVolume());
                break;
            case RecordKind.VolumeDeleted:
                RequireVolume(batch, records);
                Volumes.Remove(records.Volume);
                Roots.Remove(records.Volume);
                _deleted.Add(records.Volume);
                break;
            case RecordKind.Extent or RecordKind.Zero or RecordKind.Delta:
                RequireVolume(batch, records);
                break;
            case RecordKind.Root:
                RequireVolume(batch, records);
                Roots[records.Volume] = (records.Root, batch);
                break;
            case RecordKind.Snapshot:
                SnapshotRecord snapshot = records.GetSnapshot();
                Snapshots[(snapshot.Volume, snapshot.Name)] = snapshot;
                break;
            case RecordKind.SnapshotDeleted:
                _ = NamedRecordCodec.TryDecodeSnapshotDeleted(records.Body, out uint volume, out string name);
                Snapshots.Remove((volume, name));
                break;
        }
    }

    private void Put(in BatchHeader batch, VolumeRecord record)
    {
        string? reason = _deleted.Contains(record.Id) ? "its number is that of a volume that was deleted"
            : Volumes.TryGetValue(record.Id, out VolumeRecord? old) && old.ChunkSize != record.ChunkSize
                ? $"its chunk size changes from {old.ChunkSize} to {record.ChunkSize}"
            : Volumes.Values.Any(other => other.Id != record.Id && string.Equals(other.Name, record.Name, StringComparison.Ordinal))
                ? "another volume has its name"
            : null;
        if (reason is not null && !HasLosses)
        {
            _findings.Add(
                FindingCode.VolumeInvalid, batch.PackId, batch.Offset, $"LSN {batch.Lsn}: volume {record.Id}, \"{record.Name}\": {reason}");
        }

        Volumes[record.Id] = record;
    }

    private void RequireVolume(in BatchHeader batch, in RecordTableReader records)
    {
        if (!Volumes.ContainsKey(records.Volume) && _unknown.Add(records.Volume))
        {
            _findings.Add(
                HasLosses ? FindingCode.VolumeLost : FindingCode.VolumeUnknown, batch.PackId, batch.Offset,
                $"LSN {batch.Lsn}: the {records.Kind} record is about volume {records.Volume}, which does not exist");
        }
    }
}
