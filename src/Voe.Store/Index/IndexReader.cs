using System.Numerics;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// The look-ups of the index: through the view's deltas, the caches, and RocksDB, newest first, up to 64 keys together so
/// that their memory accesses overlap. Any thread; owns the caches.
/// </summary>
internal sealed unsafe class IndexReader : IDisposable
{
    private const int BatchSize = SlotTable<MapKey>.BatchSize;

    // So many missing rows of one leaf are worth reading it whole, by an iterator, which seeks once.
    private const int ManyOfLeaf = 8;
    private readonly RocksReader _rocks;
    private readonly ChunkFilterKeeper _filter;
    private readonly LookupCache<ChunkKey> _chunkCache;
    private readonly MapLeafCache _mapCache;
    private IndexView? _view;

    /// <summary>A reader with so many bytes for cached chunks, and for cached leaves of the maps.</summary>
    public IndexReader(RocksReader rocks, ChunkFilterKeeper filter, IndexView view, long chunkMemory, long mapMemory)
    {
        _rocks = rocks;
        _filter = filter;
        _view = view;
        _chunkCache = new LookupCache<ChunkKey>(chunkMemory);
        _mapCache = new MapLeafCache(mapMemory);
    }

    /// <summary>The view that look-ups take now.</summary>
    public IndexView CurrentView => Volatile.Read(ref _view) ?? throw new ObjectDisposedException(nameof(StoreIndex));

    /// <summary>Makes look-ups that begin from now on take another view; returns the one before.</summary>
    public IndexView ReplaceView(IndexView view) => Interlocked.Exchange(ref _view, view)!;

    /// <summary>See <see cref="StoreIndex.FindChunks"/>.</summary>
    public void FindChunks(ReadOnlySpan<ChunkHash> hashes, Span<ChunkLocation> locations)
    {
        var view = Enter(out int place);
        try
        {
            fixed (ChunkHash* start = hashes)
            {
                for (int i = 0; i < hashes.Length; i += BatchSize)
                {
                    int count = Math.Min(BatchSize, hashes.Length - i);
                    FindBatch(view, (ChunkKey*)(start + i), locations.Slice(i, count));
                }
            }
        }
        finally
        {
            view.Leave(place);
        }
    }

    /// <summary>See <see cref="StoreIndex.ReadMap(uint, ulong, Span{MapEntry})"/>.</summary>
    public void ReadMap(uint volume, ulong firstChunk, Span<MapEntry> entries)
    {
        var keys = stackalloc MapKey[BatchSize];
        var view = Enter(out int place);
        try
        {
            for (int i = 0; i < entries.Length; i += BatchSize)
            {
                int count = Math.Min(BatchSize, entries.Length - i);
                for (int k = 0; k < count; k++)
                {
                    keys[k] = new MapKey(volume, firstChunk + (ulong)(i + k));
                }

                ReadBatch(view, keys, entries.Slice(i, count));
            }
        }
        finally
        {
            view.Leave(place);
        }
    }

    /// <summary>See <see cref="StoreIndex.ReadMap(uint, ReadOnlySpan{ulong}, Span{MapEntry})"/>.</summary>
    public void ReadMap(uint volume, ReadOnlySpan<ulong> chunks, Span<MapEntry> entries)
    {
        var keys = stackalloc MapKey[BatchSize];
        var view = Enter(out int place);
        try
        {
            for (int i = 0; i < chunks.Length; i += BatchSize)
            {
                int count = Math.Min(BatchSize, chunks.Length - i);
                for (int k = 0; k < count; k++)
                {
                    keys[k] = new MapKey(volume, chunks[i + k]);
                }

                ReadBatch(view, keys, entries.Slice(i, count));
            }
        }
        finally
        {
            view.Leave(place);
        }
    }

    /// <summary>See <see cref="StoreIndex.FindMapped"/>.</summary>
    public ulong FindMapped(uint volume, ulong firstChunk, ulong endChunk)
    {
        var view = Enter(out int place);
        try
        {
            ulong bound = _rocks.FindRow(volume, firstChunk, endChunk);
            if (bound > firstChunk)
            {
                bound = view.Active.FindTouched(volume, firstChunk, bound);
            }

            return bound > firstChunk && view.Frozen is { } frozen ? frozen.FindTouched(volume, firstChunk, bound) : bound;
        }
        finally
        {
            view.Leave(place);
        }
    }

    /// <summary>
    /// Tells the caches what a checkpoint has made durable in RocksDB; before its frozen delta is given up, which until then
    /// hides from readers what is not up to date here.
    /// </summary>
    public void UpdateCaches(Delta frozen)
    {
        _chunkCache.BeginUpdate();
        _mapCache.BeginUpdate();
        var ranges = frozen.ZeroRanges;
        if (ranges.Count != 0)
        {
            _mapCache.Remove(ranges);
        }

        _mapCache.Update(frozen.SortedMap);
        nint[] slots = new nint[frozen.Chunks.Count];
        var chunkSlots = slots.AsSpan(0, frozen.Chunks.CopySlots(slots));
        _filter.Add(chunkSlots);
        foreach (nint slot in chunkSlots)
        {
            var entry = IndexSlot.GetValue((IndexSlot*)slot);
            if (entry.Location.IsNone)
            {
                _chunkCache.Remove(new ChunkKey(entry.Hash));
            }
            else
            {
                _chunkCache.Put(new ChunkKey(entry.Hash), in entry);
            }
        }
    }

    /// <summary>Refuses look-ups from now on and waits for those that run; returns the last view, or null when closed already.</summary>
    public IndexView? Close()
    {
        var view = Interlocked.Exchange(ref _view, null);
        view?.WaitForReaders();
        return view;
    }

    /// <summary>Frees the caches; after <see cref="Close"/>.</summary>
    public void Dispose()
    {
        _chunkCache.Dispose();
        _mapCache.Dispose();
    }

    private IndexView Enter(out int place)
    {
        while (true)
        {
            var view = CurrentView;
            place = view.Enter();
            if (ReferenceEquals(view, Volatile.Read(ref _view)))
            {
                return view;
            }

            view.Leave(place);
        }
    }

    private void FindBatch(IndexView view, ChunkKey* keys, Span<ChunkLocation> locations)
    {
        ulong* tableHashes = stackalloc ulong[BatchSize];
        var entries = stackalloc MapEntry[BatchSize];
        for (int i = 0; i < locations.Length; i++)
        {
            tableHashes[i] = keys[i].TableHash;
        }

        ulong missing = ulong.MaxValue >>> (BatchSize - locations.Length);
        missing = view.Active.Chunks.FindMany(keys, tableHashes, missing, entries);
        if (missing != 0 && view.Frozen is not null)
        {
            missing = view.Frozen.Chunks.FindMany(keys, tableHashes, missing, entries);
        }

        if (missing != 0)
        {
            missing = _chunkCache.FindMany(keys, tableHashes, missing, entries);
        }

        if (missing != 0 && _filter.Filter is { } filter)
        {
            ulong maybe = filter.MayContainMany(keys, missing);
            for (ulong unknown = missing & ~maybe; unknown != 0; unknown &= unknown - 1)
            {
                entries[BitOperations.TrailingZeroCount(unknown)] = default;
            }

            missing = maybe;
        }

        if (missing != 0)
        {
            FindInRocks(keys, missing, entries);
        }

        for (int i = 0; i < locations.Length; i++)
        {
            locations[i] = entries[i].Location;
        }
    }

    private void FindInRocks(ChunkKey* keys, ulong missing, MapEntry* entries)
    {
        Span<ChunkHash> hashes = stackalloc ChunkHash[BatchSize];
        Span<ChunkLocation> locations = stackalloc ChunkLocation[BatchSize];
        int count = 0;
        for (ulong rest = missing; rest != 0; rest &= rest - 1)
        {
            hashes[count++] = keys[BitOperations.TrailingZeroCount(rest)].Hash;
        }

        int generation = _chunkCache.Generation;
        _rocks.FindChunks(hashes[..count], locations[..count]);
        count = 0;
        for (ulong rest = missing; rest != 0; rest &= rest - 1, count++)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            entries[index] = new MapEntry(hashes[count], locations[count]);
            if (!locations[count].IsNone)
            {
                _chunkCache.TryAdd(in keys[index], in entries[index], generation);
            }
        }
    }

    private void ReadBatch(IndexView view, MapKey* keys, Span<MapEntry> entries)
    {
        fixed (MapEntry* found = entries)
        {
            ulong missing = ulong.MaxValue >>> (BatchSize - entries.Length);
            missing = FindInDelta(view.Active, keys, missing, found);
            if (missing != 0 && view.Frozen is not null)
            {
                missing = FindInDelta(view.Frozen, keys, missing, found);
            }

            if (missing != 0)
            {
                missing = _mapCache.FindMany(keys, missing, found);
            }

            if (missing != 0)
            {
                ReadFromRocks(keys, missing, found);
            }
        }
    }

    // The table first: what it has is newer than the ranges.
    private static ulong FindInDelta(Delta delta, MapKey* keys, ulong missing, MapEntry* entries)
    {
        if (delta.Map.Count != 0)
        {
            ulong* tableHashes = stackalloc ulong[BatchSize];
            for (ulong rest = missing; rest != 0; rest &= rest - 1)
            {
                int index = BitOperations.TrailingZeroCount(rest);
                tableHashes[index] = keys[index].TableHash;
            }

            missing = delta.Map.FindMany(keys, tableHashes, missing, entries);
        }

        var ranges = delta.ZeroRanges;
        if (ranges.Count == 0)
        {
            return missing;
        }

        for (ulong rest = missing; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            if (ranges.Contains(keys[index].Volume, keys[index].Chunk))
            {
                entries[index] = default;
                missing &= ~(1UL << index);
            }
        }

        return missing;
    }

    // Leaf by leaf: one that is wanted again, or of which much is wanted now, is read whole and cached; the rest by key.
    private void ReadFromRocks(MapKey* keys, ulong missing, MapEntry* entries)
    {
        Span<MapEntry> leafEntries = stackalloc MapEntry[MapLeafCache.LeafSize];
        int generation = _mapCache.Generation;
        ulong single = 0;
        while (missing != 0)
        {
            ulong run = MapLeafCache.FirstRun(keys, missing);
            missing &= ~run;
            MapKey first = keys[BitOperations.TrailingZeroCount(run)];
            ulong leaf = MapLeafCache.LeafOf(first.Chunk);
            if (BitOperations.PopCount(run) < ManyOfLeaf && !_mapCache.WasMissedBefore(first.Volume, leaf))
            {
                single |= run;
                continue;
            }

            _rocks.ReadRows(first.Volume, MapLeafCache.FirstOf(leaf), leafEntries);
            _mapCache.TryAdd(first.Volume, leaf, leafEntries, generation);
            for (; run != 0; run &= run - 1)
            {
                int index = BitOperations.TrailingZeroCount(run);
                entries[index] = leafEntries[MapLeafCache.PlaceOf(keys[index].Chunk)];
            }
        }

        if (single != 0)
        {
            ReadSingleRows(keys, single, entries);
        }
    }

    private void ReadSingleRows(MapKey* keys, ulong wanted, MapEntry* entries)
    {
        Span<MapEntry> found = stackalloc MapEntry[BatchSize];
        Span<MapKey> rows = stackalloc MapKey[BatchSize];
        int count = 0;
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            rows[count++] = keys[BitOperations.TrailingZeroCount(rest)];
        }

        _rocks.ReadRows(rows[..count], found[..count]);
        count = 0;
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            entries[BitOperations.TrailingZeroCount(rest)] = found[count++];
        }
    }
}
