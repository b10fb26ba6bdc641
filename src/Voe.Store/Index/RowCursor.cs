using RocksDbSharp;

namespace Voe.Store.Index;

/// <summary>
/// Walks the rows of the volumes' maps in order of volume and chunk, as of the moment when it was opened. One thread.
/// </summary>
internal sealed unsafe class RowCursor : IDisposable
{
    private readonly Native _native = Native.Instance;
    private readonly RocksDatabase _database;
    private readonly nint _iterator;

    /// <summary>Takes over a native iterator.</summary>
    public RowCursor(RocksDatabase database, nint iterator)
    {
        _database = database;
        _iterator = iterator;
    }

    /// <summary>Whether the cursor was ever sent to a place.</summary>
    public bool IsPlaced { get; private set; }

    /// <summary>Whether the cursor is at a row.</summary>
    public bool IsValid { get; private set; }

    /// <summary>Volume of the row.</summary>
    public uint Volume { get; private set; }

    /// <summary>Chunk of the row.</summary>
    public ulong Chunk { get; private set; }

    /// <summary>What the row says.</summary>
    public MapEntry Entry
    {
        get
        {
            nint start = _native.rocksdb_iter_value(_iterator, out nuint length);
            return IndexKeys.ReadRow(new ReadOnlySpan<byte>((void*)start, (int)length));
        }
    }

    /// <summary>Whether the cursor's row comes before another.</summary>
    public bool IsBefore(in MapKey row) => Volume < row.Volume || (Volume == row.Volume && Chunk < row.Chunk);

    /// <summary>Whether the cursor is at that row.</summary>
    public bool IsAt(in MapKey row) => Volume == row.Volume && Chunk == row.Chunk;

    /// <summary>Goes to the first row at or after a chunk of a volume.</summary>
    public void Seek(uint volume, ulong chunk)
    {
        byte* key = stackalloc byte[IndexKeys.RowKeySize];
        IndexKeys.WriteRowKey(new Span<byte>(key, IndexKeys.RowKeySize), volume, chunk);
        _native.rocksdb_iter_seek(_iterator, key, (nuint)IndexKeys.RowKeySize);
        ReadKey();
    }

    /// <summary>Goes to the last row at or before a chunk of a volume.</summary>
    public void SeekBackwards(uint volume, ulong chunk)
    {
        byte* key = stackalloc byte[IndexKeys.RowKeySize];
        IndexKeys.WriteRowKey(new Span<byte>(key, IndexKeys.RowKeySize), volume, chunk);
        _native.rocksdb_iter_seek_for_prev(_iterator, key, (nuint)IndexKeys.RowKeySize);
        ReadKey();
    }

    /// <summary>Goes to the next row.</summary>
    public void Next()
    {
        _native.rocksdb_iter_next(_iterator);
        ReadKey();
    }

    /// <summary>Frees the native iterator.</summary>
    public void Dispose() => _native.rocksdb_iter_destroy(_iterator);

    private void CheckError()
    {
        try
        {
            _native.rocksdb_iter_get_error(_iterator);
        }
        catch (RocksDbException e)
        {
            throw _database.Translate(e);
        }
    }

    private void ReadKey()
    {
        IsPlaced = true;
        IsValid = _native.rocksdb_iter_valid(_iterator) != 0;
        if (!IsValid)
        {
            // The end, or an error: a damaged block must not pass for the end of a volume.
            CheckError();
            return;
        }

        nint start = _native.rocksdb_iter_key(_iterator, out nuint length);
        (Volume, Chunk) = IndexKeys.ReadRowKey(new ReadOnlySpan<byte>((void*)start, (int)length));
    }
}
