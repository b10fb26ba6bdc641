using RocksDbSharp;

namespace Voe.Store.Index;

/// <summary>
/// A set of changes to RocksDB that happens as a whole: in memory with <see cref="Write"/>, on disk with the next flush. One thread.
/// </summary>
internal sealed unsafe class RocksBatch : IDisposable
{
    private readonly Native _native = Native.Instance;
    private readonly RocksDatabase _database;
    private readonly nint _batch;

    /// <summary>An empty batch with room for <paramref name="expectedSize"/> bytes; it grows as needed.</summary>
    public RocksBatch(RocksDatabase database, long expectedSize)
    {
        _database = database;
        _batch = _native.rocksdb_writebatch_create_with_params((nuint)expectedSize, 0, 0, 0);
    }

    /// <summary>Puts a value.</summary>
    public void Put(nint family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyStart = key, valueStart = value)
        {
            // An empty span gives a null pointer, which RocksDB takes for an empty string.
            _native.rocksdb_writebatch_put_cf(_batch, family, keyStart, (nuint)key.Length, valueStart, (nuint)value.Length);
        }
    }

    /// <summary>Deletes a key.</summary>
    public void Delete(nint family, ReadOnlySpan<byte> key)
    {
        fixed (byte* keyStart = key)
        {
            _native.rocksdb_writebatch_delete_cf(_batch, family, keyStart, (nuint)key.Length);
        }
    }

    /// <summary>Puts a map row, or deletes it for a hole.</summary>
    public void PutRow(in MapKey row, in MapEntry entry)
    {
        byte* key = stackalloc byte[IndexKeys.RowKeySize];
        byte* value = stackalloc byte[IndexKeys.RowValueSize];
        IndexKeys.WriteRowKey(new Span<byte>(key, IndexKeys.RowKeySize), row.Volume, row.Chunk);
        if (entry.IsHole)
        {
            _native.rocksdb_writebatch_delete_cf(_batch, _database.Volumes, key, (nuint)IndexKeys.RowKeySize);
            return;
        }

        IndexKeys.WriteRow(new Span<byte>(value, IndexKeys.RowValueSize), in entry);
        _native.rocksdb_writebatch_put_cf(
            _batch, _database.Volumes, key, (nuint)IndexKeys.RowKeySize, value, (nuint)IndexKeys.RowValueSize);
    }

    /// <summary>Deletes the rows <c>[first, end)</c> of a volume, however many there are, without looking at them.</summary>
    public void DeleteRows(uint volume, ulong first, ulong end)
    {
        byte* from = stackalloc byte[IndexKeys.RowKeySize];
        byte* to = stackalloc byte[IndexKeys.RowKeySize];
        IndexKeys.WriteRowKey(new Span<byte>(from, IndexKeys.RowKeySize), volume, first);
        IndexKeys.WriteRowKey(new Span<byte>(to, IndexKeys.RowKeySize), volume, end);
        _native.rocksdb_writebatch_delete_range_cf(
            _batch, _database.Volumes, from, (nuint)IndexKeys.RowKeySize, to, (nuint)IndexKeys.RowKeySize);
    }

    /// <summary>Applies the batch: visible to readers on return, durable after a flush.</summary>
    public void Write()
    {
        nint options = _native.rocksdb_writeoptions_create();
        try
        {
            _native.rocksdb_writeoptions_disable_WAL(options, 1);
            _native.rocksdb_write(_database.Handle, options, _batch);
        }
        catch (RocksDbException e)
        {
            throw _database.Translate(e);
        }
        finally
        {
            _native.rocksdb_writeoptions_destroy(options);
        }
    }

    /// <summary>Frees the native batch.</summary>
    public void Dispose() => _native.rocksdb_writebatch_destroy(_batch);
}
