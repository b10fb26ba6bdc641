namespace Voe.Store;

/// <summary>What a store holds, in bytes.</summary>
/// <param name="PackCount">Packs.</param>
/// <param name="PackBytes">Length of all packs' files: what the store takes on disk, without the index.</param>
/// <param name="StoredBytes">Stored bytes of all chunks in them, each counted once.</param>
/// <param name="MappedBytes">Bytes of all volumes that are not holes: what they would take without deduplication and compression.</param>
/// <param name="VolumeBytes">Size of all volumes.</param>
public readonly record struct StoreUsage(int PackCount, long PackBytes, long StoredBytes, long MappedBytes, long VolumeBytes);
