namespace Voe.Store.Chunks;

/// <summary>How the stored bytes of a chunk encode its plain bytes. The numbers are those on disk.</summary>
public enum ChunkCodec : byte
{
    /// <summary>As they are.</summary>
    Raw = 0,

    /// <summary>One LZ4 block (the block format, without a frame).</summary>
    Lz4 = 1,

    /// <summary>One Zstandard frame (RFC 8878).</summary>
    Zstd = 2,

    /// <summary>The chunk was damaged and could not be saved: zeros stand where its stored bytes were. Only a repair writes it.</summary>
    Lost = 255,
}
