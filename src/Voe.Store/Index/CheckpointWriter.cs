using System.Buffers;
using System.Buffers.Binary;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Index;

/// <summary>
/// Writes a frozen delta to RocksDB. One thread at a time.
/// </summary>
/// <remarks>
/// <para>Two steps. First the chunks, as a sorted file that RocksDB takes over: durable by itself, and harmless if the rest
/// does not follow, because the log that has these chunks is durable and its replay adds them again. Then everything else
/// (map rows, records, counters, the checkpoint's state) as one batch, which RocksDB's memory takes whole, and one atomic
/// flush. So after a crash at any moment the disk has the old checkpoint or the new one; only <c>chunks</c> can be ahead.</para>
/// <para>After an error the delta is still frozen, and the next attempt skips what is done. Counters change only with the
/// batch, so no attempt counts twice.</para>
/// </remarks>
internal sealed unsafe class CheckpointWriter
{
    /// <summary>The sorted file of chunks before RocksDB takes it over.</summary>
    public const string ChunkFileName = "chunks.new";

    // A range with more rows than this is deleted as a range: one tombstone that later reads have to pass, in place of many.
    private const int MostSingleDeletes = 128;

    // From this length on it is worth two seeks to see whether a range covers all that the volume has.
    private const ulong LongRange = 1 << 16;

    // A group of keys this many times sparser than consecutive ones is looked up by key, not walked.
    private const ulong WalkDensity = 8;
    private const int BatchSize = RocksReader.BatchSize;
    private readonly RocksDatabase _database;
    private readonly RocksReader _reader;
    private readonly UsageLedger _ledger;
    private readonly IStorageDirectory _directory;
    private readonly string _chunkFilePath;
    private readonly Action<CheckpointStep>? _failPoint;

    /// <summary>A writer for an open database, with its file of chunks in the directory.</summary>
    public CheckpointWriter(
        RocksDatabase database, RocksReader reader, UsageLedger ledger, IStorageDirectory directory, Action<CheckpointStep>? failPoint)
    {
        _database = database;
        _reader = reader;
        _ledger = ledger;
        _directory = directory;
        _chunkFilePath = Path.Combine(directory.Path, ChunkFileName);
        _failPoint = failPoint;
    }

    /// <summary>Writes the delta; durable on return.</summary>
    public void Write(Delta frozen)
    {
        if (frozen.Progress == CheckpointProgress.Frozen)
        {
            WriteChunks(frozen);
            frozen.Progress = CheckpointProgress.ChunksIngested;
        }

        if (frozen.Progress == CheckpointProgress.ChunksIngested)
        {
            _failPoint?.Invoke(CheckpointStep.WriteRows);
            WriteBatch(frozen);
            frozen.Progress = CheckpointProgress.RowsWritten;
        }

        if (frozen.Progress == CheckpointProgress.RowsWritten)
        {
            _failPoint?.Invoke(CheckpointStep.Flush);
            _database.Flush();
            frozen.Progress = CheckpointProgress.Durable;
        }
    }

    private void WriteChunks(Delta frozen)
    {
        int count = frozen.Chunks.Count;
        if (count == 0)
        {
            return;
        }

        ulong[] keys = ArrayPool<ulong>.Shared.Rent(count);
        nint[] slots = ArrayPool<nint>.Shared.Rent(count);
        try
        {
            _failPoint?.Invoke(CheckpointStep.WriteChunkFile);
            SortChunks(frozen.Chunks, keys.AsSpan(0, count), slots.AsSpan(0, count));

            // Never written over: after a take-over that failed half-way the old name may still lead to a file of the database.
            _directory.DeleteFile(ChunkFileName);
            ChunkFile.Write(_database, _chunkFilePath, slots.AsSpan(0, count));
            _failPoint?.Invoke(CheckpointStep.IngestChunkFile);
            ChunkFile.Ingest(_database, _chunkFilePath);
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(keys);
            ArrayPool<nint>.Shared.Return(slots);
        }
    }

    private static void SortChunks(SlotTable<ChunkKey> chunks, Span<ulong> keys, Span<nint> slots)
    {
        chunks.CopySlots(slots);
        for (int i = 0; i < slots.Length; i++)
        {
            keys[i] = BinaryPrimitives.ReverseEndianness(((IndexSlot*)slots[i])->Hash.Word0);
        }

        keys.Sort(slots);

        // Hashes that begin with the same eight bytes are neighbours now; what is left to sort is next to nothing.
        for (int i = 1; i < slots.Length; i++)
        {
            for (int k = i; k > 0 && HashOf(slots[k]).CompareTo(HashOf(slots[k - 1])) < 0; k--)
            {
                (slots[k], slots[k - 1]) = (slots[k - 1], slots[k]);
            }
        }
    }

    private static ChunkHash HashOf(nint slot) => ((IndexSlot*)slot)->Hash;

    private void WriteBatch(Delta frozen)
    {
        const int PutSize = IndexKeys.RowKeySize + IndexKeys.RowValueSize + 8;
        using var batch = new RocksBatch(_database, (long)frozen.Map.Count * PutSize);
        var changes = new UsageChanges();
        using (var cursor = _reader.OpenRows())
        {
            // Ranges before rows: in a batch, as in the delta, the later change wins.
            foreach (ref readonly var range in frozen.ZeroRanges.Ranges)
            {
                WriteZeroRange(batch, changes, cursor, in range);
            }
        }

        WriteRows(batch, changes, frozen);
        WriteRecords(batch, frozen);
        _ledger.Write(batch, frozen, changes);
        batch.Write();
        _ledger.Apply();
    }

    private void WriteZeroRange(RocksBatch batch, UsageChanges changes, RowCursor cursor, in ZeroRanges.Range range)
    {
        (uint volume, ulong first, ulong end) = range;
        if (end - first >= LongRange && CoversVolume(cursor, in range))
        {
            // The counters say what all rows together refer to: a volume of any size goes without a look at its rows.
            foreach (var (pack, chunks, bytes) in _ledger.ReadReferences(volume))
            {
                changes.Count(volume, pack, -chunks, -bytes);
            }

            batch.DeleteRows(volume, first, end);
            return;
        }

        int deleted = 0;
        for (cursor.Seek(volume, first); cursor.IsValid && cursor.Volume == volume && cursor.Chunk < end; cursor.Next())
        {
            changes.Subtract(volume, cursor.Entry);
            if (++deleted <= MostSingleDeletes)
            {
                batch.PutRow(new MapKey(volume, cursor.Chunk), default);
            }
            else if (deleted == MostSingleDeletes + 1)
            {
                batch.DeleteRows(volume, cursor.Chunk, end);
            }
        }
    }

    private static bool CoversVolume(RowCursor cursor, in ZeroRanges.Range range)
    {
        cursor.Seek(range.Volume, 0);
        if (!cursor.IsValid || cursor.Volume != range.Volume || cursor.Chunk < range.First)
        {
            return false;
        }

        cursor.SeekBackwards(range.Volume, ulong.MaxValue);
        return cursor.IsValid && cursor.Volume == range.Volume && cursor.Chunk < range.End;
    }

    private void WriteRows(RocksBatch batch, UsageChanges changes, Delta frozen)
    {
        var slots = frozen.SortedMap;
        using var cursor = _reader.OpenRows();
        for (int i = 0; i < slots.Length; i += BatchSize)
        {
            var group = slots.Slice(i, Math.Min(BatchSize, slots.Length - i));
            foreach (nint slot in group)
            {
                SlotGroups.Prefetch((IndexSlot*)slot);
            }

            WriteRowGroup(batch, changes, frozen.ZeroRanges, cursor, group);
        }
    }

    private void WriteRowGroup(RocksBatch batch, UsageChanges changes, ZeroRanges zeroRanges, RowCursor cursor, ReadOnlySpan<nint> slots)
    {
        Span<MapKey> rows = stackalloc MapKey[BatchSize];
        Span<MapEntry> oldEntries = stackalloc MapEntry[BatchSize];
        rows = rows[..slots.Length];
        oldEntries = oldEntries[..slots.Length];
        for (int i = 0; i < slots.Length; i++)
        {
            rows[i] = MapKey.ReadFrom((IndexSlot*)slots[i]);
        }

        ReadOldRows(cursor, rows, oldEntries);
        for (int i = 0; i < slots.Length; i++)
        {
            var entry = IndexSlot.GetValue((IndexSlot*)slots[i]);
            if (zeroRanges.Count != 0 && zeroRanges.Contains(rows[i].Volume, rows[i].Chunk))
            {
                // The range has deleted and counted the old row.
                oldEntries[i] = default;
            }
            else if (entry == oldEntries[i])
            {
                continue;
            }

            if (!oldEntries[i].IsHole)
            {
                changes.Subtract(rows[i].Volume, in oldEntries[i]);
            }

            if (!entry.IsHole)
            {
                changes.Add(rows[i].Volume, in entry);
            }

            if (!entry.IsHole || !oldEntries[i].IsHole)
            {
                batch.PutRow(in rows[i], in entry);
            }
        }
    }

    // The cursor stands at the first row at or after an earlier key (or nowhere yet): what lies before it has no rows.
    private void ReadOldRows(RowCursor cursor, ReadOnlySpan<MapKey> rows, Span<MapEntry> entries)
    {
        entries.Clear();
        var first = rows[0];
        var last = rows[^1];
        if (!cursor.IsPlaced || (cursor.IsValid && cursor.IsBefore(in first)))
        {
            cursor.Seek(first.Volume, first.Chunk);
        }

        if (!cursor.IsValid || (!cursor.IsBefore(in last) && !cursor.IsAt(in last)))
        {
            return;
        }

        if (first.Volume != last.Volume || last.Chunk - first.Chunk >= (ulong)rows.Length * WalkDensity)
        {
            _reader.ReadRows(rows, entries);
            return;
        }

        for (int i = 0; i < rows.Length; i++)
        {
            while (cursor.IsValid && cursor.IsBefore(in rows[i]))
            {
                cursor.Next();
            }

            if (cursor.IsValid && cursor.IsAt(in rows[i]))
            {
                entries[i] = cursor.Entry;
            }
        }
    }

    private void WriteRecords(RocksBatch batch, Delta frozen)
    {
        Span<byte> key = stackalloc byte[IndexKeys.VolumeRecordKeySize];
        foreach (var (volume, record) in frozen.Volumes)
        {
            BinaryPrimitives.WriteUInt32BigEndian(key, volume);
            PutOrDelete(batch, _database.VolumeRecords, key, record);
        }

        foreach (var (root, value) in frozen.Roots)
        {
            PutOrDelete(batch, _database.Roots, root, value);
        }

        Span<byte> version = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(version, IndexKeys.FormatVersion);
        batch.Put(_database.Checkpoint, IndexKeys.FormatKey, version);
        batch.Put(_database.Checkpoint, IndexKeys.StateKey, frozen.State);
    }

    private static void PutOrDelete(RocksBatch batch, nint family, ReadOnlySpan<byte> key, byte[]? value)
    {
        if (value is null)
        {
            batch.Delete(family, key);
        }
        else
        {
            batch.Put(family, key, value);
        }
    }
}
