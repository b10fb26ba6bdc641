using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Benchmarks;

/// <summary>
/// Loads on a whole store without a network: each makes a store in the directory, writes or reads volumes as a connection
/// does, one request after another from each thread, and deletes the store.
/// </summary>
internal sealed class StoreLoads(ThroughputOptions options)
{
    /// <summary>Bytes of a thread's buffer, refilled with new content as a receive buffer is.</summary>
    private const int BufferSize = 8 << 20;

    private readonly string _path = Path.Combine(options.Directory, $"voe-throughput-{Environment.ProcessId}");

    /// <summary>Writes data that the store does not have.</summary>
    public Measurement WriteNew(DataKind kind, int threads)
    {
        using var scratch = new ScratchStore(_path, new StoreOptions());
        return Write(scratch.Store, "new", kind, threads);
    }

    /// <summary>Writes data that the store has, to other volumes.</summary>
    public Measurement WriteDuplicates(int threads)
    {
        using var scratch = new ScratchStore(_path, new StoreOptions());
        Write(scratch.Store, "first", DataKind.Noise, threads);
        return Write(scratch.Store, "second", DataKind.Noise, threads);
    }

    /// <summary>Writes single chunks of new noise at random places.</summary>
    public Measurement WriteRandom(int threads, int group)
    {
        using var scratch = new ScratchStore(_path, new StoreOptions());
        Volume[] volumes = CreateVolumes(scratch.Store, "random", threads);
        byte[][] buffers = [.. Enumerable.Range(0, threads).Select(number => Buffer(DataKind.Noise, number))];
        return Measurement.Run(threads, number => WriteRandomly(volumes[number], buffers[number], group), scratch.Store.Flush);
    }

    /// <summary>Reads what was written before, in order.</summary>
    /// <param name="threads">How many threads, each with its own volume.</param>
    /// <param name="isCached">
    /// Whether from the chunk cache; else from the packs, with the cache off, through the kernel's page cache.
    /// </param>
    public Measurement ReadSequentially(int threads, bool isCached) => Read(threads, isCached, volume =>
    {
        byte[] buffer = new byte[options.RequestSize];
        for (long offset = 0; offset < volume.Size; offset += buffer.Length)
        {
            volume.Read([new BlockRead(offset, buffer)]);
        }

        return (volume.Size, volume.Size / buffer.Length);
    });

    /// <summary>Reads single chunks at random places.</summary>
    /// <param name="threads">How many threads, each with its own volume.</param>
    /// <param name="isCached">As for <see cref="ReadSequentially"/>.</param>
    /// <param name="group">How many chunks a call asks for: the requests that lie ready on a connection.</param>
    public Measurement ReadRandomly(int threads, bool isCached, int group) => Read(threads, isCached, volume =>
    {
        var random = new Random(group);
        var buffer = new byte[group * BenchmarkData.PieceSize];
        var reads = new BlockRead[group];
        long count = volume.Size / BenchmarkData.PieceSize / group;
        for (long i = 0; i < count; i++)
        {
            for (int j = 0; j < group; j++)
            {
                reads[j] = new BlockRead(
                    random.NextInt64(volume.Size / BenchmarkData.PieceSize) * BenchmarkData.PieceSize,
                    buffer.AsMemory(j * BenchmarkData.PieceSize, BenchmarkData.PieceSize));
            }

            volume.Read(reads);
        }

        return (count * group * BenchmarkData.PieceSize, count * group);
    });

    private Measurement Read(int threads, bool isCached, Func<Volume, (long Bytes, long Operations)> read)
    {
        using var scratch = new ScratchStore(_path, new StoreOptions { ChunkCacheSize = isCached ? options.Size * 11 / 10 : 0 });
        Write(scratch.Store, "data", DataKind.Noise, threads);
        Volume[] volumes = [.. Enumerable.Range(0, threads).Select(number => scratch.Store.OpenVolume(Name("data", number)))];
        byte[] buffer = new byte[1 << 20];
        foreach (Volume volume in volumes)
        {
            for (long offset = 0; offset + buffer.Length <= volume.Size; offset += buffer.Length)
            {
                volume.Read([new BlockRead(offset, buffer)]); // fills the cache, and the kernel's
            }
        }

        return Measurement.Run(threads, number => read(volumes[number]));
    }

    private Measurement Write(VoeStore store, string prefix, DataKind kind, int threads)
    {
        Volume[] volumes = CreateVolumes(store, prefix, threads);
        byte[][] buffers = [.. Enumerable.Range(0, threads).Select(number => Buffer(kind, number))];
        return Measurement.Run(threads, number => WriteInOrder(volumes[number], buffers[number]), store.Flush);
    }

    private Volume[] CreateVolumes(VoeStore store, string prefix, int threads)
    {
        long size = options.Size / threads / options.RequestSize * options.RequestSize;
        return [.. Enumerable.Range(0, threads).Select(number => store.CreateVolume(Name(prefix, number), size))];
    }

    private (long Bytes, long Operations) WriteInOrder(Volume volume, byte[] buffer)
    {
        int start = 0;
        for (long offset = 0; offset < volume.Size; offset += options.RequestSize)
        {
            Memory<byte> request = buffer.AsMemory(start, options.RequestSize);
            BenchmarkData.Stamp(request.Span, offset / BenchmarkData.PieceSize);
            volume.Write([new BlockWrite(offset, request)]);
            start = start + (2 * options.RequestSize) <= buffer.Length ? start + options.RequestSize : 0;
        }

        return (volume.Size, volume.Size / options.RequestSize);
    }

    // A quarter of the volume is written, so that some chunks are overwritten and most are not.
    private static (long Bytes, long Operations) WriteRandomly(Volume volume, byte[] buffer, int group)
    {
        var random = new Random(group);
        var writes = new BlockWrite[group];
        long count = volume.Size / BenchmarkData.PieceSize / 4 / group;
        int bytes = group * BenchmarkData.PieceSize;
        for (long i = 0; i < count; i++)
        {
            Memory<byte> data = buffer.AsMemory((int)(i * bytes % (buffer.Length / bytes * bytes)), bytes);
            BenchmarkData.Stamp(data.Span, i * group);
            for (int j = 0; j < group; j++)
            {
                writes[j] = new BlockWrite(
                    random.NextInt64(volume.Size / BenchmarkData.PieceSize) * BenchmarkData.PieceSize,
                    data.Slice(j * BenchmarkData.PieceSize, BenchmarkData.PieceSize));
            }

            volume.Write(writes);
        }

        return (count * bytes, count * group);
    }

    private static string Name(string prefix, int number) => $"{prefix}{number}";

    // Different for each thread: what one writes, no other does.
    private static byte[] Buffer(DataKind kind, int number)
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
        BenchmarkData.Fill(kind, 100 + number, buffer);
        return buffer;
    }

    /// <summary>A store in a directory of its own, deleted at the end.</summary>
    private sealed class ScratchStore : IDisposable
    {
        private readonly string _path;

        public ScratchStore(string path, StoreOptions storeOptions)
        {
            _path = path;
            Store = VoeStore.Open(path, storeOptions);
        }

        public VoeStore Store { get; }

        public void Dispose()
        {
            Store.Dispose();
            Directory.Delete(_path, recursive: true);
        }
    }
}
