using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

/// <summary>What a <see cref="StoreIndex"/> must say, in dictionaries.</summary>
internal sealed class IndexModel
{
    public Dictionary<ChunkHash, ChunkLocation> Chunks { get; private set; } = [];

    public Dictionary<(uint Volume, ulong Chunk), MapEntry> Map { get; private set; } = [];

    public SortedDictionary<uint, byte[]> Volumes { get; private set; } = [];

    public SortedDictionary<string, byte[]> Roots { get; private set; } = new(StringComparer.Ordinal);

    public Dictionary<uint, (long Chunks, long Bytes)> Stored { get; private set; } = [];

    public byte[] State { get; set; } = [];

    /// <summary>Any hash, the same for the same number; some share their first eight bytes.</summary>
    public static ChunkHash HashOf(int number)
    {
        var random = new Random((number / 2) + 12345);
        ulong word0 = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
        random = new Random(number + 777);
        return new ChunkHash(word0, (ulong)random.NextInt64(), (ulong)random.NextInt64(), (ulong)random.NextInt64());
    }

    /// <summary>A location that can be told from its hash and pack: what concurrent readers check.</summary>
    public static ChunkLocation LocationOf(in ChunkHash hash, uint pack) => new(
        pack,
        (uint)hash.Word1,
        (int)(hash.Word2 % 65536) + 1,
        (ChunkCodec)(hash.Word3 % 3),
        (uint)(hash.Word3 >> 32) ^ pack);

    public IndexModel Copy() => new()
    {
        Chunks = new(Chunks),
        Map = new(Map),
        Volumes = new(Volumes),
        Roots = new(Roots, StringComparer.Ordinal),
        Stored = new(Stored),
        State = State,
    };

    public void AddChunk(ChunkHash hash, ChunkLocation location)
    {
        Chunks[hash] = location;
        var stored = Stored.GetValueOrDefault(location.PackId);
        Stored[location.PackId] = (stored.Chunks + 1, stored.Bytes + location.StoredLength);
    }

    public void SetEntry(uint volume, ulong chunk, MapEntry entry)
    {
        if (entry.IsHole)
        {
            Map.Remove((volume, chunk));
        }
        else
        {
            Map[(volume, chunk)] = entry;
        }
    }

    public void ZeroRange(uint volume, ulong first, ulong count)
    {
        foreach (var key in Map.Keys.Where(key => key.Volume == volume && key.Chunk >= first && key.Chunk - first < count).ToList())
        {
            Map.Remove(key);
        }
    }

    public void DeleteVolume(uint volume)
    {
        Volumes.Remove(volume);
        ZeroRange(volume, 0, ulong.MaxValue);
    }

    /// <summary>The usage that counting gives.</summary>
    public Dictionary<uint, PackUsage> CountUsage()
    {
        var usage = Stored.ToDictionary(pack => pack.Key, pack => new PackUsage(pack.Value.Chunks, pack.Value.Bytes, 0, 0));
        foreach (var entry in Map.Values)
        {
            var old = usage.GetValueOrDefault(entry.Location.PackId);
            usage[entry.Location.PackId] = old with
            {
                ReferencedChunks = old.ReferencedChunks + 1,
                ReferencedBytes = old.ReferencedBytes + entry.Location.StoredLength,
            };
        }

        return usage;
    }
}
