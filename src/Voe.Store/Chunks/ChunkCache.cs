using System.Numerics;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Chunks;

/// <summary>What a <see cref="ChunkCache"/> has done and holds.</summary>
/// <param name="Hits">Reads that found their chunk.</param>
/// <param name="Misses">Reads that did not.</param>
/// <param name="Evictions">Chunks that gave way to others.</param>
/// <param name="ChunkCount">Chunks held now.</param>
/// <param name="UsedBytes">Their bytes.</param>
internal readonly record struct ChunkCacheStatistics(long Hits, long Misses, long Evictions, long ChunkCount, long UsedBytes);

/// <summary>
/// A bounded cache of decoded chunks by their hash, outside the garbage collector's heap. A hash names its content for
/// ever, so nothing in it can become stale. Safe from many threads; allocates nothing per call.
/// </summary>
/// <remarks>
/// The cache is cut into shards by hash, each with its lock, so that threads seldom meet; see
/// <see cref="ChunkCacheShard"/> for what is in one. A chunk that was read again since it came outlives those that were
/// not: one sequential pass over a volume does not drive out what is in use.
/// </remarks>
internal sealed unsafe class ChunkCache : IDisposable
{
    /// <summary>More shards than processors usual for this, so that two threads seldom want the same.</summary>
    private const int MaxShards = 32;

    /// <summary>A shard smaller than this many slabs would evict by accident of the hash instead of by age.</summary>
    private const int LeastSlabsPerShard = 16;

    /// <summary>More shards would not help, and the table of a shard counts its places in 32 bits.</summary>
    private const int MaxSlabsPerShard = 1 << 24;

    private readonly PageMemory? _memory;
    private readonly ChunkCacheShard[] _shards = [];
    private readonly uint[] _missed = []; // by hash: another part of the hash that was missed there last

    /// <summary>Makes a cache, which takes memory only as it fills.</summary>
    /// <param name="capacityBytes">
    /// The most memory it may ever take, its own bookkeeping (about 1.1 %) included. 0 turns it off, and so does anything
    /// below about 300 KB, which has no room for a slab.
    /// </param>
    public ChunkCache(long capacityBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacityBytes);
        long slabs = (capacityBytes - ChunkHasher.MinChunkSize) / (ChunkCacheShard.SlabSize + ChunkCacheShard.BookkeepingPerSlab);
        if (slabs <= 0)
        {
            return;
        }

        int shardCount = 1 << BitOperations.Log2((ulong)Math.Clamp(slabs / LeastSlabsPerShard, 1, MaxShards));
        var slabsPerShard = (int)Math.Min(slabs / shardCount, MaxSlabsPerShard);

        // The bookkeeping of all shards lies together, so that a cache with few chunks touches few pages; the chunks
        // behind it start at a page.
        long bookkeeping = (long)slabsPerShard * ChunkCacheShard.BookkeepingPerSlab;
        long chunks = (long)slabsPerShard * ChunkCacheShard.SlabSize;
        long firstChunk = ((bookkeeping * shardCount) + ChunkHasher.MinChunkSize - 1) & -ChunkHasher.MinChunkSize;
        _memory = new PageMemory(firstChunk + (chunks * shardCount));
        _missed = new uint[BitOperations.RoundUpToPowerOf2((ulong)Math.Min(slabs * ChunkCacheShard.UnitsPerSlab, 1 << 24))];
        _shards = new ChunkCacheShard[shardCount];
        for (int i = 0; i < shardCount; i++)
        {
            _shards[i] = new ChunkCacheShard(
                slabsPerShard, _memory.Start + (bookkeeping * i), _memory.Start + firstChunk + (chunks * i));
        }
    }

    /// <summary>Whether the cache can hold anything.</summary>
    public bool IsEnabled => _shards.Length > 0;

    /// <summary>The most memory that the cache will take, its bookkeeping included: never above what it was given.</summary>
    public long ReservedBytes => _memory?.Length ?? 0;

    /// <summary>Counters and contents, summed over the shards one after another: not one instant's, while others work.</summary>
    public ChunkCacheStatistics Statistics
    {
        get
        {
            long hits = 0, misses = 0, evictions = 0, chunks = 0, bytes = 0;
            foreach (ChunkCacheShard shard in _shards)
            {
                ChunkCacheStatistics part = shard.Statistics;
                hits += part.Hits;
                misses += part.Misses;
                evictions += part.Evictions;
                chunks += part.ChunkCount;
                bytes += part.UsedBytes;
            }

            return new ChunkCacheStatistics(hits, misses, evictions, chunks, bytes);
        }
    }

    /// <summary>Copies bytes of a chunk, if it is here.</summary>
    /// <param name="hash">The chunk's hash.</param>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="destination">Receives the bytes; untouched when the result is false.</param>
    /// <returns>Whether the chunk was here.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches outside the chunk.</exception>
    public bool TryRead(in ChunkHash hash, int offset, Span<byte> destination) =>
        _shards.Length > 0 && ShardOf(hash).TryRead(hash, offset, destination);

    /// <summary>
    /// Notes that a chunk was read that was not here; returns whether it was not for the first time, as far as is known: then it
    /// is worth a place. What is read once alone would cost a copy, and drive out what is in use.
    /// </summary>
    public bool WasMissedBefore(in ChunkHash hash)
    {
        if (_missed.Length == 0)
        {
            return false;
        }

        ref uint missed = ref _missed[(hash.Word1 >> 32) & (ulong)(_missed.Length - 1)];
        uint mark = (uint)hash.Word2 | 1;
        bool isKnown = missed == mark; // threads may race here: it is only advice
        missed = mark;
        return isKnown;
    }

    /// <summary>Keeps a copy of a chunk, in place of others if there is no room; does nothing if it is here already.</summary>
    /// <param name="hash">The chunk's hash, which the caller knows to be right.</param>
    /// <param name="chunk">Its bytes: 4 to 64 KiB, a power of two.</param>
    public void Add(in ChunkHash hash, ReadOnlySpan<byte> chunk)
    {
        if (chunk.Length is < ChunkHasher.MinChunkSize or > ChunkHasher.MaxChunkSize || !BitOperations.IsPow2(chunk.Length))
        {
            throw new ArgumentOutOfRangeException(nameof(chunk), chunk.Length, "A chunk has 4 to 64 KiB, a power of two.");
        }

        if (_shards.Length > 0)
        {
            ShardOf(hash).Add(hash, chunk);
        }
    }

    /// <summary>Gives the memory back. Reads that come later find nothing.</summary>
    public void Dispose()
    {
        foreach (ChunkCacheShard shard in _shards)
        {
            shard.Close();
        }

        _memory?.Dispose();
    }

    // The index inside a shard takes other bits of the hash (Word0), or the shards' tables would be filled unevenly.
    private ChunkCacheShard ShardOf(in ChunkHash hash) => _shards[hash.Word1 & (ulong)(_shards.Length - 1)];
}
