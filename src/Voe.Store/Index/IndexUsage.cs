namespace Voe.Store.Index;

/// <summary>What a pack holds, and how much of it volumes refer to.</summary>
/// <param name="StoredChunks">Chunks that were added with a location in this pack.</param>
/// <param name="StoredBytes">The sum of their stored lengths.</param>
/// <param name="ReferencedChunks">Rows of volumes whose location hint is in this pack; a chunk counts once for each row.</param>
/// <param name="ReferencedBytes">
/// The sum of the stored lengths of these rows: duplicates can make it exceed <paramref name="StoredBytes"/>.
/// </param>
internal readonly record struct PackUsage(long StoredChunks, long StoredBytes, long ReferencedChunks, long ReferencedBytes);
