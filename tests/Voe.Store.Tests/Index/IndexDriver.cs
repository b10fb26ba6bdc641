using System.Text;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

/// <summary>
/// Does seeded random changes to a <see cref="StoreIndex"/> and to the <see cref="IndexModel"/>, and compares them. Keeps the
/// changes since the last durable checkpoint, which stand for the log: after a crash they are replayed.
/// </summary>
internal sealed class IndexDriver : IDisposable
{
    private const int HashCount = 600;
    private const uint VolumeCount = 3;
    private const ulong ChunkCount = 200;
    private const ulong FarChunk = 1UL << 51;
    private readonly TempDirectory _directory = new();
    private readonly Random _random;
    private readonly ChunkHash[] _hashes = [.. Enumerable.Range(0, HashCount).Select(IndexModel.HashOf)];

    // Everything since the last durable checkpoint; the first _frozenOperations of them belong to the frozen delta.
    private readonly List<Action<StoreIndex, IndexModel>> _log = [];
    private IndexModel _model = new();
    private IndexModel? _frozenModel;
    private int _frozenOperations;

    public IndexDriver(int seed)
    {
        _random = new Random(seed);
        Index = Open();
    }

    public StoreIndex Index { get; private set; }

    public IndexModel Durable { get; private set; } = new();

    /// <summary>Called before each step of a checkpoint.</summary>
    public Action<CheckpointStep>? FailPoint { get; set; }

    public bool HasFrozen => _frozenModel is not null;

    public void Change(int count)
    {
        for (int i = 0; i < count; i++)
        {
            var operation = NextOperation();
            _log.Add(operation);
            operation(Index, _model);
        }
    }

    public void Freeze()
    {
        byte[] state = new byte[_random.Next(8, 40)];
        _random.NextBytes(state);
        _model.State = state;
        Index.Freeze(state);
        _frozenModel = _model.Copy();
        _frozenOperations = _log.Count;
    }

    public void WriteFrozen()
    {
        Index.WriteFrozen();
        if (_frozenModel is not null)
        {
            TakeOverFrozen();
        }
    }

    /// <summary>After a checkpoint that was killed in the step: reopens, and finds out which of the two states is on disk.</summary>
    public void ReopenAfterCrash()
    {
        Index.Dispose();
        Index = Open();
        if (_frozenModel is not null && Index.CheckpointState.Span.SequenceEqual(_frozenModel.State))
        {
            TakeOverFrozen();
        }

        _frozenModel = null;
    }

    /// <summary>Replays what is not in the checkpoint, as recovery does with the log.</summary>
    public void Replay()
    {
        _model = Durable.Copy();
        foreach (var operation in _log)
        {
            operation(Index, _model);
        }
    }

    /// <summary>Forgets what is not in the checkpoint.</summary>
    public void Revert()
    {
        _model = Durable.Copy();
        _log.Clear();
    }

    public void CompareLookups()
    {
        var locations = new ChunkLocation[HashCount];
        Index.FindChunks(_hashes, locations);
        for (int i = 0; i < HashCount; i++)
        {
            Assert.Equal(_model.Chunks.GetValueOrDefault(_hashes[i]), locations[i]);
        }

        ulong[] scattered = new ulong[100];
        var entries = new MapEntry[ChunkCount];
        for (uint volume = 1; volume <= VolumeCount; volume++)
        {
            foreach (ulong start in (ulong[])[0, FarChunk])
            {
                Index.ReadMap(volume, start, entries);
                CompareEntries(volume, [.. Enumerable.Range(0, entries.Length).Select(i => start + (ulong)i)], entries);
            }

            for (int i = 0; i < scattered.Length; i++)
            {
                scattered[i] = NextChunk();
            }

            Index.ReadMap(volume, scattered, entries);
            CompareEntries(volume, scattered, entries);
            foreach (ulong first in (ulong[])[0, NextChunk(), ChunkCount + 1, FarChunk, FarChunk + ChunkCount])
            {
                CompareSkipping(volume, first, first + 1 + (ulong)_random.NextInt64(1L << _random.Next(1, 53)));
            }
        }
    }

    // Every hole may be taken for mapped, but nothing mapped for a hole.
    private void CompareSkipping(uint volume, ulong first, ulong end)
    {
        ulong found = Index.FindMapped(volume, first, end);
        Assert.InRange(found, first, end);
        Assert.DoesNotContain(_model.Map.Keys, key => key.Volume == volume && key.Chunk >= first && key.Chunk < found);
    }

    public void CompareDurable()
    {
        Assert.Equal(Durable.CountUsage().OrderBy(pack => pack.Key), Index.GetPackUsage().OrderBy(pack => pack.Key));
        for (uint volume = 1; volume <= VolumeCount; volume++)
        {
            Assert.Equal(Durable.Map.Keys.Count(key => key.Volume == volume), Index.GetMappedChunks(volume));
        }
    }

    public void CompareRecords()
    {
        Assert.Equal(Durable.State, Index.CheckpointState.ToArray());
        Assert.Equal(Durable.Volumes.Select(volume => (volume.Key, volume.Value)), Index.VolumeRecords);
        Assert.Equal(
            Durable.Roots.Select(root => (root.Key, root.Value)),
            Index.RootRecords.Select(root => (Encoding.UTF8.GetString(root.Key), root.Value)));
    }

    public void Dispose()
    {
        Index.Dispose();
        _directory.Dispose();
    }

    private void CompareEntries(uint volume, ulong[] chunks, MapEntry[] entries)
    {
        for (int i = 0; i < chunks.Length; i++)
        {
            Assert.Equal(_model.Map.GetValueOrDefault((volume, chunks[i])), entries[i]);
        }
    }

    private void TakeOverFrozen()
    {
        Durable = _frozenModel!;
        _frozenModel = null;
        _log.RemoveRange(0, _frozenOperations);
    }

    private StoreIndex Open() => StoreIndex.Open(
        _directory.Path, new IndexOptions { Memory = 1 << 20, RocksDbMemory = 4 << 20, FailPoint = step => FailPoint?.Invoke(step) });

    private ulong NextChunk() => (_random.Next(8) == 0 ? FarChunk : 0) + (ulong)_random.NextInt64((long)ChunkCount);

    private Action<StoreIndex, IndexModel> NextOperation()
    {
        uint volume = (uint)_random.Next(1, (int)VolumeCount + 1);
        var hash = _hashes[_random.Next(HashCount)];
        var location = IndexModel.LocationOf(in hash, (uint)_random.Next(1, 6));
        ulong chunk = NextChunk();
        switch (_random.Next(100))
        {
            case < 30:
                return (index, model) =>
                {
                    index.AddChunk(in hash, in location);
                    model.AddChunk(hash, location);
                };
            case < 33:
                return (index, model) =>
                {
                    index.RemoveChunk(in hash);
                    model.Chunks.Remove(hash);
                };
            case < 60:
                var entry = _random.Next(8) == 0 ? default : new MapEntry(hash, location);
                return (index, model) =>
                {
                    index.SetEntry(volume, chunk, in entry);
                    model.SetEntry(volume, chunk, entry);
                };
            case < 80:
                var run = NextRun();
                return (index, model) =>
                {
                    index.SetEntries(volume, chunk, run);
                    for (int i = 0; i < run.Length; i++)
                    {
                        model.SetEntry(volume, chunk + (ulong)i, run[i]);
                    }
                };
            default:
                return NextRareOperation(volume, chunk);
        }
    }

    private MapEntry[] NextRun()
    {
        var run = new MapEntry[_random.Next(1, 60)];
        for (int i = 0; i < run.Length; i++)
        {
            var hash = _hashes[_random.Next(HashCount)];
            run[i] = _random.Next(20) == 0 ? default : new MapEntry(hash, IndexModel.LocationOf(in hash, (uint)_random.Next(1, 6)));
        }

        return run;
    }

    private Action<StoreIndex, IndexModel> NextRareOperation(uint volume, ulong chunk)
    {
        byte[] bytes = new byte[_random.Next(1, 50)];
        _random.NextBytes(bytes);
        string root = $"root {_random.Next(10)}";
        switch (_random.Next(20))
        {
            case < 4:
                return Zero(volume, chunk, (ulong)_random.Next(1, 64));
            case < 8:
                return Zero(volume, chunk, (ulong)_random.Next(65, 250));
            case 8:
                return Zero(volume, chunk, 1UL << _random.Next(10, 63));
            case 9:
                return Zero(volume, 0, ulong.MaxValue);
            case < 13:
                return (index, model) =>
                {
                    index.PutVolume(volume, bytes);
                    model.Volumes[volume] = bytes;
                };
            case 13:
                return (index, model) =>
                {
                    index.DeleteVolume(volume);
                    model.DeleteVolume(volume);
                };
            case < 17:
                return (index, model) =>
                {
                    index.PutRoot(Encoding.UTF8.GetBytes(root), bytes);
                    model.Roots[root] = bytes;
                };
            case 17:
                uint pack = (uint)_random.Next(1, 6);
                return (index, model) =>
                {
                    index.RemovePack(pack);
                    model.Stored.Remove(pack);
                };
            default:
                return (index, model) =>
                {
                    index.DeleteRoot(Encoding.UTF8.GetBytes(root));
                    model.Roots.Remove(root);
                };
        }
    }

    private static Action<StoreIndex, IndexModel> Zero(uint volume, ulong first, ulong count) => (index, model) =>
    {
        index.ZeroRange(volume, first, count);
        model.ZeroRange(volume, first, count);
    };
}
