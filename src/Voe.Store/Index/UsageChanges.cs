using System.Runtime.InteropServices;

namespace Voe.Store.Index;

/// <summary>What one checkpoint changes in the usage counters, summed up. One thread.</summary>
internal sealed class UsageChanges
{
    private readonly Dictionary<(uint Volume, uint Pack), (long Chunks, long Bytes)> _references = [];
    private (uint Volume, uint Pack) _run;
    private long _runChunks;
    private long _runBytes;

    /// <summary>What changes in the references of volumes to packs.</summary>
    public IReadOnlyDictionary<(uint Volume, uint Pack), (long Chunks, long Bytes)> References
    {
        get
        {
            EndRun();
            return _references;
        }
    }

    /// <summary>A row begins to refer to a chunk.</summary>
    public void Add(uint volume, in MapEntry entry) => Count(volume, entry.Location.PackId, 1, entry.Location.StoredLength);

    /// <summary>A row no longer refers to a chunk.</summary>
    public void Subtract(uint volume, in MapEntry entry) => Count(volume, entry.Location.PackId, -1, -entry.Location.StoredLength);

    /// <summary>Many rows at once.</summary>
    public void Count(uint volume, uint pack, long chunks, long bytes)
    {
        if (_run != (volume, pack))
        {
            EndRun();
            _run = (volume, pack);
        }

        _runChunks += chunks;
        _runBytes += bytes;
    }

    // Rows come in runs of one pack: their sums are kept aside and reach the dictionary once a run.
    private void EndRun()
    {
        if (_runChunks != 0 || _runBytes != 0)
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_references, _run, out _);
            sum = (sum.Chunks + _runChunks, sum.Bytes + _runBytes);
            (_runChunks, _runBytes) = (0, 0);
        }
    }
}
