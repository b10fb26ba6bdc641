using System.Runtime.InteropServices;
using System.Text;
using RocksDbSharp;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>Gets the hashes of a scan; valid during the call. Returns whether to go on.</summary>
/// <param name="hashes">Some hashes, in byte order.</param>
internal delegate bool ChunkVisitor(ReadOnlySpan<ChunkHash> hashes);

/// <summary>
/// Reads of the index's column families, through the native interface and without managed arrays. Safe from many threads.
/// </summary>
internal sealed unsafe class RocksReader : IDisposable
{
    /// <summary>Keys read together at most.</summary>
    public const int BatchSize = 64;

    private const int ScanBatchSize = 256;
    private const int ScanReadahead = 1 << 20;
    private const int IsFound = 1;
    private const int IsNotFound = 0;
    private readonly RocksDatabase _database;
    private readonly Native _native = Native.Instance;
    private readonly nint _readOptions;
    private readonly nint _scanOptions;

    /// <summary>A reader of an open database, which must stay open.</summary>
    public RocksReader(RocksDatabase database)
    {
        _database = database;
        _readOptions = _native.rocksdb_readoptions_create();

        // A scan of everything leaves the cache to those who look things up.
        _scanOptions = _native.rocksdb_readoptions_create();
        _native.rocksdb_readoptions_set_fill_cache(_scanOptions, 0);
        _native.rocksdb_readoptions_set_readahead_size(_scanOptions, (nuint)ScanReadahead);
    }

    /// <summary>Looks up at most 64 chunks; the default location stands for "no such chunk". Hashes and locations by index.</summary>
    public void FindChunks(ReadOnlySpan<ChunkHash> hashes, Span<ChunkLocation> locations)
    {
        byte* keys = stackalloc byte[BatchSize * ChunkHash.Size];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i].Write(new Span<byte>(keys + (i * ChunkHash.Size), ChunkHash.Size));
        }

        nint result = MultiGet(_database.Chunks, keys, ChunkHash.Size, hashes.Length);
        try
        {
            for (int i = 0; i < hashes.Length; i++)
            {
                locations[i] = TryGetResult(result, i, out var value) ? IndexKeys.ReadLocation(value) : default;
            }
        }
        finally
        {
            _native.rocksdb_pinnable_multi_get_destroy(result);
        }
    }

    /// <summary>Reads at most 64 scattered rows, in any order; holes are default entries.</summary>
    public void ReadRows(ReadOnlySpan<MapKey> rows, Span<MapEntry> entries)
    {
        byte* keys = stackalloc byte[BatchSize * IndexKeys.RowKeySize];
        for (int i = 0; i < rows.Length; i++)
        {
            IndexKeys.WriteRowKey(new Span<byte>(keys + (i * IndexKeys.RowKeySize), IndexKeys.RowKeySize), rows[i].Volume, rows[i].Chunk);
        }

        nint result = MultiGet(_database.Volumes, keys, IndexKeys.RowKeySize, rows.Length);
        try
        {
            for (int i = 0; i < rows.Length; i++)
            {
                entries[i] = TryGetResult(result, i, out var value) ? IndexKeys.ReadRow(value) : default;
            }
        }
        finally
        {
            _native.rocksdb_pinnable_multi_get_destroy(result);
        }
    }

    /// <summary>Reads consecutive rows of a volume; holes are default entries.</summary>
    public void ReadRows(uint volume, ulong firstChunk, Span<MapEntry> entries)
    {
        entries.Clear();
        using var cursor = OpenRows();
        ulong count = (ulong)entries.Length;
        for (cursor.Seek(volume, firstChunk); cursor.IsValid; cursor.Next())
        {
            ulong distance = cursor.Chunk - firstChunk;
            if (cursor.Volume != volume || distance >= count)
            {
                return;
            }

            entries[(int)distance] = cursor.Entry;
        }
    }

    /// <summary>The chunk of the first row of a volume in <c>[firstChunk, endChunk)</c>, or <paramref name="endChunk"/>.</summary>
    public ulong FindRow(uint volume, ulong firstChunk, ulong endChunk)
    {
        using var cursor = OpenRows();
        cursor.Seek(volume, firstChunk);
        return cursor.IsValid && cursor.Volume == volume ? Math.Min(cursor.Chunk, endChunk) : endChunk;
    }

    /// <summary>A cursor over the rows of all volumes. The caller disposes it soon: it pins a state of the database.</summary>
    public RowCursor OpenRows() => new(_database, _native.rocksdb_create_iterator_cf(_database.Handle, _readOptions, _database.Volumes));

    /// <summary>A cursor for a walk over all rows, which leaves the cache as it is.</summary>
    public RowCursor OpenScan() => new(_database, _native.rocksdb_create_iterator_cf(_database.Handle, _scanOptions, _database.Volumes));

    /// <summary>Passes all chunks and their locations to a visitor, in the order of the hashes.</summary>
    public void ScanLocations(Action<ChunkHash, ChunkLocation> visitor)
    {
        nint iterator = _native.rocksdb_create_iterator_cf(_database.Handle, _scanOptions, _database.Chunks);
        try
        {
            _native.rocksdb_iter_seek_to_first(iterator);
            for (; _native.rocksdb_iter_valid(iterator) != 0; _native.rocksdb_iter_next(iterator))
            {
                nint start = _native.rocksdb_iter_key(iterator, out nuint length);
                var key = new ReadOnlySpan<byte>((void*)start, (int)length);
                ChunkHash hash = length == ChunkHash.Size ? ChunkHash.Read(key) : throw IndexKeys.Damaged("a chunk hash", key);
                start = _native.rocksdb_iter_value(iterator, out length);
                visitor(hash, IndexKeys.ReadLocation(new ReadOnlySpan<byte>((void*)start, (int)length)));
            }

            _native.rocksdb_iter_get_error(iterator);
        }
        catch (RocksDbException e)
        {
            throw _database.Translate(e);
        }
        finally
        {
            _native.rocksdb_iter_destroy(iterator);
        }
    }

    /// <summary>The value of a key, or null.</summary>
    public byte[]? Get(nint family, ReadOnlySpan<byte> key)
    {
        nint slice;
        fixed (byte* start = key)
        {
            try
            {
                slice = _native.rocksdb_get_pinned_cf(_database.Handle, _readOptions, family, start, (nuint)key.Length);
            }
            catch (RocksDbException e)
            {
                throw _database.Translate(e);
            }
        }

        if (slice == 0)
        {
            return null;
        }

        nint value = _native.rocksdb_pinnableslice_value(slice, out nuint length);
        byte[] copy = new ReadOnlySpan<byte>((void*)value, (int)length).ToArray();
        _native.rocksdb_pinnableslice_destroy(slice);
        return copy;
    }

    /// <summary>All keys with a prefix and their values, in byte order. For the small column families.</summary>
    public List<(byte[] Key, byte[] Value)> ReadAll(nint family, ReadOnlySpan<byte> prefix)
    {
        var rows = new List<(byte[] Key, byte[] Value)>();
        nint iterator = _native.rocksdb_create_iterator_cf(_database.Handle, _readOptions, family);
        try
        {
            fixed (byte* start = prefix)
            {
                _native.rocksdb_iter_seek(iterator, start, (nuint)prefix.Length);
            }

            for (; _native.rocksdb_iter_valid(iterator) != 0; _native.rocksdb_iter_next(iterator))
            {
                nint keyStart = _native.rocksdb_iter_key(iterator, out nuint keyLength);
                var key = new ReadOnlySpan<byte>((void*)keyStart, (int)keyLength);
                if (!key.StartsWith(prefix))
                {
                    break;
                }

                nint valueStart = _native.rocksdb_iter_value(iterator, out nuint valueLength);
                rows.Add((key.ToArray(), new ReadOnlySpan<byte>((void*)valueStart, (int)valueLength).ToArray()));
            }

            _native.rocksdb_iter_get_error(iterator);
            return rows;
        }
        catch (RocksDbException e)
        {
            throw _database.Translate(e);
        }
        finally
        {
            _native.rocksdb_iter_destroy(iterator);
        }
    }

    /// <summary>About how many chunks there are.</summary>
    public ulong EstimateChunkCount() => _database.GetProperty(_database.Chunks, "rocksdb.estimate-num-keys");

    /// <summary>Passes the hashes of all chunks to a visitor, some at a time in byte order, until it returns false.</summary>
    public void ScanChunks(ChunkVisitor visitor)
    {
        Span<ChunkHash> hashes = stackalloc ChunkHash[ScanBatchSize];
        int count = 0;
        nint iterator = _native.rocksdb_create_iterator_cf(_database.Handle, _scanOptions, _database.Chunks);
        try
        {
            _native.rocksdb_iter_seek_to_first(iterator);
            for (; _native.rocksdb_iter_valid(iterator) != 0; _native.rocksdb_iter_next(iterator))
            {
                nint start = _native.rocksdb_iter_key(iterator, out nuint length);
                var key = new ReadOnlySpan<byte>((void*)start, (int)length);
                hashes[count++] = length == ChunkHash.Size ? ChunkHash.Read(key) : throw IndexKeys.Damaged("a chunk hash", key);
                if (count == ScanBatchSize)
                {
                    count = 0;
                    if (!visitor(hashes))
                    {
                        return;
                    }
                }
            }

            _native.rocksdb_iter_get_error(iterator);
            visitor(hashes[..count]);
        }
        catch (RocksDbException e)
        {
            throw _database.Translate(e);
        }
        finally
        {
            _native.rocksdb_iter_destroy(iterator);
        }
    }

    /// <summary>Frees native objects. No read may be running.</summary>
    public void Dispose()
    {
        _native.rocksdb_readoptions_destroy(_readOptions);
        _native.rocksdb_readoptions_destroy(_scanOptions);
    }

    private nint MultiGet(nint family, byte* keys, int keySize, int count)
    {
        var slices = stackalloc Slice[BatchSize];
        for (int i = 0; i < count; i++)
        {
            slices[i] = new Slice(keys + (i * keySize), (nuint)keySize);
        }

        return _native.rocksdb_batched_multi_get_pinned_cf(_database.Handle, _readOptions, family, (nuint)count, (nint)slices, 0);
    }

    // The span is valid until the result is destroyed.
    private bool TryGetResult(nint result, int index, out ReadOnlySpan<byte> value)
    {
        nint start = 0;
        nint error = 0;
        nuint length = 0;
        nuint errorLength = 0;
        int status = _native.rocksdb_pinnable_multi_get_result(
            result, (nuint)index, (nint)(&start), (nint)(&length), (nint)(&error), (nint)(&errorLength));
        value = new ReadOnlySpan<byte>((void*)start, (int)length);
        return status switch
        {
            IsFound => true,
            IsNotFound => false,
            _ => throw RocksErrors.Translate(_database.Path, Encoding.UTF8.GetString((byte*)error, (int)errorLength)),
        };
    }

    // rocksdb_slice_t
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Slice(byte* start, nuint length)
    {
        private readonly byte* _start = start;
        private readonly nuint _length = length;
    }
}
