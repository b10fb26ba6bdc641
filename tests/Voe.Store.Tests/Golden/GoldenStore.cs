using System.IO.Compression;
using System.Text;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.IO;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Golden;

/// <summary>
/// The store of <c>store-v1.zip</c> and, without any compression, of <c>store-v1-raw.zip</c>: made by the same operations
/// on the same clock, so that every byte of it is known. What its volumes hold is in <c>store-v1.txt</c>.
/// </summary>
internal static class GoldenStore
{
    private const int Size = 1 << 20;
    private const int TornBytes = 1000;
    private static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly DateTimeOffset ZipTime = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The options of all golden stores.</summary>
    public static StoreOptions Options { get; } = new()
    {
        PackSize = 1 << 20,
        ChunkCacheSize = 0,
        IndexMemory = 8 << 20,
        RocksDbMemory = 8 << 20,
        Clock = new StoppedClock(),
        NewGuid = static () => Id,
        IsSynchronous = true,
    };

    /// <summary>Makes the store and returns its files. With <paramref name="isRaw"/> nothing is compressed.</summary>
    public static SortedDictionary<string, byte[]> Make(bool isRaw)
    {
        var disk = new SimulatedDisk();
        using var index = new TemporaryDirectory(inMemory: true);
        VoeStore store = VoeStore.Open(disk.Root, index.Path, Options);
        Fill(store, isRaw);
        store.Flush();

        // The last write is never flushed, and of its batch the end is lost: a torn tail.
        Write(store.OpenVolume("raw"), 100, 1, seed: 99);
        store.Abandon();
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach ((string path, _) in disk.Files())
        {
            if (!string.Equals(path, StoreLayout.LockFile, StringComparison.Ordinal))
            {
                files[path] = disk.Content(path);
            }
        }

        byte[] last = files.Last(static file => file.Key.EndsWith(".pack", StringComparison.Ordinal)).Value;
        int end = last.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        last.AsSpan(end - TornBytes, TornBytes).Clear();
        return files;
    }

    /// <summary>A line for each volume: name, size, chunk size, and the BLAKE3 hash of its content.</summary>
    public static string Describe(string name, int chunkSize, byte[] content) =>
        $"{name} {content.Length} {chunkSize} {Convert.ToHexStringLower(Hashing.Blake3Reference.Hash(content, 32))}";

    /// <summary>Packs files into an archive, the same bytes each time.</summary>
    public static byte[] Zip(SortedDictionary<string, byte[]> files)
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string path, byte[] content) in files)
            {
                ZipArchiveEntry entry = archive.CreateEntry(path, CompressionLevel.SmallestSize);
                entry.LastWriteTime = ZipTime;
                using Stream stream = entry.Open();
                stream.Write(content);
            }
        }

        return bytes.ToArray();
    }

    /// <summary>The files of an archive beside the tests.</summary>
    public static SortedDictionary<string, byte[]> Load(string name)
    {
        using ZipArchive archive = ZipFile.OpenRead(Path.Combine(AppContext.BaseDirectory, "Golden", name));
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using var content = new MemoryStream();
            using Stream stream = entry.Open();
            stream.CopyTo(content);
            files[entry.FullName] = content.ToArray();
        }

        return files;
    }

    /// <summary>The frozen lines about the volumes.</summary>
    public static string[] LoadDescription() =>
        File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Golden", "store-v1.txt"), Encoding.UTF8);

    /// <summary>The files of a store on a new disk.</summary>
    public static SimulatedDisk ToDisk(SortedDictionary<string, byte[]> files)
    {
        var disk = new SimulatedDisk();
        foreach ((string path, byte[] content) in files)
        {
            string[] parts = path.Split('/');
            IStorageDirectory directory = parts.Length == 2 ? disk.Root.OpenDirectory(parts[0]) : disk.Root;
            using IStorageFile file = directory.CreateFile(parts[^1]);
            file.Write(content, 0);
            file.SyncData();
            directory.Sync();
        }

        return disk;
    }

    /// <summary>All bytes of a volume.</summary>
    public static byte[] ReadAll(Volume volume)
    {
        byte[] content = new byte[volume.Size];
        volume.Read([new BlockRead(0, content)]);
        return content;
    }

    private static void Fill(VoeStore store, bool isRaw)
    {
        CompressionSetting lz4 = isRaw ? CompressionSetting.None : CompressionSetting.Lz4;
        CompressionSetting zstd = isRaw ? CompressionSetting.None : CompressionSetting.Zstd(7);
        Volume raw = store.CreateVolume("raw", 3 * Size, 4096, CompressionSetting.None);
        Volume fast = store.CreateVolume("fast", Size, 8192, lz4);
        Volume small = store.CreateVolume("small", Size + 512, 65536, zstd);
        Volume gone = store.CreateVolume("gone", Size, 4096, CompressionSetting.None);

        Write(raw, 0, 200, seed: 1); // 800 KiB in one call: several batches
        Write(fast, 3, 20, seed: 2);
        Write(small, 1, 5, seed: 3);
        Write(raw, 10, 4, seed: 50); // written over
        Write(gone, 0, 30, seed: 4);
        Write(gone, 40, 30, seed: 1); // chunks that are stored already
        store.Flush();

        raw.Write([new BlockWrite(4096 * 20, new byte[4096 * 3])]); // zeros are a hole
        raw.Trim(4096 * 30, 4096 * 5);
        small.WriteZeroes(65536 * 2, 65536, mayTrim: true);
        raw.Write([new BlockWrite((4096 * 50) + 512, Pattern(4096, 1000, 60))]); // parts of two chunks
        small.Write([new BlockWrite(Size, Pattern(512, 0, 61))]); // the last chunk is cut by the volume's end
        gone.Delete();

        fast.Rename("renamed");
        raw.Resize(2 * Size);
        Write(raw, 256, 240, seed: 5); // up to near the new end; over the border of a pack
        fast.Resize(2 * Size);
        fast.SetCompression(zstd);
        Write(fast, 200, 10, seed: 6);
        store.CreateVolume("empty", 4096);
        Write(raw, 0, 300, seed: 7); // into a third pack
    }

    private static void Write(Volume volume, int firstChunk, int count, int seed)
    {
        int length = volume.ChunkSize;
        byte[] bytes = [.. Enumerable.Range(0, count).SelectMany(i => Pattern(length, i, seed))];
        volume.Write([new BlockWrite((long)firstChunk * length, bytes)]);
    }

    // Bytes that differ from chunk to chunk, never end in zeros, and shrink well, here and in the archive.
    private static byte[] Pattern(int length, int number, int seed)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)(1 + ((i % 16) switch { 0 => number % 255, 1 => number / 255, 2 => seed, _ => i % 16 } % 255));
        }

        return bytes;
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(1000);
    }
}
