using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>A place where a chunk is stored, as a Chunks record has it.</summary>
/// <param name="Chunk">The record's entry.</param>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Where in its file the stored bytes begin.</param>
/// <param name="Lsn">The batch.</param>
internal readonly record struct StoredPlace(ChunkRecord Chunk, uint Pack, long Offset, ulong Lsn);

/// <summary>Finds chunks in the log by their hash, or by its first digits, and reads them. One thread.</summary>
internal sealed class ChunkFinder(DumpSession session, LogSurvey survey)
{
    private const int MaxHashes = 8; // of different chunks that are named when a prefix fits several
    private const int MaxPlaces = 1000;
    private readonly ChunkHasher _hasher = ChunkHasher.For(session.Superblock.HashAlgorithm);

    /// <summary>The places of the chunk that was found last, in the log's order; at most 1,000.</summary>
    public List<StoredPlace> Places { get; } = [];

    /// <summary>How many more there are.</summary>
    public long OmittedPlaces { get; private set; }

    /// <summary>The one chunk that fits: one that is stored, or that a volume was ever said to hold.</summary>
    /// <exception cref="DumpTargetException">There is none, or there are several.</exception>
    public ChunkHash Find(HashPrefix prefix)
    {
        var hashes = new SortedSet<ChunkHash>();
        Places.Clear();
        OmittedPlaces = 0;
        session.ForEachBatch(survey, "looking for the chunk", (header, records) => FindIn(header, records, prefix, hashes));
        return hashes.Count switch
        {
            1 => hashes.Min,
            0 => throw new DumpTargetException($"there is no chunk with that hash: {prefix}"),
            _ => throw new DumpTargetException($"several chunks have a hash that begins with {prefix}: "
                + string.Join(", ", hashes.Take(MaxHashes)) + (hashes.Count > MaxHashes ? " and others" : "")),
        };
    }

    /// <summary>Which of these chunks the log holds, as long as they say or not.</summary>
    public HashSet<ChunkHash> FindStored(IReadOnlySet<ChunkHash> wanted)
    {
        var found = new HashSet<ChunkHash>();
        session.ForEachBatch(survey, "looking for chunks", (_, records) =>
        {
            while (records.MoveNext())
            {
                for (int i = 0; records.Kind == RecordKind.Chunks && i < records.ChunkCount; i++)
                {
                    ChunkRecord chunk = records.GetChunk(i);
                    if (chunk.Codec != ChunkCodec.Lost && wanted.Contains(chunk.Hash))
                    {
                        found.Add(chunk.Hash);
                    }
                }
            }
        });
        return found;
    }

    /// <summary>The plain bytes of the chunk that was found last, from the first place that verifies; null when none does.</summary>
    public byte[]? ReadAny()
    {
        foreach (StoredPlace place in Places)
        {
            if (TryRead(place, out byte[] plain, out _))
            {
                return plain;
            }
        }

        return null;
    }

    /// <summary>Reads a chunk from a place; false, with the reason, when what is there is not that chunk.</summary>
    public bool TryRead(StoredPlace place, out byte[] plain, out string reason)
    {
        (byte[] found, string why) = ([], "the pack cannot be read");
        session.Guard(place.Pack, file => (found, why) = Read(file, place));
        (plain, reason) = (found, why);
        return reason.Length == 0;
    }

    private (byte[] Plain, string Reason) Read(IStorageFile file, in StoredPlace place)
    {
        ChunkRecord chunk = place.Chunk;
        if (chunk.Codec == ChunkCodec.Lost)
        {
            return ([], "it was lost to earlier damage");
        }

        byte[] stored = new byte[chunk.StoredLength];
        byte[] plain = new byte[chunk.Length];
        try
        {
            int read = file.Read(stored, place.Offset);
            uint computed = Crc32C.Compute(stored.AsSpan(0, read));
            if (read < stored.Length)
            {
                return ([], $"{stored.Length} bytes expected, the file ends after {read}");
            }

            if (computed != chunk.Checksum)
            {
                return ([], $"checksum {DumpEntry.Hex(chunk.Checksum)}, computed {DumpEntry.Hex(computed)}");
            }

            ChunkCompressor.Decompress(chunk.Codec, stored, plain);
        }
        catch (StoreIOException e)
        {
            return ([], $"cannot be read: {e.Message}");
        }
        catch (InvalidDataException e)
        {
            return ([], e.Message);
        }

        ChunkHash hash = _hasher.Hash(plain);
        return hash == chunk.Hash ? (plain, "") : ([], $"its bytes hash to {hash}");
    }

    private void FindIn(in BatchHeader header, RecordTableReader records, HashPrefix prefix, SortedSet<ChunkHash> hashes)
    {
        long offset = (long)header.Offset + header.PayloadOffset;
        while (records.MoveNext())
        {
            if (records.Kind == RecordKind.Delta)
            {
                offset += records.GetDelta().Length;
            }

            for (int i = 0; records.Kind == RecordKind.Extent && i < records.HashCount; i++)
            {
                _ = TryAdd(records.GetHash(i), prefix, hashes);
            }

            for (int i = 0; records.Kind == RecordKind.Chunks && i < records.ChunkCount; i++)
            {
                ChunkRecord chunk = records.GetChunk(i);
                if (TryAdd(chunk.Hash, prefix, hashes))
                {
                    AddPlace(new StoredPlace(chunk, header.PackId, offset, header.Lsn));
                }

                offset += chunk.StoredLength;
            }
        }
    }

    private static bool TryAdd(in ChunkHash hash, HashPrefix prefix, SortedSet<ChunkHash> hashes)
    {
        bool fits = prefix.Fits(hash);
        if (fits && hashes.Count <= MaxHashes)
        {
            hashes.Add(hash);
        }

        return fits;
    }

    private void AddPlace(in StoredPlace place)
    {
        if (Places.Count < MaxPlaces)
        {
            Places.Add(place);
        }
        else
        {
            OmittedPlaces++;
        }
    }
}
