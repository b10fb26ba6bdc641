using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Store.Verify;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>A log of one pack whose batches say whatever a test wants, with all checksums right.</summary>
internal sealed class ForgedLog
{
    private byte[] _pack = new byte[PackHeader.Size];
    private ulong _lsn;
    private uint _link;

    public ForgedLog()
    {
        new PackHeader(HashAlgorithm.Blake3, Id, 1, 0, 1, 0).Write(_pack);
        Add(static table => table.AddVolume(Volume(1, "v")));
    }

    /// <summary>Where the batch begins that was added last.</summary>
    public long LastBatch { get; private set; }

    /// <summary>Where its payload begins.</summary>
    public long LastPayload { get; private set; }

    private static Guid Id { get; } = new("00112233-4455-6677-8899-aabbccddeeff");

    public static VolumeRecord Volume(uint id, string name, int chunkSize = 4096) =>
        new(id, name, 1 << 20, chunkSize, CompressionSetting.None, 0, default);

    public static ChunkHash HashOf(byte[] chunk) => ChunkHasher.For(HashAlgorithm.Blake3).Hash(chunk);

    /// <summary>Adds a batch.</summary>
    public ForgedLog Add(Action<RecordTableWriter> records, byte[]? payload = null)
    {
        var table = new RecordTableWriter();
        records(table);
        table.EndRecord();
        payload ??= [];
        LastBatch = _pack.Length;
        LastPayload = LastBatch + table.HeaderAndTable.Length;
        var header = new BatchHeader(
            ++_lsn, _lsn - 1, 1, (uint)LastBatch, _link, table.RecordCount, table.TableLength, payload.Length, table.ComputeChecksum());
        _link = header.Write(table.HeaderAndTable.Span);
        byte[] padding = new byte[header.TotalLength - header.PayloadOffset - payload.Length];
        _pack = [.. _pack, .. table.HeaderAndTable.Span, .. payload, .. padding];
        return this;
    }

    /// <summary>Adds a batch with a chunk, and an extent that puts it, or another, into volume 1.</summary>
    public ForgedLog AddChunk(byte[] chunk, ulong place, ChunkHash? named = null, ChunkHash? stored = null) => Add(
        table =>
        {
            table.BeginChunks();
            table.AddChunk(new ChunkRecord(stored ?? HashOf(chunk), chunk.Length, chunk.Length, Crc32C.Compute(chunk), ChunkCodec.Raw));
            table.EndRecord();
            table.BeginExtent(1, place);
            table.AddHash(named ?? HashOf(chunk));
            table.EndRecord();
        },
        chunk);

    public VerifyResult Verify(bool isDeep = true) => StoreVerifier.Run(
        GoldenStore.ToDisk(ToFiles()).Root, null,
        new VerifyOptions { Depth = isDeep ? VerifyDepth.Deep : VerifyDepth.Quick, Threads = 1 });

    /// <summary>The store's files.</summary>
    public SortedDictionary<string, byte[]> ToFiles()
    {
        byte[] superblock = new byte[Superblock.Size];
        new Superblock(Id, HashAlgorithm.Blake3, 0).Write(superblock);
        return new SortedDictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [Superblock.FileName] = superblock,
            [VerifyLab.Name(1)] = _pack,
        };
    }
}
