using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Verify;

/// <summary>
/// Reads all of a store's log and verifies every checksum and every hash, without the index and without changing
/// anything. Holds the store's lock meanwhile.
/// </summary>
public sealed unsafe class StoreVerifier
{
    private const int HashGroup = 64;

    private readonly PackSet _packs;
    private readonly Superblock _superblock;
    private readonly ChunkHasher _hasher;
    private readonly Action<StoreProgress>? _progress;
    private readonly List<Finding> _findings = [];
    private readonly Dictionary<uint, PackHeader> _headers = []; // those that are whole
    private readonly HashSet<uint> _unreadable = [];
    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(HashGroup * VolumeLimits.MaxChunkSize, pinned: true);
    private readonly nint[] _addresses = new nint[HashGroup];
    private readonly ChunkHash[] _hashes = new ChunkHash[HashGroup];
    private readonly (ChunkRecord Record, long Offset)[] _group = new (ChunkRecord, long)[HashGroup];
    private byte[] _payload = [];
    private int _groupCount;
    private ulong _lastLsn;
    private uint _lastChecksum;
    private ulong _durableLsn;
    private bool _isBroken; // the chain was lost; it begins anew with the next pack
    private bool _hasEnded; // a torn tail was met: what comes after it is part of it
    private long _batches;
    private long _chunks;
    private long _bytes;

    private StoreVerifier(PackSet packs, in Superblock superblock, Action<StoreProgress>? progress)
    {
        _packs = packs;
        _superblock = superblock;
        _hasher = ChunkHasher.For(superblock.HashAlgorithm);
        _progress = progress;
    }

    /// <summary>Verifies the store in a local directory.</summary>
    /// <param name="path">The store's directory.</param>
    /// <param name="progress">Called with bytes done and bytes in all, or null.</param>
    /// <exception cref="StoreLockedException">The store is in use.</exception>
    /// <exception cref="StoreFormatException">It is no store, or of a format that this program does not know.</exception>
    /// <exception cref="StoreIOException">It cannot be read at all.</exception>
    public static VerifyResult Run(string path, Action<StoreProgress>? progress = null) =>
        Run(LocalDirectory.Open(path, createIfMissing: false), progress);

    /// <summary>Verifies the store in <paramref name="directory"/>.</summary>
    internal static VerifyResult Run(IStorageDirectory directory, Action<StoreProgress>? progress)
    {
        if (!directory.FileExists(Superblock.FileName))
        {
            throw new StoreFormatException($"{directory.Path} holds no store: there is no file \"{Superblock.FileName}\"");
        }

        using IDisposable storeLock = directory.Lock(StoreLayout.LockFile, $"a verification, process "
            + $"{Environment.ProcessId} on {Environment.MachineName}");
        Superblock superblock = Superblock.ReadFrom(directory);
        using var packs = new PackSet(directory.OpenDirectory(StoreLayout.PacksDirectory), maxOpenFiles: 16);
        return new StoreVerifier(packs, superblock, progress).Run();
    }

    private VerifyResult Run()
    {
        List<uint> ids = _packs.ListIds();
        long total = 0;
        var lengths = new Dictionary<uint, long>();
        foreach (uint id in ids)
        {
            using PackSet.Lease lease = _packs.Acquire(id);
            lengths[id] = lease.File.Length;
            total += lease.File.Length;
        }

        ReadDurableLsns(ids);
        uint previous = 0;
        foreach (uint id in ids)
        {
            if (id != previous + 1)
            {
                Add(FindingCode.PackMissing, 0, 0, $"packs {previous + 1} to {id - 1} are missing");
                _isBroken = true;
            }

            previous = id;
            if (_hasEnded)
            {
                Add(FindingCode.PackBehindEnd, id, 0, "is part of the torn tail; the next start deletes it");
                continue;
            }

            VerifyReadable(id);
            _bytes += lengths[id];
            _progress?.Invoke(new StoreProgress("verifying", _bytes, total));
        }

        return new VerifyResult(_findings, ids.Count, _batches, _chunks, _bytes);
    }

    // What the packs' ends say was durable: a batch up to there that is not whole is damage, not a torn tail.
    private void ReadDurableLsns(List<uint> ids)
    {
        foreach (uint id in ids)
        {
            try
            {
                ReadDurableLsn(id);
            }
            catch (StoreIOException e)
            {
                AddUnreadable(id, e);
            }
        }
    }

    private void ReadDurableLsn(uint id)
    {
        byte[] bytes = new byte[PackHeader.Size];
        using PackSet.Lease lease = _packs.Acquire(id);
        int read = lease.File.Read(bytes, 0);
        if (PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out _))
        {
            _headers[id] = header;
            _durableLsn = Math.Max(_durableLsn, header.DurableLsn);
        }

        // Without a footer the batches themselves tell, whole ones behind a torn one too.
        ulong durable = PackFooter.TryReadFrom(lease.File, id, out PackFooter footer, out _)
            ? footer.LastLsn
            : TailScan.Run(lease.File, id, PackHeader.Size).DurableLsn;
        _durableLsn = Math.Max(_durableLsn, durable);
    }

    // One pack that the medium does not give must not keep the others from being verified.
    private void VerifyReadable(uint id)
    {
        if (_unreadable.Contains(id))
        {
            _isBroken = true;
            return;
        }

        try
        {
            using PackSet.Lease lease = _packs.Acquire(id);
            VerifyPack(id, lease.File);
        }
        catch (StoreIOException e)
        {
            AddUnreadable(id, e);
            _isBroken = true;
        }
    }

    private void AddUnreadable(uint id, StoreIOException error)
    {
        _unreadable.Add(id);
        Add(FindingCode.PackUnreadable, id, 0, $"cannot be read: {error.Message}");
    }

    private void VerifyPack(uint id, IStorageFile file)
    {
        byte[] bytes = new byte[PackHeader.Size];
        int read = file.Read(bytes, 0);
        if (!PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out string reason))
        {
            if (!IsTornTail(id, 0, reason))
            {
                Add(FindingCode.PackHeaderDamaged, id, 0, reason);
                _isBroken = true;
            }

            return;
        }

        if (header.StoreId != _superblock.StoreId || header.PackId != id || header.HashAlgorithm != _superblock.HashAlgorithm)
        {
            Add(FindingCode.PackMisplaced, id, 0, $"the file is pack {header.PackId} of store {header.StoreId}, pack {id} of store "
                + $"{_superblock.StoreId} expected");
            _isBroken = true;
            return;
        }

        if (!_isBroken && (header.FirstLsn != _lastLsn + 1 || header.PreviousChecksum != _lastChecksum))
        {
            string chain = $"begins with LSN {header.FirstLsn} after {header.PreviousChecksum:x8}; LSN {_lastLsn + 1} "
                + $"after {_lastChecksum:x8} expected";
            if (IsTornTail(id, 0, chain))
            {
                return;
            }

            Add(FindingCode.LogGap, id, 0, chain);
        }

        _isBroken = false;
        (_lastLsn, _lastChecksum) = (header.FirstLsn - 1, header.PreviousChecksum);
        PackFooter? footer = VerifyFooter(id, file, out BatchReader? repeated);
        VerifyBatches(id, file, footer, repeated);
    }

    private PackFooter? VerifyFooter(uint id, IStorageFile file, out BatchReader? repeated)
    {
        repeated = null;
        if (!PackFooter.TryReadFrom(file, id, out PackFooter footer, out string reason))
        {
            if (!string.Equals(reason, "no footer", StringComparison.Ordinal))
            {
                Add(FindingCode.FooterDamaged, id, file.Length - PackFooter.Size, reason);
            }

            return null;
        }

        if (!footer.TryReadBody(file, out byte[] body, out reason))
        {
            Add(FindingCode.FooterDamaged, id, footer.DataEnd, reason);
            return footer;
        }

        repeated = BatchReader.OverFooter(body, id, PackHeader.Size);
        return footer;
    }

    private void VerifyBatches(uint id, IStorageFile file, PackFooter? footer, BatchReader? repeated)
    {
        BatchReader reader = BatchReader.OverFile(file, id, PackHeader.Size);
        long end = footer?.DataEnd ?? long.MaxValue;
        while (reader.Offset < end)
        {
            if (!reader.TryRead(_lastLsn + 1, _lastChecksum))
            {
                VerifyStop(id, file, footer, repeated, reader);
                return;
            }

            if (footer is null && reader.Header.Lsn > _durableLsn && !IsPayloadSound(reader)
                && IsTornTail(id, reader.Header.Offset, reader.StopReason))
            {
                return;
            }

            if (repeated is not null && (!repeated.TryRead(_lastLsn + 1, _lastChecksum) || !repeated.Table.SequenceEqual(reader.Table)))
            {
                Add(FindingCode.FooterMismatch, id, footer!.Value.DataEnd, $"the footer does not repeat LSN {reader.Header.Lsn}: "
                    + $"{repeated.StopReason}");
                repeated = null;
            }

            (_lastLsn, _lastChecksum) = (reader.Header.LastLsn, reader.Link);
            VerifyPayload(file, reader.Header, reader.Table);
        }
    }

    // No further batch: the end of the log, a torn tail, or damage; behind damage the footer, if whole, leads on.
    private void VerifyStop(uint id, IStorageFile file, PackFooter? footer, BatchReader? repeated, BatchReader reader)
    {
        if (footer is null)
        {
            if (reader.Offset > PackHeader.Size && NextPackGoesOn(id))
            {
                VerifyUnsealed(id, file, reader.Offset);
                return;
            }

            bool isDamage = _durableLsn > _lastLsn;
            if (isDamage)
            {
                Add(FindingCode.BatchDamaged, id, reader.Offset, $"{reader.StopReason}, but LSN {_durableLsn} was durable");
                _isBroken = true;
            }
            else if (TailScan.Run(file, id, reader.Offset).UsedBytes > 0)
            {
                _ = IsTornTail(id, reader.Offset, reader.StopReason);
            }

            return;
        }

        Add(FindingCode.BatchDamaged, id, reader.Offset, reader.StopReason);
        if (repeated is null)
        {
            _isBroken = true;
            return;
        }

        while (repeated.Offset < footer.Value.DataEnd && repeated.TryRead(_lastLsn + 1, _lastChecksum))
        {
            (_lastLsn, _lastChecksum) = (repeated.Header.LastLsn, repeated.Link);
            VerifyPayload(file, repeated.Header, repeated.Table);
        }
    }

    // Whether the log goes on in the next pack from where this one's batches end.
    private bool NextPackGoesOn(uint id) => _headers.TryGetValue(id + 1, out PackHeader next)
        && next.StoreId == _superblock.StoreId && next.FirstLsn == _lastLsn + 1 && next.PreviousChecksum == _lastChecksum;

    // A pack whose batches are all there, without a footer: it was not sealed yet, unless something stands in its place.
    private void VerifyUnsealed(uint id, IStorageFile file, long end)
    {
        bool isReported = _findings.Exists(finding => finding.PackId == id && finding.Severity == Severity.Repairable);
        if (!isReported && end + TailScan.Run(file, id, end).UsedBytes > file.Length - PackFooter.Size)
        {
            Add(FindingCode.FooterDamaged, id, file.Length - PackFooter.Size, "what ends the pack is no footer");
        }
    }

    // Whether the log may end before this, since nothing says that more was ever durable. If so, it is noted.
    private bool IsTornTail(uint id, long offset, string reason)
    {
        if (_isBroken || _durableLsn > _lastLsn)
        {
            return false;
        }

        Add(FindingCode.TornTail, id, offset, $"torn tail: {reason}; the next start cuts it off");
        _hasEnded = true;
        return true;
    }

    private static bool IsPayloadSound(BatchReader reader)
    {
        try
        {
            return reader.IsPayloadSound();
        }
        catch (InvalidDataException)
        {
            return true; // the table breaks the format, although its checksum is right: damage, which is told with its place
        }
    }

    private void VerifyPayload(IStorageFile file, in BatchHeader header, ReadOnlySpan<byte> table)
    {
        _batches++;
        if (header.IsRepaired && header.RecordCount == 0)
        {
            Add(FindingCode.BatchesLost, header.PackId, header.Offset, $"LSN {header.Lsn} to {header.LastLsn} were lost to earlier damage");
        }

        if (_payload.Length < header.PayloadLength)
        {
            _payload = GC.AllocateUninitializedArray<byte>(header.PayloadLength);
        }

        long offset = (long)header.Offset + header.PayloadOffset;
        int read;
        try
        {
            read = file.Read(_payload.AsSpan(0, header.PayloadLength), offset);
        }
        catch (StoreIOException e)
        {
            Add(FindingCode.PackUnreadable, header.PackId, offset, $"the payload of LSN {header.Lsn} cannot be read: {e.Message}");
            return;
        }

        try
        {
            int next = 0;
            var records = new RecordTableReader(table);
            while (records.MoveNext())
            {
                VerifyRecord(header, records, _payload.AsSpan(0, read), offset, ref next);
            }
        }
        catch (InvalidDataException e)
        {
            Add(FindingCode.RecordsInvalid, header.PackId, header.Offset, $"LSN {header.Lsn}: {e.Message}");
        }

        FlushGroup(header.PackId);
    }

    private void VerifyRecord(in BatchHeader header, in RecordTableReader records, ReadOnlySpan<byte> payload, long offset, ref int next)
    {
        if (records.Kind == RecordKind.Delta)
        {
            DeltaRecord delta = records.GetDelta();
            VerifyPiece(header, payload, offset, next, delta.Length, delta.Checksum, "small write");
            next += delta.Length;
        }
        else if (records.Kind == RecordKind.Chunks)
        {
            for (int i = 0; i < records.ChunkCount; i++)
            {
                ChunkRecord chunk = records.GetChunk(i);
                if (chunk.Codec == ChunkCodec.Lost)
                {
                    Add(FindingCode.ChunkLost, header.PackId, offset + next, $"chunk {chunk.Hash} was lost to earlier damage");
                }
                else if (VerifyPiece(header, payload, offset, next, chunk.StoredLength, chunk.Checksum, $"chunk {chunk.Hash}"))
                {
                    VerifyChunk(header, chunk, payload.Slice(next, chunk.StoredLength), offset + next);
                }

                next += chunk.StoredLength;
                _chunks++;
            }
        }
    }

    private bool VerifyPiece(in BatchHeader header, ReadOnlySpan<byte> payload, long offset, int start, int length, uint checksum,
        string what)
    {
        if ((long)start + length > payload.Length)
        {
            Add(FindingCode.ChunkDamaged, header.PackId, offset + start, $"{what}: {length} bytes expected, the batch ends before");
            return false;
        }

        uint computed = Crc32C.Compute(payload.Slice(start, length));
        if (computed != checksum)
        {
            Add(FindingCode.ChunkDamaged, header.PackId, offset + start, $"{what}: checksum {checksum:x8}, computed {computed:x8}");
            return false;
        }

        return true;
    }

    private void VerifyChunk(in BatchHeader header, in ChunkRecord chunk, ReadOnlySpan<byte> stored, long offset)
    {
        if (_groupCount == HashGroup || (_groupCount > 0 && _group[0].Record.Length != chunk.Length))
        {
            FlushGroup(header.PackId);
        }

        Span<byte> plain = _plain.AsSpan(_groupCount * chunk.Length, chunk.Length);
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
        catch (InvalidDataException e)
        {
            Add(FindingCode.ChunkDamaged, header.PackId, offset, $"chunk {chunk.Hash}: {e.Message}");
            return;
        }

        _addresses[_groupCount] = Marshal.UnsafeAddrOfPinnedArrayElement(_plain, _groupCount * chunk.Length);
        _group[_groupCount++] = (chunk, offset);
    }

    private void FlushGroup(uint packId)
    {
        if (_groupCount == 0)
        {
            return;
        }

        _hasher.HashMany(_addresses.AsSpan(0, _groupCount), _group[0].Record.Length, _hashes);
        for (int i = 0; i < _groupCount; i++)
        {
            if (_hashes[i] != _group[i].Record.Hash)
            {
                Add(FindingCode.ChunkDamaged, packId, _group[i].Offset, $"chunk {_group[i].Record.Hash}: its bytes hash to {_hashes[i]}");
            }
        }

        _groupCount = 0;
    }

    private void Add(FindingCode code, uint packId, long offset, string message) =>
        _findings.Add(new Finding(code, packId, offset, message));
}
