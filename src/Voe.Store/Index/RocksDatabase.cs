using System.Runtime.InteropServices;
using System.Text;
using RocksDbSharp;

namespace Voe.Store.Index;

/// <summary>
/// RocksDB as the index uses it: its column families and options, opened and closed. Reading and writing are in
/// <see cref="RocksReader"/> and <see cref="RocksBatch"/>.
/// </summary>
/// <remarks>
/// No write-ahead log: the store's own log is one. What was not flushed is gone after a crash and after
/// <see cref="Dispose"/> alike, and atomic flush makes all column families go back to the same moment.
/// </remarks>
internal sealed unsafe class RocksDatabase : IDisposable
{
    private static readonly string[] FamilyNames =
    [
        "default", IndexKeys.ChunksFamily, IndexKeys.VolumesFamily, IndexKeys.RootsFamily,
        IndexKeys.VolumeRecordsFamily, IndexKeys.PackStatsFamily, IndexKeys.CheckpointFamily,
    ];

    private readonly RocksOptions _options;
    private readonly nint[] _families;
    private readonly bool _isReadOnly;

    /// <summary>
    /// Opens the database in a directory, creating what is missing; or to look alone, which changes no file of it and takes no
    /// lock.
    /// </summary>
    /// <exception cref="StoreDamagedException">It cannot be opened; the message says what to do.</exception>
    public RocksDatabase(string directory, long cacheMemory, bool isReadOnly = false)
    {
        _isReadOnly = isReadOnly;
        Path = directory;
        _options = new RocksOptions(cacheMemory, GetFileBytes(directory));
        _families = new nint[FamilyNames.Length];
        try
        {
            Open();
        }
        catch (RocksDbException e)
        {
            _options.Dispose();
            throw RocksErrors.TranslateOpen(directory, e.Message);
        }
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The database's handle.</summary>
    public nint Handle { get; private set; }

    /// <summary>Handle of the column family of the chunks.</summary>
    public nint Chunks => _families[1];

    /// <summary>Handle of the column family of the maps.</summary>
    public nint Volumes => _families[2];

    /// <summary>Handle of the column family of the roots.</summary>
    public nint Roots => _families[3];

    /// <summary>Handle of the column family of the volume records.</summary>
    public nint VolumeRecords => _families[4];

    /// <summary>Handle of the column family of the usage counters.</summary>
    public nint PackStats => _families[5];

    /// <summary>Handle of the column family of the checkpoint's state.</summary>
    public nint Checkpoint => _families[6];

    /// <summary>Options of the chunks' column family, for files written beside the database.</summary>
    public nint ChunkFileOptions => _options.Chunks;

    /// <summary>The engine's error for one of RocksDB's.</summary>
    public StoreException Translate(RocksDbException error) => RocksErrors.Translate(Path, error.Message);

    /// <summary>Makes everything written so far durable, in all column families at once.</summary>
    public void Flush()
    {
        var native = Native.Instance;
        nint flushOptions = native.rocksdb_flushoptions_create();
        try
        {
            native.rocksdb_flushoptions_set_wait(flushOptions, 1);
            native.rocksdb_flush_cfs(Handle, flushOptions, _families, _families.Length);
        }
        catch (RocksDbException e)
        {
            throw Translate(e);
        }
        finally
        {
            native.rocksdb_flushoptions_destroy(flushOptions);
        }
    }

    /// <summary>A property of a column family that is a number, such as <c>rocksdb.estimate-num-keys</c>; 0 if there is none.</summary>
    public ulong GetProperty(nint family, string name)
    {
        ulong value = 0;
        _ = Native.Instance.rocksdb_property_int_cf(Handle, family, name, (nint)(&value));
        return value;
    }

    /// <summary>Closes the database without flushing. No other call may be running.</summary>
    public void Dispose()
    {
        if (Handle == 0)
        {
            return;
        }

        var native = Native.Instance;
        native.rocksdb_cancel_all_background_work(Handle, 1);
        foreach (nint family in _families)
        {
            native.rocksdb_column_family_handle_destroy(family);
        }

        native.rocksdb_close(Handle);
        Handle = 0;
        _options.Dispose();
    }

    private static long GetFileBytes(string directory)
    {
        var info = new DirectoryInfo(directory);
        return info.Exists ? info.EnumerateFiles("*.sst").Sum(file => file.Length) : 0;
    }

    private void Open()
    {
        nint[] names = [.. FamilyNames.Select(Marshal.StringToCoTaskMemUTF8)];
        try
        {
            nint[] familyOptions =
            [
                _options.Small, _options.Chunks, _options.Volumes, _options.Small, _options.Small, _options.Small, _options.Small,
            ];
            fixed (nint* name = names, options = familyOptions, families = _families)
            {
                Handle = _isReadOnly
                    ? Native.Instance.rocksdb_open_for_read_only_column_families(
                        _options.Database, Path, names.Length, (nint)name, (nint)options, (nint)families, 0)
                    : Native.Instance.rocksdb_open_column_families(
                        _options.Database, Path, names.Length, (nint)name, (nint)options, (nint)families);
            }
        }
        finally
        {
            foreach (nint name in names)
            {
                Marshal.FreeCoTaskMem(name);
            }
        }
    }
}
