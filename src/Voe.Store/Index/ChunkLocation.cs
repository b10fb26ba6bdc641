using Voe.Store.Chunks;

namespace Voe.Store.Index;

/// <summary>
/// Where the stored bytes of a chunk lie, and what is needed to check and decode them. The default value (pack 0) means
/// "nowhere": packs are numbered from 1.
/// </summary>
/// <param name="PackId">The pack's number, 1 or more.</param>
/// <param name="Offset">Byte offset of the stored bytes in the pack's file.</param>
/// <param name="StoredLength">Their length in bytes, 1 to 65,536.</param>
/// <param name="Codec">Their encoding.</param>
/// <param name="Checksum">CRC32C of the stored bytes.</param>
/// <remarks>The plain length is not part of it: a volume knows its chunk size, and the pack's record has it too.</remarks>
internal readonly record struct ChunkLocation(uint PackId, uint Offset, int StoredLength, ChunkCodec Codec, uint Checksum)
{
    /// <summary>
    /// The place of a chunk that a volume holds and the log no longer has, since it was damaged and could not be saved. There is no
    /// such pack, so whoever reads there gets an error, unless the chunk was stored again elsewhere.
    /// </summary>
    public static ChunkLocation Lost { get; } = new(uint.MaxValue, 0, 1, ChunkCodec.Raw, 0);

    /// <summary>Whether it is <see cref="Lost"/>.</summary>
    public bool IsLost => PackId == uint.MaxValue;

    /// <summary>Whether there is no such chunk.</summary>
    public bool IsNone => PackId == 0;
}

/// <summary>What a chunk of a volume holds. The default value is a hole.</summary>
/// <param name="Hash">The chunk's hash; all zero for a hole.</param>
/// <param name="Location">Where it lies; a hint that may be stale once packs are compacted.</param>
internal readonly record struct MapEntry(Hashing.ChunkHash Hash, ChunkLocation Location)
{
    /// <summary>Whether nothing is stored here and it reads as zeroes.</summary>
    public bool IsHole => Hash.IsZero;
}
