using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>Looks for lost chunks by their hash, in other stores and in raw images, and stores those that are found again.</summary>
internal sealed unsafe class ChunkRescue : IDisposable
{
    private const int HashGroup = 64;
    private readonly StoreEngine _engine;
    private readonly Dictionary<ChunkHash, int> _missing;
    private readonly ChunkHasher _hasher;
    private readonly List<RepairStep> _steps;
    private readonly RepairBatch _batch;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(HashGroup * VolumeLimits.MaxChunkSize, pinned: true);

    /// <summary>A rescue of chunks for an open store.</summary>
    /// <param name="engine">The store.</param>
    /// <param name="missing">The lost chunks, with the chunk size of the volumes; those that are found are taken out.</param>
    /// <param name="hasher">How chunks are named.</param>
    /// <param name="steps">Receives what is found.</param>
    public ChunkRescue(StoreEngine engine, Dictionary<ChunkHash, int> missing, ChunkHasher hasher, List<RepairStep> steps)
    {
        _engine = engine;
        _missing = missing;
        _hasher = hasher;
        _steps = steps;
        _batch = new RepairBatch(new BatchReplay(engine.Index, engine.Catalog));
    }

    /// <summary>Looks through the packs of another store, which names its chunks in the same way.</summary>
    public void SearchPacks(PackFiles survey, Guid storeId, string origin)
    {
        foreach ((uint id, SurveyedFile file) in survey.Files)
        {
            if (_missing.Count == 0)
            {
                break;
            }

            using PackCopy copy = PackCopy.Open(id, file.Source, storeId);
            SearchPack(copy, id, origin);
        }

        _batch.AppendTo(_engine.Log);
    }

    /// <summary>
    /// Looks where the index as it was says that chunks lay: what a gap now covers, since the table of a batch is lost, may hold
    /// chunks that are whole.
    /// </summary>
    public void SearchDropped(Index.StoreIndex old, LostAndFound dropped)
    {
        Span<Index.ChunkLocation> location = stackalloc Index.ChunkLocation[1];
        foreach ((ChunkHash hash, int size) in _missing.ToArray())
        {
            old.FindChunks([hash], location);
            if (!location[0].IsNone && !location[0].IsLost && dropped.TryRead(location[0].PackId, location[0].Offset,
                _buffer.AsSpan(0, location[0].StoredLength)))
            {
                Take(new ChunkRecord(hash, size, location[0].StoredLength, location[0].Checksum, location[0].Codec), "what was dropped");
            }
        }

        _batch.AppendTo(_engine.Log);
    }

    /// <summary>Looks through a raw image: its blocks of the chunk sizes that are wanted.</summary>
    public void SearchImage(IStorageFile image, string origin, Action<long, long> progress)
    {
        foreach (int size in _missing.Values.Distinct().Order().ToArray())
        {
            SearchImage(image, size, origin, progress);
        }

        _batch.AppendTo(_engine.Log);
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    private void SearchPack(PackCopy copy, uint id, string origin)
    {
        for (long offset = PackHeader.Size; copy.FindRepeated(offset) is { } repeated; offset += repeated.Header.TotalLength)
        {
            SearchBatch(copy, repeated, origin);
        }

        if (copy.RepeatedCount > 0)
        {
            return;
        }

        foreach ((FoundBatch first, _) in BatchScan.FindChains(copy, id, PackHeader.Size, 0).Prepend(FirstOf(copy)))
        {
            for (FoundBatch? batch = first; batch is not null;)
            {
                SearchBatch(copy, batch, origin);
                batch = copy.TryReadBatch(batch.Header.Offset + batch.Header.TotalLength, out FoundBatch? next, out _) ? next : null;
            }
        }
    }

    private static (FoundBatch First, long End) FirstOf(PackCopy copy) =>
        copy.TryReadBatch(PackHeader.Size, out FoundBatch? first, out _) ? (first, 0) : default;

    private void SearchBatch(PackCopy copy, FoundBatch batch, string origin)
    {
        if (batch is null)
        {
            return;
        }

        long offset = (long)batch.Header.Offset + batch.Header.PayloadOffset;
        var records = new RecordTableReader(batch.Table);
        while (records.MoveNext())
        {
            for (int i = 0; records.Kind == RecordKind.Chunks && i < records.ChunkCount; i++)
            {
                ChunkRecord chunk = records.GetChunk(i);
                if (chunk.Codec != ChunkCodec.Lost && _missing.ContainsKey(chunk.Hash))
                {
                    if (copy.File.Read(_buffer.AsSpan(0, chunk.StoredLength), offset) == chunk.StoredLength)
                    {
                        Take(chunk, origin);
                    }
                }

                offset += chunk.StoredLength;
            }

            offset += records.Kind == RecordKind.Delta ? records.GetDelta().Length : 0;
        }
    }

    // Takes a chunk whose stored bytes are in the buffer, if it is what its hash says.
    private void Take(in ChunkRecord chunk, string origin)
    {
        Span<byte> stored = _buffer.AsSpan(0, chunk.StoredLength);
        Span<byte> plain = _buffer.AsSpan(VolumeLimits.MaxChunkSize, chunk.Length);
        if (Crc32C.Compute(stored) != chunk.Checksum)
        {
            return;
        }

        try
        {
            if (chunk.Codec == ChunkCodec.Raw)
            {
                stored.CopyTo(plain);
            }
            else
            {
                ChunkCompressor.Decompress(chunk.Codec, stored, plain);
            }
        }
        catch (InvalidDataException)
        {
            return;
        }

        if (_hasher.Hash(plain) == chunk.Hash && _missing.Remove(chunk.Hash))
        {
            Store(chunk, stored, origin);
        }
    }

    private void SearchImage(IStorageFile image, int size, string origin, Action<long, long> progress)
    {
        nint[] addresses = new nint[HashGroup];
        ChunkHash[] hashes = new ChunkHash[HashGroup];
        for (int i = 0; i < HashGroup; i++)
        {
            addresses[i] = Marshal.UnsafeAddrOfPinnedArrayElement(_buffer, i * size);
        }

        long length = image.Length;
        for (long offset = 0; offset < length && _missing.Count > 0; offset += HashGroup * size)
        {
            int read = image.Read(_buffer.AsSpan(0, HashGroup * size), offset);
            int count = (read + size - 1) / size;
            _buffer.AsSpan(read, (count * size) - read).Clear(); // an image may end inside a chunk, whose rest is zeroes
            _hasher.HashMany(addresses.AsSpan(0, count), size, hashes);
            for (int i = 0; i < count; i++)
            {
                if (_missing.TryGetValue(hashes[i], out int wanted) && wanted == size)
                {
                    _missing.Remove(hashes[i]);
                    ReadOnlySpan<byte> plain = _buffer.AsSpan(i * size, size);
                    Store(new ChunkRecord(hashes[i], size, size, Crc32C.Compute(plain), ChunkCodec.Raw), plain, origin);
                }
            }

            progress(offset, length);
        }
    }

    private void Store(in ChunkRecord chunk, ReadOnlySpan<byte> stored, string origin)
    {
        _batch.Table.BeginChunks();
        _batch.Table.AddChunk(chunk);
        _batch.AddPayload(stored);
        _batch.Count(1);
        string reason = $"chunk {chunk.Hash} comes from {origin}";
        _steps.Add(new RepairStep(RepairKind.ChunkFound, 0, 0, chunk.Length, reason) { Chunk = chunk.Hash });
        if (_batch.IsFull)
        {
            _batch.AppendTo(_engine.Log);
        }
    }
}
