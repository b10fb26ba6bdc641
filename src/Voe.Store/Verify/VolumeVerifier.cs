using Voe.Store.Hashing;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>
/// Holds what the volumes name against what the log has: every chunk of every volume is stored, whole, and as long as the
/// volume's chunks are. One thread; once.
/// </summary>
internal sealed class VolumeVerifier
{
    private const int MaxMissing = 1000; // chunks that get a finding each; the others share one

    private readonly ChunkTable _table;
    private readonly FindingList _findings;
    private readonly LogCatalog _catalog;
    private readonly ulong _firstRepairedLsn;
    private readonly Dictionary<ChunkHash, RangeCollector> _damaged = [];
    private readonly Dictionary<(FindingCode Code, ChunkHash Hash), Missing> _missing = [];
    private readonly RangeCollector _moreMissing = new();
    private long _moreMissingCount;

    /// <summary>A verifier.</summary>
    /// <param name="table">All chunks.</param>
    /// <param name="damaged">The damaged copies; those of which there is no whole one hurt whoever holds the chunk.</param>
    /// <param name="survey">The log.</param>
    /// <param name="findings">Where findings go.</param>
    public VolumeVerifier(ChunkTable table, IReadOnlyList<DamagedChunk> damaged, LogSurvey survey, FindingList findings)
    {
        _table = table;
        _findings = findings;
        _catalog = survey.Catalog;
        _firstRepairedLsn = survey.FirstRepairedLsn;
        foreach (DamagedChunk chunk in damaged)
        {
            if (!table.HasWhole(chunk.Hash))
            {
                _damaged.TryAdd(chunk.Hash, new RangeCollector());
            }
        }
    }

    /// <summary>One chunk of a volume.</summary>
    public void Check(BatchHeader batch, VolumeRecord volume, ulong chunk, ChunkHash hash)
    {
        ChunkState state = _table.Find(hash, volume.ChunkSize, batch.PackId, batch.Offset + batch.TotalLength);
        bool mayBeLost = _firstRepairedLsn != 0 && batch.Lsn >= _firstRepairedLsn; // its own extents too
        if (state is { IsWhole: true, HasLength: true } && (state.IsBefore || mayBeLost))
        {
            return;
        }

        if (_damaged.TryGetValue(hash, out RangeCollector? ranges))
        {
            ranges.Add(volume, chunk);
        }
        else if (!state.IsKnown && mayBeLost)
        {
            AddMissing(FindingCode.ChunkLost, hash, batch, volume, chunk, "was lost to earlier damage");
        }
        else if (!state.IsKnown || (!state.IsBefore && !mayBeLost))
        {
            string reason = state.IsKnown ? "is stored only behind the batch that refers to it" : "is not in the log";
            AddMissing(FindingCode.ChunkMissing, hash, batch, volume, chunk, reason);
        }
        else if (!state.HasLength)
        {
            string reason = $"is not as long as the volume's chunks, {volume.ChunkSize} bytes";
            AddMissing(FindingCode.ChunkLengthWrong, hash, batch, volume, chunk, reason);
        }
    }

    /// <summary>Roots and snapshots, whose trees must be there.</summary>
    public void CheckRoots()
    {
        foreach (((uint volume, string name), SnapshotRecord snapshot) in _catalog.Snapshots)
        {
            CheckRoot(snapshot.Root, $"snapshot \"{name}\" of volume {volume}");
        }

        foreach ((uint volume, (ChunkHash root, _)) in _catalog.Roots)
        {
            CheckRoot(root, $"the root of volume {volume}");
        }

        foreach (VolumeRecord volume in _catalog.Volumes.Values.Where(static volume => !volume.Origin.IsZero))
        {
            CheckRoot(volume.Origin, $"the origin of volume \"{volume.Name}\"");
        }
    }

    /// <summary>Reports what was found. After the last <see cref="Check"/>.</summary>
    public void Report(IReadOnlyList<DamagedChunk> damaged)
    {
        foreach (DamagedChunk chunk in damaged)
        {
            bool hasWhole = _table.HasWhole(chunk.Hash);
            if (chunk.IsLost && hasWhole)
            {
                continue; // stored again since
            }

            FindingCode code = chunk.IsLost ? FindingCode.ChunkLost
                : hasWhole ? FindingCode.ChunkCopyDamaged : FindingCode.ChunkDamaged;
            _damaged.TryGetValue(chunk.Hash, out RangeCollector? ranges);
            Add(new Finding(code, chunk.PackId, chunk.Offset, chunk.Reason) { Chunk = chunk.Hash }, ranges);
        }

        foreach (((FindingCode code, ChunkHash hash), Missing missing) in _missing)
        {
            string message = $"chunk {hash}, named by LSN {missing.Batch.Lsn}, {missing.Reason}";
            Add(new Finding(code, missing.Batch.PackId, missing.Batch.Offset, message) { Chunk = hash }, missing.Ranges);
        }

        if (_moreMissingCount > 0)
        {
            string message = $"{_moreMissingCount} more places of volumes name chunks that the log does not hold";
            Add(new Finding(FindingCode.ChunkMissing, 0, 0, message), _moreMissing);
        }
    }

    private void Add(Finding finding, RangeCollector? ranges)
    {
        if (ranges is not null)
        {
            (IReadOnlyList<AffectedRange> affected, long more) = ranges.ToRanges(_catalog.Volumes);
            finding = finding with { Affected = affected, MoreBytes = more };
        }

        _findings.Add(finding);
    }

    private void AddMissing(FindingCode code, in ChunkHash hash, in BatchHeader batch, VolumeRecord volume, ulong chunk, string reason)
    {
        if (_missing.TryGetValue((code, hash), out Missing? known))
        {
            known.Ranges.Add(volume, chunk);
        }
        else if (_missing.Count < MaxMissing)
        {
            var ranges = new RangeCollector();
            ranges.Add(volume, chunk);
            _missing.Add((code, hash), new Missing(ranges, reason, batch));
        }
        else
        {
            _moreMissing.Add(volume, chunk);
            _moreMissingCount++;
        }
    }

    private void CheckRoot(in ChunkHash root, string what)
    {
        if (!root.IsZero && !_table.Find(root, VolumeLimits.MinChunkSize, uint.MaxValue, long.MaxValue).IsKnown)
        {
            string message = $"{what}: the log does not hold the root chunk {root}";
            _findings.Add(new Finding(FindingCode.RootMissing, 0, 0, message) { Chunk = root });
        }
    }

    private sealed record Missing(RangeCollector Ranges, string Reason, BatchHeader Batch);
}
