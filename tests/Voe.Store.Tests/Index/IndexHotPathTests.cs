using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class IndexHotPathTests
{
    private static readonly IndexOptions Options = new() { Memory = 12 << 20, RocksDbMemory = 4 << 20 };

    [Fact]
    public void Changes_and_look_ups_allocate_nothing()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, Options);
        index.WaitUntilFilterIsFilled();
        ChunkHash[] hashes = [.. Enumerable.Range(0, 300).Select(IndexModel.HashOf)];
        ChunkLocation[] locations = [.. hashes.Select(hash => IndexModel.LocationOf(in hash, 1))];
        MapEntry[] entries = [.. hashes.Select((hash, i) => new MapEntry(hash, locations[i]))];
        ulong[] chunks = [.. hashes.Select((_, i) => (ulong)(i * 7))];
        Use(index, hashes, locations, entries, chunks);
        index.Freeze([1]);
        index.WriteFrozen();

        // Once from RocksDB and once from the caches.
        Use(index, hashes, locations, entries, chunks);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Use(index, hashes, locations, entries, chunks);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void What_is_announced_as_headroom_fits_after_the_delta_is_full()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, Options);
        ulong chunk = 0;
        while (!index.IsFull)
        {
            index.SetEntry(1, chunk++ * 3, EntryOf(chunk));
        }

        ulong end = chunk + (ulong)index.Headroom;
        for (; chunk < end; chunk++)
        {
            index.SetEntry(1, chunk * 3, EntryOf(chunk));
        }

        Assert.Throws<InvalidOperationException>(() => index.SetEntry(2, 0, EntryOf(1)));
        index.Freeze([1]);
        Assert.False(index.IsFull);
        Assert.False(index.CanFreeze);
        Assert.Throws<InvalidOperationException>(() => index.Freeze([2]));
        index.WriteFrozen();
        Assert.Equal((long)end, index.GetMappedChunks(1));
    }

    [Fact]
    public void Many_zero_ranges_fill_the_delta_too()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, Options);
        int count = 0;
        for (; !index.IsFull; count++)
        {
            index.ZeroRange(1, (ulong)count * 1000, 500);
        }

        Assert.Equal(Delta.FullRangeCount, count);
    }

    [Fact]
    public void An_entry_with_a_hash_but_no_location_is_refused()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, Options);
        Assert.Throws<ArgumentException>(() => index.SetEntry(1, 0, new MapEntry(IndexModel.HashOf(1), default)));
    }

    [Fact]
    public void A_deleted_volume_of_many_rows_leaves_no_row_and_no_count()
    {
        using var directory = new TempDirectory();
        using var index = StoreIndex.Open(directory.Path, Options);
        for (ulong chunk = 0; chunk < 5000; chunk++)
        {
            index.SetEntry(1, chunk * 100, EntryOf(chunk));
            index.SetEntry(2, chunk * 100, EntryOf(chunk));
        }

        index.PutVolume(1, [1]);
        index.Freeze([1]);
        index.WriteFrozen();
        long references = index.GetPackUsage().Values.Sum(pack => pack.ReferencedChunks);
        index.DeleteVolume(1);
        index.Freeze([2]);
        index.WriteFrozen();
        Assert.Equal(0, index.GetMappedChunks(1));
        Assert.Equal(5000, index.GetMappedChunks(2));
        Assert.Equal(references / 2, index.GetPackUsage().Values.Sum(pack => pack.ReferencedChunks));
        var entries = new MapEntry[1];
        for (ulong chunk = 0; chunk < 5000; chunk++)
        {
            index.ReadMap(1, chunk * 100, entries);
            Assert.True(entries[0].IsHole);
            index.ReadMap(2, chunk * 100, entries);
            Assert.Equal(EntryOf(chunk), entries[0]);
        }
    }

    private static MapEntry EntryOf(ulong chunk)
    {
        var hash = IndexModel.HashOf((int)(chunk % 1000));
        return new MapEntry(hash, IndexModel.LocationOf(in hash, (uint)(chunk % 7) + 1));
    }

    private static void Use(StoreIndex index, ChunkHash[] hashes, ChunkLocation[] locations, MapEntry[] entries, ulong[] chunks)
    {
        index.AddChunks(hashes.AsSpan(0, 100), locations.AsSpan(0, 100));
        index.AddChunk(in hashes[0], in locations[0]);
        index.SetEntries(1, 0, entries.AsSpan(0, 100));
        index.SetEntry(1, 1000, in entries[1]);
        index.ZeroRange(1, 100, 20);
        Span<ChunkLocation> found = stackalloc ChunkLocation[300];
        Span<MapEntry> read = stackalloc MapEntry[300];
        index.FindChunks(hashes, found);
        index.ReadMap(1, 0, read);
        index.ReadMap(1, chunks, read);
        index.ReadMap(1, chunks.AsSpan(0, 1), read);
    }
}
