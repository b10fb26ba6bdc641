using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Verify;

namespace Voe.Store.Tests.Verify;

/// <summary>The tables of a verification, each beside a plain one.</summary>
public sealed class VerifyPartsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Coverage_is_what_replaying_forwards_gives(int seed)
    {
        var random = new Random(seed);
        var changes = new List<(ulong First, ulong Count, ChunkHash Hash)>();
        var model = new Dictionary<ulong, ChunkHash>();
        for (int i = 0; i < 400; i++)
        {
            ulong first = (ulong)random.Next(20_000);
            bool isHole = random.Next(3) == 0;
            ulong count = (ulong)(isHole && random.Next(2) == 0 ? random.Next(1, 8000) : random.Next(1, 40));
            ChunkHash hash = isHole ? default : new ChunkHash((ulong)random.NextInt64(), (ulong)random.NextInt64(), 3, 4);
            changes.Add((first, count, hash));
            for (ulong chunk = first; chunk < first + count; chunk++)
            {
                model.Remove(chunk);
                if (!isHole)
                {
                    model.Add(chunk, hash);
                }
            }
        }

        var coverage = new VolumeCoverage();
        var found = new Dictionary<ulong, ChunkHash>();
        foreach ((ulong first, ulong count, ChunkHash hash) in Enumerable.Reverse(changes))
        {
            if (hash.IsZero)
            {
                coverage.Zero(first, count);
            }

            for (ulong chunk = first; !hash.IsZero && chunk < first + count; chunk++)
            {
                if (coverage.TrySet(chunk, hash))
                {
                    found.Add(chunk, hash);
                }
            }
        }

        Assert.Equal(model.OrderBy(static pair => pair.Key), found.OrderBy(static pair => pair.Key));
        Assert.Equal(model.Count, coverage.Mapped);
        foreach ((ulong chunk, ChunkHash hash) in model)
        {
            coverage.Subtract(chunk, hash);
        }

        Assert.Empty(coverage.Pages);
        coverage.Subtract(5000, new ChunkHash(1, 2, 3, 4));
        Assert.Equal([5000UL / 512 * 512], coverage.Pages);
    }

    [Fact]
    public void A_table_of_chunks_finds_every_copy_and_takes_32_bytes_a_chunk()
    {
        const int Count = 100_000;
        var random = new Random(1);
        using var table = new ChunkTable(Count);
        var hashes = new ChunkHash[Count];
        for (int i = 0; i < Count; i++)
        {
            // Each tenth is a second copy of the one before.
            hashes[i] = i % 10 == 9 ? hashes[i - 1] : new ChunkHash((ulong)random.NextInt64(), (ulong)random.NextInt64(), 0, 0);
            table.Add(hashes[i], Location(i), 4096 << (i % 5), isWhole: i % 10 != 8);
        }

        Assert.InRange(table.Memory, 24 * Count, (32 * Count) + 4096);
        for (int i = 0; i < Count; i++)
        {
            Assert.True(table.Has(hashes[i], Location(i)));
            Assert.Equal(new ChunkState(true, true, true, true), table.Find(hashes[i], 4096 << (i % 5), uint.MaxValue, 0));
            Assert.Equal(i % 10 == 9, table.MarkIndexed(hashes[i], Location(i) with { Checksum = i % 10 == 9 ? (uint)i : 0xFFFFFFFF }));
        }

        Assert.False(table.Find(new ChunkHash(1, 2, 3, 4), 4096, uint.MaxValue, 0).IsKnown);
        Assert.Equal(Count / 10 * 8, table.FindUnindexed(uint.MaxValue, 0, 0, static (_, _) => { }));
        ChunkLocation Location(int i) => new((uint)(i / 1000) + 1, (uint)(i % 1000) * 8, 4096, ChunkCodec.Raw, (uint)i);
    }
}
