using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Packs;

namespace Voe.Store.Chunks;

/// <summary>
/// Chunks by their hash: where the log and the index meet for reading, and where a writer learns which chunks are new.
/// Safe from many threads.
/// </summary>
internal sealed class ChunkStore : IDisposable
{
    private readonly StoreIndex _index;
    private readonly Lock _damagedLock = new();
    private readonly HashSet<ChunkHash> _damaged = []; // guarded by _damagedLock
    private readonly ScratchPool<ChunkReader> _readers;
    private volatile bool _hasDamaged;

    /// <summary>The chunks of a store.</summary>
    public ChunkStore(PackSet packs, StoreIndex index, StoreOptions options, HashAlgorithm algorithm)
    {
        Packs = packs;
        _index = index;
        Hasher = ChunkHasher.For(algorithm);
        Cache = new ChunkCache(options.ChunkCacheSize);
        VerifiesHash = options.VerifyHashOnRead;
        _readers = new ScratchPool<ChunkReader>(() => new ChunkReader(this));
    }

    /// <summary>Where stored bytes are.</summary>
    public PackSet Packs { get; }

    /// <summary>How chunks are named.</summary>
    public ChunkHasher Hasher { get; }

    /// <summary>Decoded chunks.</summary>
    public ChunkCache Cache { get; }

    /// <summary>Whether a read verifies the hash beside the checksum.</summary>
    public bool VerifiesHash { get; }

    /// <summary>Reads chunks of <paramref name="chunkSize"/> bytes, at most <see cref="ChunkReader.MaxChunks"/>.</summary>
    public void Read(ReadOnlySpan<ChunkRead> reads, int chunkSize, Caching caching)
    {
        ChunkReader reader = _readers.Rent();
        try
        {
            reader.Read(reads, chunkSize, caching);
        }
        finally
        {
            _readers.Return(reader);
        }
    }

    /// <summary>Where the chunk is, or nowhere.</summary>
    public ChunkLocation Find(in ChunkHash hash)
    {
        Span<ChunkLocation> location = stackalloc ChunkLocation[1];
        _index.FindChunks([hash], location);
        return location[0];
    }

    /// <summary>
    /// Where the chunks are that need not be stored again. One that is stored but was found damaged counts as unknown, so
    /// that the next writer of the same bytes heals it.
    /// </summary>
    public void FindSound(ReadOnlySpan<ChunkHash> hashes, Span<ChunkLocation> locations)
    {
        _index.FindChunks(hashes, locations);
        if (!_hasDamaged)
        {
            return;
        }

        lock (_damagedLock)
        {
            for (int i = 0; i < hashes.Length; i++)
            {
                if (_damaged.Contains(hashes[i]))
                {
                    locations[i] = default;
                }
            }
        }
    }

    /// <summary>Remembers that the stored bytes of a chunk are damaged.</summary>
    public void MarkDamaged(in ChunkHash hash)
    {
        const int MaxRemembered = 1 << 16; // beyond it, healing waits for a repair
        lock (_damagedLock)
        {
            if (_damaged.Count < MaxRemembered)
            {
                _damaged.Add(hash);
            }

            _hasDamaged = true;
        }
    }

    /// <summary>A sound copy of the chunk was stored.</summary>
    public void MarkStored(in ChunkHash hash)
    {
        if (_hasDamaged)
        {
            lock (_damagedLock)
            {
                _damaged.Remove(hash);
                _hasDamaged = _damaged.Count > 0;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Cache.Dispose();
}
