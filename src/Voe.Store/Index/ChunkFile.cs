using RocksDbSharp;

namespace Voe.Store.Index;

/// <summary>
/// A sorted file of chunks that RocksDB takes over as it is: several times faster than putting them one by one, and
/// without a memtable. The file is durable once finished, its take-over once <see cref="Ingest"/> has returned.
/// </summary>
internal static unsafe class ChunkFile
{
    /// <summary>Writes the chunks of a frozen delta, sorted by hash, to a new file.</summary>
    /// <param name="database">The database whose options the file gets.</param>
    /// <param name="path">The file, which must not exist.</param>
    /// <param name="slots">Chunk slots in the order of their hashes, at least one; a slot without a location is a removal.</param>
    public static void Write(RocksDatabase database, string path, ReadOnlySpan<nint> slots)
    {
        var native = Native.Instance;
        nint environment = native.rocksdb_envoptions_create();
        nint writer = native.rocksdb_sstfilewriter_create(environment, database.ChunkFileOptions);
        try
        {
            native.rocksdb_sstfilewriter_open(writer, path);
            byte* key = stackalloc byte[Hashing.ChunkHash.Size];
            byte* value = stackalloc byte[IndexKeys.LocationSize];
            for (int i = 0; i < slots.Length; i++)
            {
                // In the order of the hashes the slots lie anywhere: the memory accesses of some overlap.
                SlotGroups.Prefetch((IndexSlot*)slots[Math.Min(i + SlotGroups.PrefetchDistance, slots.Length - 1)]);
                nint slot = slots[i];
                var entry = IndexSlot.GetValue((IndexSlot*)slot);
                entry.Hash.Write(new Span<byte>(key, Hashing.ChunkHash.Size));
                if (entry.Location.IsNone)
                {
                    native.rocksdb_sstfilewriter_delete(writer, key, (nuint)Hashing.ChunkHash.Size);
                }
                else
                {
                    IndexKeys.WriteLocation(new Span<byte>(value, IndexKeys.LocationSize), entry.Location);
                    native.rocksdb_sstfilewriter_put(writer, key, (nuint)Hashing.ChunkHash.Size, value, (nuint)IndexKeys.LocationSize);
                }
            }

            native.rocksdb_sstfilewriter_finish(writer);
        }
        catch (RocksDbException e)
        {
            throw database.Translate(e);
        }
        finally
        {
            native.rocksdb_sstfilewriter_destroy(writer);
            native.rocksdb_envoptions_destroy(environment);
        }
    }

    /// <summary>Makes the file part of the chunks' column family and removes its name. Durable on return. Later files win.</summary>
    public static void Ingest(RocksDatabase database, string path)
    {
        var native = Native.Instance;
        nint options = native.rocksdb_ingestexternalfileoptions_create();
        try
        {
            native.rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
            native.rocksdb_ingest_external_file_cf(database.Handle, database.Chunks, [path], 1, options);
        }
        catch (RocksDbException e)
        {
            throw database.Translate(e);
        }
        finally
        {
            native.rocksdb_ingestexternalfileoptions_destroy(options);
        }
    }
}
