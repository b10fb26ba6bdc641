using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

/// <summary>
/// Readers beside a writer and checkpoints. Every chunk goes through numbered versions, whose value follows from the number;
/// the writer says which version it has begun and which it has finished, so a reader knows which versions it may see.
/// </summary>
public sealed class ConcurrentIndexTests
{
    private const int ChunkCount = 1200;
    private const int CheckpointCount = 12;
    private const uint Volume = 3;
    private readonly int[] _begun = new int[ChunkCount];
    private readonly int[] _finished = new int[ChunkCount];

    [Fact]
    public async Task Readers_see_whole_entries_and_never_one_older_than_the_last_finished_change()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, new IndexOptions { Memory = 1 << 20, RocksDbMemory = 4 << 20 });
        using var stop = new CancellationTokenSource();
        var readers = new[]
        {
            Task.Run(() => ReadMaps(index, 1, stop.Token)),
            Task.Run(() => FindChunks(index, 2, stop.Token)),
        };
        try
        {
            await Write(index);
        }
        finally
        {
            await stop.CancelAsync();
        }

        long[] counts = await Task.WhenAll(readers);
        Assert.All(counts, count => Assert.True(count > 0));
    }

    // Every seventh version is a hole.
    private static MapEntry EntryOf(int chunk, int version) => version % 7 == 0
        ? default
        : new MapEntry(
            new ChunkHash((ulong)version, (ulong)chunk, (ulong)(version ^ chunk), 1), LocationOf(chunk, version));

    // Every eleventh version is a removed chunk.
    private static ChunkLocation LocationOf(int chunk, int version) => version % 11 == 0
        ? new ChunkLocation((uint)chunk + 1, (uint)version, (version % 65536) + 1, ChunkCodec.Lz4, (uint)(version * chunk))
        : new ChunkLocation((uint)chunk + 1, (uint)version, (version % 65536) + 1, ChunkCodec.Raw, (uint)(version * chunk));

    private static ChunkHash NameOf(int chunk) => new((ulong)chunk * 0x9E3779B97F4A7C15, 2, 3, (ulong)chunk);

    private static ChunkLocation ChunkLocationOf(int chunk, int version) => version % 11 == 0 ? default : LocationOf(chunk, version);

    private async Task Write(StoreIndex index)
    {
        var random = new Random(11);
        var checkpoint = Task.CompletedTask;
        for (int checkpoints = 0; checkpoints < CheckpointCount;)
        {
            Change(index, random);
            if (checkpoint.IsCompleted && random.Next(60) == 0)
            {
                await checkpoint;
                index.Freeze([1]);
                checkpoint = Task.Run(index.WriteFrozen);
                checkpoints++;
            }
        }

        await checkpoint;
    }

    private void Change(StoreIndex index, Random random)
    {
        int chunk = random.Next(ChunkCount);
        if (random.Next(30) == 0)
        {
            int count = Math.Min(random.Next(1, 200), ChunkCount - chunk);
            for (int i = chunk; i < chunk + count; i++)
            {
                // The next version that is a hole; the chunk's location in the chunk table goes the same way.
                Volatile.Write(ref _begun[i], ((_finished[i] / 7) + 1) * 7);
            }

            index.ZeroRange(Volume, (ulong)chunk, (ulong)count);
            for (int i = chunk; i < chunk + count; i++)
            {
                index.AddChunk(NameOf(i), ChunkLocationOf(i, _begun[i]));
                Volatile.Write(ref _finished[i], _begun[i]);
            }

            return;
        }

        int version = _finished[chunk] + 1;
        Volatile.Write(ref _begun[chunk], version);
        index.SetEntry(Volume, (ulong)chunk, EntryOf(chunk, version));
        index.AddChunk(NameOf(chunk), ChunkLocationOf(chunk, version));
        Volatile.Write(ref _finished[chunk], version);
    }

    private long ReadMaps(StoreIndex index, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        var entries = new MapEntry[70];
        int[] oldest = new int[entries.Length];
        long count = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            int first = random.Next(ChunkCount - entries.Length);
            for (int i = 0; i < oldest.Length; i++)
            {
                oldest[i] = Volatile.Read(ref _finished[first + i]);
            }

            index.ReadMap(Volume, (ulong)first, entries);
            for (int i = 0; i < entries.Length; i++)
            {
                int newest = Volatile.Read(ref _begun[first + i]);
                if (entries[i].IsHole)
                {
                    Assert.Equal(default, entries[i]);
                    Assert.True(newest / 7 > (oldest[i] - 1) / 7 || oldest[i] == 0, $"a hole between versions {oldest[i]} and {newest}");
                    continue;
                }

                int version = (int)entries[i].Location.Offset;
                Assert.InRange(version, oldest[i], newest);
                Assert.Equal(EntryOf(first + i, version), entries[i]);
            }
        }

        return count;
    }

    private long FindChunks(StoreIndex index, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        var locations = new ChunkLocation[40];
        var hashes = new ChunkHash[locations.Length];
        int[] oldest = new int[locations.Length];
        long count = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            int first = random.Next(ChunkCount - locations.Length);
            for (int i = 0; i < oldest.Length; i++)
            {
                hashes[i] = NameOf(first + i);
                oldest[i] = Volatile.Read(ref _finished[first + i]);
            }

            index.FindChunks(hashes, locations);
            for (int i = 0; i < locations.Length; i++)
            {
                int newest = Volatile.Read(ref _begun[first + i]);
                if (locations[i].IsNone)
                {
                    bool isRemoved = newest / 11 > (oldest[i] - 1) / 11 || oldest[i] == 0;
                    Assert.True(isRemoved, $"no chunk between versions {oldest[i]} and {newest}");
                    continue;
                }

                int version = (int)locations[i].Offset;
                Assert.InRange(version, oldest[i], newest);
                Assert.Equal(LocationOf(first + i, version), locations[i]);
            }
        }

        return count;
    }
}
