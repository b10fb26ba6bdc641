using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>
/// Holds the index, as of its last checkpoint, against the log. What it finds is never a loss: the index is made anew from the
/// packs. One thread; once.
/// </summary>
internal sealed class IndexVerifier
{
    private const int MaxEach = 1000; // findings about single chunks; the rest is counted

    private readonly IndexScan _index;
    private readonly LogSurvey _survey;
    private readonly LogPosition _position;
    private readonly FindingList _findings;
    private readonly Dictionary<(uint Volume, uint Pack), (long Chunks, long Bytes)> _references = [];

    /// <summary>A verifier of an index whose checkpoint is at a position.</summary>
    public IndexVerifier(IndexScan index, LogPosition position, LogSurvey survey, FindingList findings)
    {
        _index = index;
        _position = position;
        _survey = survey;
        _findings = findings;
    }

    /// <summary>Whether the index can be compared with the log. If not, it is said why.</summary>
    public bool CheckPosition()
    {
        if (_survey.CheckpointCatalog is null)
        {
            if (_survey.HasGaps)
            {
                AddNotCompared();
            }
            else
            {
                Add(FindingCode.IndexPositionWrong, $"the index is at LSN {_position.LastLsn}, pack {_position.PackId}, offset "
                    + $"{_position.Offset}, which is no batch's end in this log; the log ends with LSN {_survey.End.LastLsn}");
            }

            return false;
        }

        if (_position.LastLsn < _survey.End.LastLsn)
        {
            Add(FindingCode.IndexBehind, $"the index has the log up to LSN {_position.LastLsn}, the log ends with LSN "
                + $"{_survey.End.LastLsn}: the next start replays the rest");
        }

        if (_survey.HasGaps)
        {
            AddNotCompared();
        }

        return !_survey.HasGaps;
    }

    /// <summary>The accounts of what packs hold, which the footers tell.</summary>
    public void CheckStored()
    {
        Dictionary<uint, PackUsage> usage = _index.ReadPackUsage();
        foreach (PackSurvey pack in _survey.Packs)
        {
            usage.Remove(pack.Id, out PackUsage counted);
            if (counted.StoredChunks != pack.CheckpointChunks || counted.StoredBytes != pack.CheckpointBytes)
            {
                _findings.Add(
                    FindingCode.IndexUsageWrong, pack.Id, 0, $"the index counts {counted.StoredChunks} chunks of {counted.StoredBytes} "
                    + $"bytes in the pack, it has {pack.CheckpointChunks} of {pack.CheckpointBytes}");
            }
        }

        foreach ((uint pack, PackUsage counted) in usage.Where(static pack => pack.Value.StoredChunks != 0))
        {
            Add(FindingCode.IndexUsageWrong, $"the index counts {counted.StoredChunks} chunks in pack {pack}, which does not exist");
        }
    }

    /// <summary>The volumes and snapshots.</summary>
    public void CheckVolumes()
    {
        LogCatalog catalog = _survey.CheckpointCatalog!;
        var found = _index.ReadVolumeRecords().ToDictionary(static row => row.Id, static row => row.Record);
        foreach ((uint id, VolumeRecord record) in catalog.Volumes)
        {
            if (!found.Remove(id, out byte[]? body) || !body.AsSpan().SequenceEqual(NamedRecordCodec.Encode(record)))
            {
                Add(FindingCode.IndexVolumeWrong, $"volume \"{record.Name}\" (number {id}) is "
                    + (body is null ? "not in the index" : "another in the index"));
            }
        }

        foreach (uint id in found.Keys)
        {
            Add(FindingCode.IndexVolumeWrong, $"the index has a volume {id}, which does not exist");
        }

        var snapshots = catalog.Snapshots.Values.ToDictionary(
            static snapshot => Convert.ToHexString(NamedRecordCodec.EncodeSnapshotDeleted(snapshot.Volume, snapshot.Name)),
            NamedRecordCodec.Encode,
            StringComparer.Ordinal);
        foreach ((byte[] key, byte[] value) in _index.ReadRootRecords())
        {
            if (!snapshots.Remove(Convert.ToHexString(key), out byte[]? expected) || !expected.AsSpan().SequenceEqual(value))
            {
                Add(FindingCode.IndexVolumeWrong, $"the index has a snapshot {Convert.ToHexStringLower(key)} that the log has not");
            }
        }

        foreach (string key in snapshots.Keys)
        {
            Add(FindingCode.IndexVolumeWrong, $"the index lacks the snapshot {key}");
        }
    }

    /// <summary>Every chunk of the index is in the packs where it says, and every chunk of the packs is in the index.</summary>
    public void CheckChunks(ChunkTable table)
    {
        long wrong = 0;
        _index.ScanChunks((hash, location) =>
        {
            if (!table.MarkIndexed(hash, location) && wrong++ < MaxEach)
            {
                _findings.Add(new Finding(
                    FindingCode.IndexChunkWrong, location.PackId, location.Offset, $"the index has chunk {hash} here, the pack has not")
                {
                    Chunk = hash,
                });
            }
        });
        if (wrong > MaxEach)
        {
            Add(FindingCode.IndexChunkWrong, $"{wrong - MaxEach} more chunks are not where the index has them");
        }

        long missing = table.FindUnindexed(_position.PackId, _position.Offset, MaxEach, (pack, offset) =>
            _findings.Add(FindingCode.IndexChunkMissing, pack, offset, "the index does not have the chunk that is stored here"));
        if (missing > MaxEach)
        {
            Add(FindingCode.IndexChunkMissing, $"{missing - MaxEach} more stored chunks are not in the index");
        }
    }

    /// <summary>
    /// All rows of the maps: each says what the log says, in a place where that chunk is, and is counted. Takes the rows off
    /// <paramref name="coverage"/>, which is of no use afterwards.
    /// </summary>
    public void CheckMaps(ChunkTable table, Dictionary<uint, VolumeCoverage> coverage)
    {
        Dictionary<uint, VolumeRecord> volumes = _survey.CheckpointCatalog!.Volumes;
        var misplaced = new Dictionary<uint, RangeCollector>();
        var unknown = new Dictionary<uint, long>();
        Scan(volumes, (id, volume, chunk, entry) =>
        {
            Count(id, entry);
            if (volume is null)
            {
                unknown[id] = unknown.GetValueOrDefault(id) + 1;
                return;
            }

            if (!coverage.TryGetValue(id, out VolumeCoverage? expected))
            {
                coverage.Add(id, expected = new VolumeCoverage());
            }

            expected.Subtract(chunk, entry.Hash);
            if (!entry.Location.IsLost && !table.Has(entry.Hash, entry.Location))
            {
                Collect(misplaced, volume, chunk);
            }
        });
        foreach ((uint id, long count) in unknown)
        {
            Add(FindingCode.IndexMapWrong, $"the index has {count} chunks of volume {id}, which does not exist");
        }

        foreach ((uint id, RangeCollector ranges) in misplaced)
        {
            AddMap($"the index's map of volume \"{volumes[id].Name}\" names places where its chunks are not", ranges, volumes);
        }

        foreach ((uint id, VolumeCoverage rest) in coverage)
        {
            CheckRest(volumes[id], rest, volumes);
        }
    }

    /// <summary>The accounts of what volumes refer to. After <see cref="CheckMaps"/>, which counts.</summary>
    public void CheckReferences()
    {
        Dictionary<(uint Volume, uint Pack), (long Chunks, long Bytes)> found = _index.ReadReferences();
        foreach (((uint volume, uint pack), (long chunks, long bytes)) in _references)
        {
            if (!found.Remove((volume, pack), out (long Chunks, long Bytes) counted) || counted != (chunks, bytes))
            {
                Add(FindingCode.IndexUsageWrong, $"the index counts {counted.Chunks} chunks of {counted.Bytes} bytes of pack {pack} in "
                    + $"volume {volume}, its map has {chunks} of {bytes}");
            }
        }

        foreach ((uint volume, uint pack) in found.Keys)
        {
            Add(FindingCode.IndexUsageWrong, $"the index counts chunks of pack {pack} in volume {volume}, its map has none");
        }

        Dictionary<uint, long> counts = _index.ReadVolumeCounts();
        foreach (IGrouping<uint, long> volume in _references.GroupBy(static sum => sum.Key.Volume, static sum => sum.Value.Chunks))
        {
            if (!counts.Remove(volume.Key, out long count) || count != volume.Sum())
            {
                Add(FindingCode.IndexUsageWrong, $"the index counts {count} chunks in volume {volume.Key}, its map has {volume.Sum()}");
            }
        }

        foreach ((uint volume, long count) in counts)
        {
            Add(FindingCode.IndexUsageWrong, $"the index counts {count} chunks in volume {volume}, its map has none");
        }

        CheckPackReferences();
    }

    /// <summary>
    /// What volumes have in packs that cannot be read: the log no longer tells, the index does. Adds it to the findings about
    /// those packs.
    /// </summary>
    public void TellWhatMissingPacksHeld(IReadOnlyCollection<uint> packs)
    {
        var held = new Dictionary<uint, RangeCollector>();
        Dictionary<uint, VolumeRecord> volumes = VolumesOfBoth();
        Scan(volumes, (_, volume, chunk, entry) =>
        {
            if (volume is not null && packs.Contains(entry.Location.PackId))
            {
                Collect(held, entry.Location.PackId, volume, chunk);
            }
        });
        _findings.Replace(finding =>
        {
            bool isAboutPack = finding.Code is FindingCode.PackMissing or FindingCode.PackUnreadable or FindingCode.PackHeaderDamaged
                or FindingCode.PackMisplaced;
            if (!isAboutPack || !held.TryGetValue(finding.PackId, out RangeCollector? ranges))
            {
                return finding;
            }

            (IReadOnlyList<AffectedRange> affected, long more) = ranges.ToRanges(volumes);
            return finding with { Affected = affected, MoreBytes = more };
        });
    }

    // Those of the log, and those that only the index knows, since the log lost the record that made them.
    private Dictionary<uint, VolumeRecord> VolumesOfBoth()
    {
        var volumes = new Dictionary<uint, VolumeRecord>(_survey.Catalog.Volumes);
        foreach ((uint id, byte[] body) in _index.ReadVolumeRecords())
        {
            if (!_survey.Catalog.WasDeleted(id) && NamedRecordCodec.TryDecodeVolume(body, out VolumeRecord record))
            {
                volumes.TryAdd(id, record);
            }
        }

        return volumes;
    }

    private static void Collect(Dictionary<uint, RangeCollector> collectors, VolumeRecord volume, ulong chunk) =>
        Collect(collectors, volume.Id, volume, chunk);

    private static void Collect(Dictionary<uint, RangeCollector> collectors, uint key, VolumeRecord volume, ulong chunk)
    {
        if (!collectors.TryGetValue(key, out RangeCollector? ranges))
        {
            collectors.Add(key, ranges = new RangeCollector(1 << 18));
        }

        ranges.Add(volume, chunk);
    }

    private void Scan(Dictionary<uint, VolumeRecord> volumes, Action<uint, VolumeRecord?, ulong, MapEntry> visitor)
    {
        using RowCursor cursor = _index.OpenRows();
        VolumeRecord? volume = null;
        uint id = 0;
        for (cursor.Seek(0, 0); cursor.IsValid; cursor.Next())
        {
            if (cursor.Volume != id)
            {
                id = cursor.Volume;
                volume = volumes.GetValueOrDefault(id);
            }

            visitor(id, volume, cursor.Chunk, cursor.Entry);
        }
    }

    private void Count(uint volume, in MapEntry entry)
    {
        ref (long Chunks, long Bytes) sum = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            _references, (volume, entry.Location.PackId), out _);
        sum = (sum.Chunks + 1, sum.Bytes + entry.Location.StoredLength);
    }

    private void CheckRest(VolumeRecord volume, VolumeCoverage rest, Dictionary<uint, VolumeRecord> volumes)
    {
        var ranges = new RangeCollector(1 << 18);
        int pages = 0;
        foreach (ulong first in rest.Pages)
        {
            pages++;
            for (ulong chunk = first; chunk < first + VolumeCoverage.PageSize; chunk++)
            {
                ranges.Add(volume, chunk);
            }
        }

        if (pages > 0)
        {
            AddMap($"the index's map of volume \"{volume.Name}\" is not what the log says, somewhere in each of {pages} ranges of "
                + $"{VolumeCoverage.PageSize} chunks", ranges, volumes);
        }
    }

    private void CheckPackReferences()
    {
        Dictionary<uint, PackUsage> usage = _index.ReadPackUsage();
        foreach (var pack in _references.GroupBy(static sum => sum.Key.Pack, static sum => sum.Value))
        {
            usage.Remove(pack.Key, out PackUsage counted);
            (long chunks, long bytes) = (pack.Sum(static sum => sum.Chunks), pack.Sum(static sum => sum.Bytes));
            if (counted.ReferencedChunks != chunks || counted.ReferencedBytes != bytes)
            {
                _findings.Add(
                    FindingCode.IndexUsageWrong, pack.Key, 0, $"the index counts {counted.ReferencedChunks} references of "
                    + $"{counted.ReferencedBytes} bytes to the pack, the maps have {chunks} of {bytes}");
            }
        }

        foreach ((uint pack, PackUsage counted) in usage.Where(static pack => pack.Value.ReferencedChunks != 0))
        {
            Add(FindingCode.IndexUsageWrong, $"the index counts {counted.ReferencedChunks} references to pack {pack}, the maps have none");
        }
    }

    private void AddNotCompared() => Add(FindingCode.IndexNotCompared, "the log has gaps, so that the index cannot be compared with it");

    private void Add(FindingCode code, string message) => _findings.Add(code, 0, 0, message);

    private void AddMap(string message, RangeCollector ranges, Dictionary<uint, VolumeRecord> volumes)
    {
        (IReadOnlyList<AffectedRange> affected, long more) = ranges.ToRanges(volumes);
        _findings.Add(new Finding(FindingCode.IndexMapWrong, 0, 0, message) { Affected = affected, MoreBytes = more });
    }
}
