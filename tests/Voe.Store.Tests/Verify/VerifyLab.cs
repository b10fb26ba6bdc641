using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Index;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Store.Verify;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>
/// A store of a few packs that was closed in peace, as files in memory and an index beside them, to be damaged and verified.
/// Volume "a" holds noise in chunks 0 to 767; "copy" holds chunk 10 of it at 3 and 4, and chunk 700 at 5; "zeroed" once held
/// chunk 20 and is all holes; "gone" was deleted.
/// </summary>
internal sealed class VerifyLab : IDisposable
{
    public const int ChunkSize = 4096;
    public const int Chunks = 768;

    private readonly TemporaryDirectory _index = new(inMemory: true);

    public VerifyLab(CompressionSetting? compression = null)
    {
        Noise = new byte[Chunks * ChunkSize];
        new Random(7).NextBytes(Noise);
        var disk = new SimulatedDisk();
        using (VoeStore store = Open(disk))
        {
            CompressionSetting setting = compression ?? CompressionSetting.None;
            Volume first = store.CreateVolume("a", Noise.Length + 8192, ChunkSize, setting);
            for (int chunk = 0; chunk < Chunks; chunk += 64)
            {
                first.Write([new BlockWrite((long)chunk * ChunkSize, Noise.AsMemory(chunk * ChunkSize, 64 * ChunkSize))]);
            }

            Volume copy = store.CreateVolume("copy", 1 << 20, ChunkSize, setting);
            copy.Write([new BlockWrite(3 * ChunkSize, Chunk(10)), new BlockWrite(4 * ChunkSize, Chunk(10))]);
            copy.Write([new BlockWrite(5 * ChunkSize, Chunk(700))]);
            Volume zeroed = store.CreateVolume("zeroed", 64 << 20, ChunkSize, setting);
            zeroed.Write([new BlockWrite(2000 * ChunkSize, Chunk(20))]);
            zeroed.WriteZeroes(0, 64 << 20, mayTrim: true);
            Volume gone = store.CreateVolume("gone", 1 << 20, ChunkSize, setting);
            gone.Write([new BlockWrite(0, Chunk(30))]);
            gone.Delete();
        }

        foreach ((string path, _) in disk.Files().Where(static file => file.Path != StoreLayout.LockFile))
        {
            Files[path] = disk.Content(path);
        }
    }

    public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    public byte[] Noise { get; }

    public string IndexPath => _index.Path;

    public uint LastPack => (uint)Files.Keys.Count(static path => path.StartsWith("packs/", StringComparison.Ordinal));

    public static string Name(uint pack) => "packs/" + PackSet.FileName(pack);

    public ReadOnlyMemory<byte> Chunk(int number) => Noise.AsMemory(number * ChunkSize, ChunkSize);

    /// <summary>Where the stored bytes of a chunk of "a" are, when nothing is compressed.</summary>
    public (uint Pack, int Offset) Find(int chunk)
    {
        foreach ((string path, byte[] content) in Files.Where(static file => file.Key.StartsWith("packs/", StringComparison.Ordinal)))
        {
            int offset = content.AsSpan().IndexOf(Chunk(chunk).Span);
            if (offset >= 0)
            {
                return (uint.Parse(Path.GetFileNameWithoutExtension(path), System.Globalization.CultureInfo.InvariantCulture), offset);
            }
        }

        throw new InvalidOperationException($"chunk {chunk} is in no pack");
    }

    public void Flip(uint pack, long offset) => Files[Name(pack)][offset] ^= 4;

    /// <summary>Opens the store that the files are, does something, and takes the files as they are then.</summary>
    public void Use(Action<VoeStore> action)
    {
        SimulatedDisk disk = GoldenStore.ToDisk(Files);
        using (VoeStore store = Open(disk))
        {
            action(store);
        }

        foreach ((string path, _) in disk.Files().Where(static file => file.Path != StoreLayout.LockFile))
        {
            Files[path] = disk.Content(path);
        }
    }

    /// <summary>Makes a checkpoint of the index that differs from the last by what the action does to it.</summary>
    public void ChangeIndex(Action<StoreIndex> change)
    {
        using StoreIndex index = StoreIndex.Open(IndexPath, new IndexOptions { Memory = 4 << 20, RocksDbMemory = 8 << 20 });
        change(index);
        index.Freeze(index.CheckpointState.Span);
        index.WriteFrozen();
    }

    public VerifyResult Verify(VerifyDepth depth = VerifyDepth.Deep, int threads = 1) => StoreVerifier.Run(
        GoldenStore.ToDisk(Files).Root, IndexPath, new VerifyOptions { Depth = depth, Threads = threads });

    /// <summary>The findings of a kind, at least one.</summary>
    public Finding[] VerifyFor(FindingCode code, VerifyDepth depth = VerifyDepth.Deep)
    {
        VerifyResult result = Verify(depth);
        Finding[] found = [.. result.Findings.Where(finding => finding.Code == code)];
        Assert.True(found.Length > 0, $"{code} expected, found: {string.Join("; ", result.Findings)}");
        return found;
    }

    public static (string, long, long)[] Ranges(Finding finding) =>
        [.. finding.Affected.Select(static range => (range.Volume, range.Offset / ChunkSize, range.Length / ChunkSize))];

    public void Dispose() => _index.Dispose();

    private VoeStore Open(SimulatedDisk disk) => VoeStore.Open(disk.Root, IndexPath, new StoreOptions
    {
        PackSize = 1 << 20,
        ChunkCacheSize = 0,
        IndexMemory = 4 << 20,
        RocksDbMemory = 8 << 20,
        IsSynchronous = true,
    });
}
