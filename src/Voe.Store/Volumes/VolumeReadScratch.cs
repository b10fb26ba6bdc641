using Voe.Store.Chunks;
using Voe.Store.Index;

namespace Voe.Store.Volumes;

/// <summary>The lists that one read of a volume needs; pooled.</summary>
internal sealed class VolumeReadScratch
{
    /// <summary>Chunk numbers that are wanted.</summary>
    public ulong[] Numbers { get; } = new ulong[ChunkReader.MaxChunks];

    /// <summary>What they hold.</summary>
    public MapEntry[] Entries { get; } = new MapEntry[ChunkReader.MaxChunks];

    /// <summary>Which bytes of them go where.</summary>
    public ChunkRead[] Reads { get; } = new ChunkRead[ChunkReader.MaxChunks];
}
