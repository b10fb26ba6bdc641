using RocksDbSharp;

namespace Voe.Store.Index;

/// <summary>RocksDB's options, with the reasons for them. Owns the native objects; the database must be closed first.</summary>
internal sealed class RocksOptions : IDisposable
{
    private const int NoCompression = 0;
    private const int WarnLevel = 2;
    private const int BinarySearchAndHash = 1;
    private const int TwoLevelIndexSearch = 2;
    private const long MemtableSize = 64 << 20;
    private const long SmallMemtableSize = 16 << 20;
    private readonly Native _native = Native.Instance;
    private readonly nint _cache;
    private readonly bool _isPartitioned;

    /// <summary>Options for a block cache of that many bytes.</summary>
    /// <param name="cacheMemory">Bytes for data, index and filter blocks.</param>
    /// <param name="fileBytes">Size of the database's files: decides how new ones are laid out.</param>
    public RocksOptions(long cacheMemory, long fileBytes)
    {
        // A filter that is one block answers 64 keys at once, three times as fast as one in parts of 4 KiB. But it is some 1.4 MiB
        // for a file of 64 MiB: once the filters of all files (1.25 bytes for each 57 of the file) crowd the cache, parts are better.
        _isPartitioned = fileBytes / 57 * 5 / 4 > cacheMemory / 2;

        // The clock cache takes no lock on a hit. Index and filter blocks live in it too, so that memory does not grow with the store.
        _cache = _native.rocksdb_cache_create_hyper_clock((nuint)cacheMemory, 0);
        Database = CreateDatabaseOptions();
        Chunks = CreateFamilyOptions(filterBits: 10, isPointLookups: true, MemtableSize);
        Volumes = CreateFamilyOptions(filterBits: 10, isPointLookups: false, MemtableSize);
        Small = CreateFamilyOptions(filterBits: 0, isPointLookups: false, SmallMemtableSize);
    }

    /// <summary>Options of the database.</summary>
    public nint Database { get; }

    /// <summary>Options of the chunks' column family.</summary>
    public nint Chunks { get; }

    /// <summary>Options of the maps' column family.</summary>
    public nint Volumes { get; }

    /// <summary>Options of the other column families.</summary>
    public nint Small { get; }

    /// <summary>Frees the native objects.</summary>
    public void Dispose()
    {
        _native.rocksdb_options_destroy(Database);
        _native.rocksdb_options_destroy(Chunks);
        _native.rocksdb_options_destroy(Volumes);
        _native.rocksdb_options_destroy(Small);
        _native.rocksdb_cache_destroy(_cache);
    }

    private nint CreateDatabaseOptions()
    {
        nint options = _native.rocksdb_options_create();
        _native.rocksdb_options_set_create_if_missing(options, 1);
        _native.rocksdb_options_set_create_missing_column_families(options, 1);

        // A checkpoint is one write, and one flush of all column families: it is there as a whole or not at all.
        _native.rocksdb_options_set_atomic_flush(options, 1);
        _native.rocksdb_options_set_avoid_flush_during_shutdown(options, 1);
        _native.rocksdb_options_set_max_background_jobs(options, 2);
        _native.rocksdb_options_set_max_subcompactions(options, 1);
        _native.rocksdb_options_set_max_open_files(options, 512);

        // Opening makes so many threads less one for each column family, used or not: the default of 16 is 90 threads.
        _native.rocksdb_options_set_max_file_opening_threads(options, 3);

        // Compaction output reaches the disk steadily, not in one burst that a flush of the log has to wait for.
        _native.rocksdb_options_set_bytes_per_sync(options, (ulong)(1 << 20));
        _native.rocksdb_options_set_info_log_level(options, WarnLevel);
        _native.rocksdb_options_set_keep_log_file_num(options, (nuint)2);
        _native.rocksdb_options_set_max_log_file_size(options, (nuint)(1 << 20));
        _native.rocksdb_options_set_stats_dump_period_sec(options, 0);
        _native.rocksdb_options_set_stats_persist_period_sec(options, 0);
        _native.rocksdb_options_set_max_manifest_file_size(options, (nuint)(8 << 20));
        _native.rocksdb_options_set_manifest_preallocation_size(options, (nuint)(64 << 10)); // else 4 MiB, which a full disk lacks

        // Opening takes time in proportion to files otherwise (P7).
        _native.rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
        return options;
    }

    private nint CreateFamilyOptions(int filterBits, bool isPointLookups, long memtableSize)
    {
        nint options = _native.rocksdb_options_create();
        nint table = CreateTableOptions(filterBits, isPointLookups);
        _native.rocksdb_options_set_block_based_table_factory(options, table);
        _native.rocksdb_block_based_options_destroy(table);

        // Hashes do not compress, and a row is a hash for the most part.
        _native.rocksdb_options_set_compression(options, NoCompression);

        // A checkpoint is one batch, which goes to one memtable whatever this says. After a full disk RocksDB goes on by itself, within
        // seconds, as soon as this much room is free: so not more than needed.
        _native.rocksdb_options_set_write_buffer_size(options, (nuint)memtableSize);
        _native.rocksdb_options_set_arena_block_size(options, (nuint)(isPointLookups ? 1 << 20 : 256 << 10));
        _native.rocksdb_options_set_max_write_buffer_number(options, 3);

        // Levels, since measured at 10 million chunks they wrote less (2.2 times the rows) and kept look-ups faster than the
        // universal style. Six files: a third less work than four, and hardly slower to search.
        _native.rocksdb_options_set_level0_file_num_compaction_trigger(options, 6);

        if (isPointLookups)
        {
            // The filter in memory turns unknown chunks away: what comes here exists, and is found on the last level for the most part,
            // which then needs no filter. That leaves the cache to data.
            _native.rocksdb_options_set_optimize_filters_for_hits(options, 1);
        }

        // A checkpoint that waits for compaction is better than one that fails, and reads slow down with each file.
        _native.rocksdb_options_set_level0_slowdown_writes_trigger(options, 32);
        _native.rocksdb_options_set_level0_stop_writes_trigger(options, 48);
        _native.rocksdb_options_set_max_bytes_for_level_base(options, 256UL << 20);
        _native.rocksdb_options_set_target_file_size_base(options, 64UL << 20);
        return options;
    }

    private nint CreateTableOptions(int filterBits, bool isPointLookups)
    {
        nint table = _native.rocksdb_block_based_options_create();
        _native.rocksdb_block_based_options_set_block_cache(table, _cache);
        _native.rocksdb_block_based_options_set_format_version(table, 6);
        _native.rocksdb_block_based_options_set_block_size(table, (nuint)4096);
        _native.rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
        _native.rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
        _native.rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
        if (_isPartitioned)
        {
            _native.rocksdb_block_based_options_set_index_type(table, TwoLevelIndexSearch);
            _native.rocksdb_block_based_options_set_partition_filters(table, 1);
            _native.rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
        }

        if (filterBits > 0)
        {
            _native.rocksdb_block_based_options_set_filter_policy(table, _native.rocksdb_filterpolicy_create_bloom_full(filterBits));
        }

        if (isPointLookups)
        {
            _native.rocksdb_block_based_options_set_data_block_index_type(table, BinarySearchAndHash);
            _native.rocksdb_block_based_options_set_data_block_hash_ratio(table, 0.75);
        }

        return table;
    }
}
