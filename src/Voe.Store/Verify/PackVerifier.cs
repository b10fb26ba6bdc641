using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Verify;

/// <summary>
/// Reads packs whole, from their first byte to their last batch: compares headers and record tables with those that were found
/// before (<see cref="PackTables"/>), and verifies every piece of every payload. One thread; a verifier is used for many packs.
/// </summary>
internal sealed class PackVerifier
{
    private readonly FindingList _findings;
    private readonly IChunkSink _sink;
    private readonly ScanWindow _window;
    private readonly ChunkGroup _group;
    private readonly byte[] _header = new byte[BatchHeader.Size];
    private uint _packId;

    /// <summary>A verifier.</summary>
    public PackVerifier(HashAlgorithm algorithm, IChunkSink sink, FindingList findings, RateLimit limit)
    {
        _findings = findings;
        _sink = sink;
        _group = new ChunkGroup(ChunkHasher.For(algorithm), sink);
        _window = new ScanWindow(limit, AddRetried) { BeforeMove = _group.Flush };
    }

    /// <summary>Bytes read so far.</summary>
    public long BytesRead => _window.BytesRead;

    /// <summary>Chunks found to be whole, or damaged, by their hash so far.</summary>
    public long Chunks => _group.Verified;

    /// <summary>Verifies a pack.</summary>
    /// <param name="pack">What is known of it.</param>
    /// <param name="file">Its file.</param>
    /// <param name="lastLsn">Batches up to this one.</param>
    /// <exception cref="OperationCanceledException">The work is to end.</exception>
    public void Verify(PackSurvey pack, IStorageFile file, ulong lastLsn = ulong.MaxValue)
    {
        _packId = pack.Id;
        PackTables tables = PackTables.Load(pack, file);
        _window.Open(file);
        for (int i = 0; i < tables.Count && tables.Headers[i].LastLsn <= lastLsn; i++)
        {
            BatchHeader header = tables.Headers[i];
            if (pack.UsesFooter)
            {
                CompareWithFile(header, tables.Table(i));
            }

            VerifyPayload(header, tables.Table(i));
        }

        _group.Flush();
    }

    // The footer says what the file has to say.
    private void CompareWithFile(in BatchHeader header, ReadOnlySpan<byte> table)
    {
        ReadOnlySpan<byte> found;
        try
        {
            found = _window.Get(header.Offset, BatchHeader.Size + table.Length);
        }
        catch (StoreIOException e)
        {
            _findings.Add(FindingCode.BatchDamaged, _packId, header.Offset, $"LSN {header.Lsn} cannot be read: {e.Message}; "
                + "the footer has its records");
            return;
        }

        header.Write(_header);
        bool isSameHeader = found.Length >= BatchHeader.Size && found[..BatchHeader.Size].SequenceEqual(_header);
        if (isSameHeader && found[BatchHeader.Size..].SequenceEqual(table))
        {
            return;
        }

        string reason = "its table is another";
        bool isWhole = BatchHeader.TryRead(found, out BatchHeader other, out string headerReason);
        if (!isWhole)
        {
            reason = headerReason;
        }
        else if (other.TableLength != table.Length || found.Length < BatchHeader.Size + table.Length)
        {
            reason = $"a table of {other.TableLength} bytes, {table.Length} expected";
        }
        else if (Crc32C.Compute(found[BatchHeader.Size..]) is var computed && computed != other.TableChecksum)
        {
            (isWhole, reason) = (false, $"table checksum {other.TableChecksum:x8}, computed {computed:x8}");
        }

        _findings.Add(
            isWhole ? FindingCode.FooterMismatch : FindingCode.BatchDamaged, _packId, header.Offset,
            $"LSN {header.Lsn}: {reason}; the footer has its records");
    }

    private void VerifyPayload(in BatchHeader header, ReadOnlySpan<byte> table)
    {
        long offset = (long)header.Offset + header.PayloadOffset;
        long end = offset + header.PayloadLength;
        try
        {
            var records = new RecordTableReader(table);
            while (records.MoveNext())
            {
                if (records.Kind == RecordKind.Delta)
                {
                    VerifyDelta(records.GetDelta(), offset);
                    offset += records.GetDelta().Length;
                }

                for (int i = 0; records.Kind == RecordKind.Chunks && i < records.ChunkCount; i++)
                {
                    ChunkRecord chunk = records.GetChunk(i);
                    if (offset + chunk.StoredLength > end)
                    {
                        throw new InvalidDataException($"the records name more payload than the {header.PayloadLength} bytes of the batch");
                    }

                    VerifyChunk(chunk, offset);
                    offset += chunk.StoredLength;
                }
            }
        }
        catch (InvalidDataException e)
        {
            uint batch = header.Offset;
            if (!_findings.Exists(known => IsSame(known, FindingCode.RecordsInvalid, batch)))
            {
                _findings.Add(FindingCode.RecordsInvalid, _packId, header.Offset, $"LSN {header.Lsn}: {e.Message}");
            }
        }
    }

    private bool IsSame(Finding finding, FindingCode code, long offset) =>
        finding.Code == code && finding.PackId == _packId && finding.Offset == offset;

    private void VerifyChunk(in ChunkRecord chunk, long offset)
    {
        if (chunk.Codec == ChunkCodec.Lost)
        {
            string lost = $"chunk {chunk.Hash} was lost to earlier damage";
            _sink.AddDamaged(new DamagedChunk(chunk.Hash, _packId, offset, lost, IsLost: true));
            return;
        }

        var location = new ChunkLocation(_packId, (uint)offset, chunk.StoredLength, chunk.Codec, chunk.Checksum);
        ReadOnlySpan<byte> stored;
        try
        {
            stored = _window.Get(offset, chunk.StoredLength);
        }
        catch (StoreIOException e)
        {
            _group.AddDamaged(chunk, location, $"cannot be read: {e.Message}");
            return;
        }

        if (Problem(stored, chunk.StoredLength, chunk.Checksum) is { } problem)
        {
            _group.AddDamaged(chunk, location, problem);
            return;
        }

        _group.Add(chunk, location, stored, _window.AddressOf(offset));
    }

    private void VerifyDelta(in DeltaRecord delta, long offset)
    {
        string? problem;
        try
        {
            problem = Problem(_window.Get(offset, delta.Length), delta.Length, delta.Checksum);
        }
        catch (StoreIOException e)
        {
            problem = $"cannot be read: {e.Message}";
        }

        if (problem is not null)
        {
            _findings.Add(
                FindingCode.SmallWriteDamaged, _packId, offset,
                $"volume {delta.Volume}, {delta.Length} bytes at {delta.Offset}: {problem}");
        }
    }

    private static string? Problem(ReadOnlySpan<byte> stored, int length, uint checksum)
    {
        if (stored.Length < length)
        {
            return $"{length} bytes expected, the file ends after {stored.Length}";
        }

        uint computed = Crc32C.Compute(stored);
        return computed == checksum ? null : $"checksum {checksum:x8}, computed {computed:x8}";
    }

    private void AddRetried(long offset, string reason) =>
        _findings.Add(FindingCode.ReadRetried, _packId, offset, $"a read failed, and worked when it was tried again: {reason}");
}
