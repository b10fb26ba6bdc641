namespace Voe.Store;

/// <summary>What a store holds, in bytes.</summary>
/// <param name="PackCount">Packs.</param>
/// <param name="PackBytes">Length of all packs' files: what the store takes on disk, without the index.</param>
/// <param name="StoredBytes">Stored bytes of all chunks in them, each counted once.</param>
/// <param name="ReferencedBytes">Stored bytes of all chunks that volumes hold, each counted as often as one holds it.</param>
/// <param name="MappedBytes">Bytes of all volumes that are not holes: what they would take without deduplication and compression.</param>
/// <param name="VolumeBytes">Size of all volumes.</param>
/// <param name="ChunkCount">Chunks in the packs, each counted once.</param>
/// <param name="MaxLiveBytes">
/// The most of <paramref name="StoredBytes"/> that volumes can still refer to: from each pack no more than it stores and no
/// more than volumes refer to in it. What is beyond can be cleaned away; finding the rest of it takes a walk over all maps.
/// </param>
public readonly record struct StoreUsage(
    int PackCount, long PackBytes, long StoredBytes, long ReferencedBytes, long MappedBytes, long VolumeBytes, long ChunkCount,
    long MaxLiveBytes)
{
    /// <summary>How many times smaller compression makes what volumes hold; 0 when they hold nothing.</summary>
    public double CompressionRatio => Ratio(MappedBytes, ReferencedBytes);

    /// <summary>
    /// How many times each stored byte serves; 0 when there are none. Chunks that no volume holds any more, and that were
    /// not cleaned away yet, lower it.
    /// </summary>
    public double DeduplicationRatio => Ratio(ReferencedBytes, StoredBytes);

    private static double Ratio(long before, long after) => after > 0 ? (double)before / after : 0;
}
