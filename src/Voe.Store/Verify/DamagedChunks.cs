using Voe.Store.Hashing;

namespace Voe.Store.Verify;

/// <summary>A stored copy of a chunk that is not what was written.</summary>
/// <param name="Hash">The chunk.</param>
/// <param name="PackId">The pack.</param>
/// <param name="Offset">Byte offset of the stored bytes in the pack's file.</param>
/// <param name="Reason">What, expected, found.</param>
/// <param name="IsLost">Whether an earlier repair has given it up.</param>
internal readonly record struct DamagedChunk(ChunkHash Hash, uint PackId, long Offset, string Reason, bool IsLost);

/// <summary>Where the chunks of a pack go once they were verified. Safe from many threads.</summary>
internal interface IChunkSink
{
    /// <summary>Takes some chunks, whole ones and others.</summary>
    void Add(ReadOnlySpan<VerifiedChunk> chunks);

    /// <summary>Takes a copy that is not what was written; it comes to <see cref="Add"/> as well, unless it is lost.</summary>
    void AddDamaged(in DamagedChunk chunk);
}

/// <summary>A chunk whose stored bytes were looked at.</summary>
/// <param name="Hash">Its name.</param>
/// <param name="Location">Where it is.</param>
/// <param name="Length">Plain length in bytes.</param>
/// <param name="IsWhole">Whether the bytes are what was written.</param>
internal readonly record struct VerifiedChunk(ChunkHash Hash, Index.ChunkLocation Location, int Length, bool IsWhole);

/// <summary>The chunks of a store that is verified: all of them in a table, the damaged ones in a list.</summary>
/// <param name="table">The table.</param>
internal sealed class ChunkCollector(ChunkTable table) : IChunkSink
{
    private const int MaxDamaged = 1 << 20;
    private readonly Lock _lock = new();
    private readonly List<DamagedChunk> _damaged = []; // guarded by _lock

    /// <summary>The damaged copies, at most a million of them. When all packs are done.</summary>
    public IReadOnlyList<DamagedChunk> Damaged => _damaged;

    /// <summary>Damaged copies beside those.</summary>
    public long OmittedDamaged { get; private set; }

    /// <inheritdoc/>
    public void Add(ReadOnlySpan<VerifiedChunk> chunks)
    {
        lock (_lock)
        {
            foreach (ref readonly VerifiedChunk chunk in chunks)
            {
                table.Add(chunk.Hash, chunk.Location, chunk.Length, chunk.IsWhole);
            }
        }
    }

    /// <inheritdoc/>
    public void AddDamaged(in DamagedChunk chunk)
    {
        lock (_lock)
        {
            if (_damaged.Count < MaxDamaged)
            {
                _damaged.Add(chunk);
            }
            else
            {
                OmittedDamaged++;
            }
        }
    }
}
