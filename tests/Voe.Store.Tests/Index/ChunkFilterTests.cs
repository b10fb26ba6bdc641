using System.Security.Cryptography;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class ChunkFilterTests
{
    private const int ChunkCount = 1000;
    private static readonly IndexOptions Options = new() { Memory = 1 << 20, RocksDbMemory = 4 << 20 };

    [Theory]
    [InlineData(10, 0.02)]
    [InlineData(5, 0.2)]
    public void It_never_denies_what_was_added_and_seldom_affirms_what_was_not(int bits, double mostMistakes)
    {
        const int Count = 20_000;
        using var filter = new ChunkFilter(Count * bits / 8);
        for (int i = 0; i < Count; i++)
        {
            filter.Add(HashOf(i));
        }

        for (int i = 0; i < Count; i++)
        {
            Assert.True(filter.MayContain(HashOf(i)));
        }

        int mistakes = Enumerable.Range(Count, Count).Count(i => filter.MayContain(HashOf(i)));
        Assert.InRange(mistakes, 0, Count * mostMistakes);
    }

    [Fact]
    public unsafe void Many_at_once_are_answered_as_one_by_one()
    {
        using var filter = new ChunkFilter(100);
        for (int i = 0; i < 20; i++)
        {
            filter.Add(HashOf(i));
        }

        ChunkKey[] keys = [.. Enumerable.Range(0, 64).Select(i => new ChunkKey(HashOf(i)))];
        fixed (ChunkKey* start = keys)
        {
            ulong expected = 0;
            for (int i = 0; i < keys.Length; i += 2)
            {
                expected |= (filter.MayContain(keys[i].Hash) ? 1UL : 0) << i;
            }

            Assert.Equal(expected, filter.MayContainMany(start, 0x5555_5555_5555_5555));
        }
    }

    [Fact]
    public void It_is_saved_when_the_index_is_closed_and_loaded_once()
    {
        using var directory = new TempDirectory();
        string path = Path.Combine(directory.Path, "chunks.filter");
        MakeCheckpoint(directory.Path, 0);
        Assert.True(File.Exists(path));
        using (var index = StoreIndex.Open(directory.Path, Options))
        {
            Assert.False(File.Exists(path));
            CompareChunks(index, ChunkCount);
        }

        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData("deleted")]
    [InlineData("of an earlier state")]
    [InlineData("cut")]
    [InlineData("damaged")]
    public void Without_the_right_file_it_is_filled_from_RocksDB(string file)
    {
        using var directory = new TempDirectory();
        string path = Path.Combine(directory.Path, "chunks.filter");
        MakeCheckpoint(directory.Path, 0);
        byte[] bytes = File.ReadAllBytes(path);
        if (file == "of an earlier state")
        {
            MakeCheckpoint(directory.Path, ChunkCount);
        }

        File.Delete(path);
        if (file == "damaged")
        {
            // All bits off, so that whoever believes it finds nothing.
            Array.Clear(bytes, 32, bytes.Length - 36);
        }

        if (file != "deleted")
        {
            File.WriteAllBytes(path, file == "cut" ? bytes[..^1] : bytes);
        }

        int count = file == "of an earlier state" ? 2 * ChunkCount : ChunkCount;
        using var index = StoreIndex.Open(directory.Path, Options);
        CompareChunks(index, count);
        index.WaitUntilFilterIsFilled();
        CompareChunks(index, count);
    }

    [Fact]
    public void A_checkpoint_while_it_is_being_filled_is_not_missed()
    {
        using var directory = new TempDirectory();
        MakeCheckpoint(directory.Path, 0);
        File.Delete(Path.Combine(directory.Path, "chunks.filter"));
        using var index = StoreIndex.Open(directory.Path, Options);
        AddChunks(index, ChunkCount);
        index.WriteFrozen();
        CompareChunks(index, 2 * ChunkCount);
        index.WaitUntilFilterIsFilled();
        CompareChunks(index, 2 * ChunkCount);
    }

    // As random as a hash is: seeded generators are not, for neighbouring seeds.
    private static ChunkHash HashOf(int number) => ChunkHash.Read(SHA256.HashData(BitConverter.GetBytes(number)));

    private static void MakeCheckpoint(string path, int firstChunk)
    {
        using var index = StoreIndex.Open(path, Options);
        index.WaitUntilFilterIsFilled();
        AddChunks(index, firstChunk);
        index.WriteFrozen();
    }

    private static void AddChunks(StoreIndex index, int first)
    {
        ChunkHash[] hashes = [.. Enumerable.Range(first, ChunkCount).Select(HashOf)];
        index.AddChunks(hashes, [.. hashes.Select(hash => IndexModel.LocationOf(in hash, 1))]);
        index.Freeze([1]);
    }

    private static void CompareChunks(StoreIndex index, int count)
    {
        // Chunks that exist, and as many that do not.
        ChunkHash[] hashes = [.. Enumerable.Range(0, 2 * count).Select(HashOf)];
        var locations = new ChunkLocation[hashes.Length];
        index.FindChunks(hashes, locations);
        for (int i = 0; i < hashes.Length; i++)
        {
            Assert.Equal(i < count ? IndexModel.LocationOf(in hashes[i], 1) : default, locations[i]);
        }
    }
}
