using System.Buffers.Binary;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Log;

namespace Voe.Store.Repair;

/// <summary>Verifies the payload of a batch piece by piece, and finds for what is damaged whatever can be had.</summary>
internal sealed class PayloadRescue(PackPlan plan, PackCopy? own, IReadOnlyList<PackCopy> others, ChunkHasher hasher)
{
    private readonly byte[] _plain = new byte[VolumeLimits.MaxChunkSize];
    private byte[] _payload = [];

    /// <summary>
    /// Plans what becomes of a batch's payload. False when a piece of it is damaged and <paramref name="mayBeTorn"/> says that the
    /// batch may be the torn end of the log.
    /// </summary>
    /// <param name="found">The batch.</param>
    /// <param name="isFromOwn">Whether header and table are in the own file, in their place.</param>
    /// <param name="mayBeTorn">Whether nothing says that it was durable.</param>
    /// <param name="kept">The batch as it will stand: the same, or one that says which chunks are lost.</param>
    public bool TryKeep(FoundBatch found, bool isFromOwn, Func<bool> mayBeTorn, out FoundBatch kept)
    {
        kept = found;
        BatchHeader header = found.Header;
        if (_payload.Length < header.PayloadLength)
        {
            _payload = GC.AllocateUninitializedArray<byte>(header.PayloadLength);
        }

        Span<byte> payload = _payload.AsSpan(0, header.PayloadLength);
        long start = (long)header.Offset + header.PayloadOffset;
        int read = own is null ? 0 : own.File.Read(payload, start);
        payload[read..].Clear();
        List<Piece> damaged = [];
        foreach (Piece piece in Pieces(found.Table))
        {
            if (!IsWhole(piece, payload.Slice(piece.Start, piece.Length)))
            {
                if (damaged.Count == 0 && isFromOwn && mayBeTorn())
                {
                    return false;
                }

                damaged.Add(piece);
            }
        }

        foreach (Piece piece in damaged)
        {
            kept = Rescue(kept, piece, payload.Slice(piece.Start, piece.Length), start + piece.Start);
        }

        PadToEnd(header, start, damaged.Count > 0 || !isFromOwn);
        return true;
    }

    private static List<Piece> Pieces(ReadOnlySpan<byte> table)
    {
        List<Piece> pieces = [];
        int next = 0;
        var records = new RecordTableReader(table);
        int tableOffset = 0;
        while (records.MoveNext())
        {
            if (records.Kind == RecordKind.Delta)
            {
                DeltaRecord delta = records.GetDelta();
                pieces.Add(new Piece(next, delta.Length, delta.Checksum, null, 0));
                next += delta.Length;
            }
            else if (records.Kind == RecordKind.Chunks)
            {
                for (int i = 0; i < records.ChunkCount; i++)
                {
                    ChunkRecord chunk = records.GetChunk(i);
                    int entry = tableOffset + RecordFormat.HeaderSize + (i * RecordFormat.ChunkEntrySize);
                    pieces.Add(new Piece(next, chunk.StoredLength, chunk.Checksum, chunk, entry));
                    next += chunk.StoredLength;
                }
            }

            tableOffset += RecordFormat.HeaderSize + records.Body.Length;
        }

        return pieces;
    }

    private bool IsWhole(in Piece piece, ReadOnlySpan<byte> stored)
    {
        if (Crc32C.Compute(stored) != piece.Checksum)
        {
            return false;
        }

        if (piece.Chunk is not { } chunk || chunk.Codec == ChunkCodec.Lost)
        {
            return true;
        }

        return HasHash(chunk, stored);
    }

    private bool HasHash(in ChunkRecord chunk, ReadOnlySpan<byte> stored)
    {
        Span<byte> plain = _plain.AsSpan(0, chunk.Length);
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
            return false;
        }

        return hasher.Hash(plain) == chunk.Hash;
    }

    // Restores a damaged piece in its place, or marks its chunk as lost.
    private FoundBatch Rescue(FoundBatch batch, in Piece piece, Span<byte> stored, long offset)
    {
        string reason = $"checksum {piece.Checksum:x8}, computed {Crc32C.Compute(stored):x8}";
        byte[] corrected = stored.ToArray();
        if (own is not null && FlippedBit.TryCorrect(corrected, piece.Checksum) && piece.Chunk is { Codec: not ChunkCodec.Lost } known
            && HasHash(known, corrected))
        {
            AddRestored(piece, new PackPatch(offset, corrected.Length, corrected, null), $"{reason}; one bit turned back");
            return batch;
        }

        foreach (PackCopy other in others)
        {
            if (other.File.Read(corrected, offset) == corrected.Length && IsWhole(piece, corrected))
            {
                string origin = $"{reason}; comes from \"{other.Source.Directory.Path}\"";
                AddRestored(piece, new PackPatch(offset, corrected.Length, null, other.Source), origin);
                return batch;
            }
        }

        if (piece.Chunk is not { } chunk)
        {
            throw new StoreDamagedException($"pack {plan.Id}, offset {offset}: a small write is damaged, which this program cannot repair");
        }

        stored.Clear();
        plan.Patches.Add(new PackPatch(offset, piece.Length, null, null));
        plan.Steps.Add(new RepairStep(RepairKind.ChunkLost, plan.Id, offset, piece.Length, reason) { Chunk = chunk.Hash });
        return MarkLost(batch, piece.Entry, Crc32C.Compute(stored));
    }

    private void AddRestored(in Piece piece, PackPatch patch, string reason)
    {
        plan.Patches.Add(patch);
        if (own is not null)
        {
            plan.Steps.Add(new RepairStep(RepairKind.ChunkRestored, plan.Id, patch.Offset, patch.Length, reason)
            {
                Chunk = piece.Chunk?.Hash,
            });
        }
    }

    // The same batch with a chunk's entry that says that it is lost; what comes next links to it as before.
    private static FoundBatch MarkLost(FoundBatch batch, int entry, uint checksum)
    {
        byte[] bytes = (byte[])batch.Bytes.Clone();
        Span<byte> record = bytes.AsSpan(BatchHeader.Size + entry, RecordFormat.ChunkEntrySize);
        BinaryPrimitives.WriteUInt32LittleEndian(record[40..], checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(record[44..], (uint)ChunkCodec.Lost);
        BatchHeader header = batch.Header with
        {
            TableChecksum = Crc32C.Compute(bytes.AsSpan(BatchHeader.Size)),
            IsRepaired = true,
            LinkChecksum = batch.Link,
        };
        header.Write(bytes);
        return batch with { Header = header, Bytes = bytes };
    }

    // What the own file does not have up to the batch's end, and the zeros that pad it.
    private void PadToEnd(in BatchHeader header, long start, bool isChanged)
    {
        long end = header.Offset + header.TotalLength;
        long paddingStart = start + header.PayloadLength;
        if (isChanged && end > paddingStart)
        {
            plan.Patches.Add(new PackPatch(paddingStart, end - paddingStart, null, null));
        }
    }

    private readonly record struct Piece(int Start, int Length, uint Checksum, ChunkRecord? Chunk, int Entry);
}
