using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Recovery;

/// <summary>
/// Applies the batches that recovery reads to the index, with checkpoints in between so that memory stays bounded, and
/// reports progress.
/// </summary>
internal sealed class IndexReplay
{
    private readonly StoreIndex _index;
    private readonly IVolumeRecords _volumes;
    private readonly BatchReplay _replay;
    private readonly Action<StoreProgress>? _progress;
    private readonly string _operation;

    /// <summary>A replay into an index: all of the log, or what came after its last checkpoint.</summary>
    public IndexReplay(StoreIndex index, IVolumeRecords volumes, bool isRebuild, Action<StoreProgress>? progress)
    {
        _index = index;
        _volumes = volumes;
        _replay = new BatchReplay(index, volumes);
        _progress = progress;
        _operation = isRebuild ? "rebuilding the index from the packs" : "replaying the log since the last checkpoint";
    }

    /// <summary>Applies one batch; <paramref name="before"/> is the position before it.</summary>
    public void Apply(BatchHeader header, BatchReader reader, LogPosition before)
    {
        if (_index.IsFull || BatchReplay.CountEntries(reader.Table) > _index.Headroom)
        {
            Checkpoint(before); // what it covers is durable: sealed packs are, and of others the medium itself was read
        }

        _replay.Apply(header, reader.Table);
    }

    /// <summary>Makes what was applied so far durable in the index; the log is durable up to <paramref name="end"/>.</summary>
    public void Checkpoint(LogPosition end)
    {
        _index.Freeze(Checkpointer.EncodeState(end, _volumes.NextId, _volumes.HasLosses));
        _index.WriteFrozen();
    }

    /// <summary>Reports bytes of packs done.</summary>
    public void ReportProgress(long done, long total) => _progress?.Invoke(new StoreProgress(_operation, done, total));
}
