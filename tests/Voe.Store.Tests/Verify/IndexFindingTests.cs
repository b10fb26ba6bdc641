using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Verify;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>Whatever is wrong with the index is found, and never taken for a loss.</summary>
public sealed class IndexFindingTests : IDisposable
{
    private readonly VerifyLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void An_index_that_is_missing_is_a_note()
    {
        Directory.Delete(_lab.IndexPath, recursive: true);
        VerifyResult result = _lab.Verify();
        Assert.Equal(FindingCode.IndexMissing, Assert.Single(result.Findings).Code);
        Assert.True(result.IsClean);
        Assert.False(Directory.Exists(_lab.IndexPath));
    }

    [Fact]
    public void An_index_that_is_behind_is_a_note_and_is_compared_with_the_log_up_to_where_it_is()
    {
        using var old = new TemporaryDirectory(inMemory: true);
        CopyDirectory(_lab.IndexPath, old.Path);
        byte[] other = [5, .. new byte[4095]];
        _lab.Use(store =>
        {
            // Other content for what the index knows, a new volume, holes, a volume less.
            store.OpenVolume("a").Write([new BlockWrite(0, _lab.Chunk(99)), new BlockWrite(4096, other)]);
            store.OpenVolume("a").WriteZeroes(100 * 4096, 600 * 4096, mayTrim: true);
            store.CreateVolume("new", 1 << 20).Write([new BlockWrite(0, _lab.Chunk(7))]);
            store.OpenVolume("copy").Delete();
        });
        CopyDirectory(old.Path, _lab.IndexPath);
        VerifyResult result = _lab.Verify();
        Assert.Equal(FindingCode.IndexBehind, Assert.Single(result.Findings).Code);
        Assert.True(result.IsClean);

        ChunkHash hash = ForgedLog.HashOf(_lab.Chunk(3).ToArray());
        _lab.ChangeIndex(index => index.RemoveChunk(hash));
        (uint pack, int offset) = _lab.Find(3);
        Finding missing = Assert.Single(_lab.VerifyFor(FindingCode.IndexChunkMissing));
        Assert.Equal((pack, (long)offset), (missing.PackId, missing.Offset));
    }

    [Fact]
    public void An_index_that_cannot_be_read_is_repairable()
    {
        string file = Directory.GetFiles(Path.Combine(_lab.IndexPath, "rocksdb"), "*.sst").MaxBy(static path => new FileInfo(path).Length)!;
        byte[] bytes = File.ReadAllBytes(file);
        bytes.AsSpan(0, bytes.Length / 2).Fill(0x55);
        File.WriteAllBytes(file, bytes);
        AssertRepairable(_lab.VerifyFor(FindingCode.IndexUnreadable));
        File.WriteAllText(Path.Combine(_lab.IndexPath, "rocksdb", "CURRENT"), "MANIFEST-999999\n");
        AssertRepairable(_lab.VerifyFor(FindingCode.IndexUnreadable, VerifyDepth.Quick));
    }

    [Fact]
    public void An_index_of_another_log_is_repairable()
    {
        using var other = new VerifyLab(CompressionSetting.Lz4);
        other.Use(store => store.CreateVolume("more", 1 << 20));
        CopyDirectory(other.IndexPath, _lab.IndexPath);
        AssertRepairable(_lab.VerifyFor(FindingCode.IndexPositionWrong, VerifyDepth.Quick));
    }

    [Fact]
    public void A_chunk_in_a_wrong_place_is_found()
    {
        ChunkHash hash = ForgedLog.HashOf(_lab.Chunk(3).ToArray());
        _lab.ChangeIndex(index => index.AddChunk(hash, new ChunkLocation(2, 4096, 4096, ChunkCodec.Raw, 1)));
        Finding finding = Assert.Single(_lab.VerifyFor(FindingCode.IndexChunkWrong));
        Assert.Equal((2u, 4096L, hash), (finding.PackId, finding.Offset, finding.Chunk));
        _lab.VerifyFor(FindingCode.IndexChunkMissing);
        Assert.Equal(2u, Assert.Single(_lab.VerifyFor(FindingCode.IndexUsageWrong, VerifyDepth.Quick)).PackId);
    }

    [Fact]
    public void A_map_that_says_something_else_is_found_with_its_range()
    {
        MapEntry[] entries = new MapEntry[1];
        _lab.ChangeIndex(index =>
        {
            index.ReadMap(1, 0, entries);
            index.SetEntry(1, 600, entries[0]);
        });
        Finding finding = Assert.Single(_lab.VerifyFor(FindingCode.IndexMapWrong));
        Assert.Equal([("a", 512, 258)], VerifyLab.Ranges(finding)); // the page of 512 chunks, up to the volume's end
        _lab.ChangeIndex(index => index.SetEntry(1, 600, default));
        Assert.Single(_lab.VerifyFor(FindingCode.IndexMapWrong));
    }

    [Fact]
    public void A_map_that_names_a_place_where_the_chunk_is_not_is_found()
    {
        ChunkHash hash = ForgedLog.HashOf(_lab.Chunk(3).ToArray());
        _lab.ChangeIndex(index => index.SetEntry(1, 3, new MapEntry(hash, new ChunkLocation(1, 4096, 4096, ChunkCodec.Raw, 1))));
        Finding finding = Assert.Single(_lab.VerifyFor(FindingCode.IndexMapWrong));
        Assert.Equal([("a", 3, 1)], VerifyLab.Ranges(finding));
    }

    [Fact]
    public void A_map_of_a_volume_that_does_not_exist_is_found()
    {
        MapEntry[] entries = new MapEntry[1];
        _lab.ChangeIndex(index =>
        {
            index.ReadMap(1, 0, entries);
            index.SetEntry(77, 0, entries[0]);
        });
        Assert.Contains("volume 77", Assert.Single(_lab.VerifyFor(FindingCode.IndexMapWrong)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_volumes_than_the_logs_are_found()
    {
        _lab.ChangeIndex(static index =>
        {
            index.PutVolume(1, [1, 2, 3]);
            index.PutVolume(99, [1]);
            index.PutRoot([1], [2]);
        });
        Finding[] findings = _lab.VerifyFor(FindingCode.IndexVolumeWrong, VerifyDepth.Quick);
        Assert.Equal(3, findings.Length);
        AssertRepairable(findings);
    }

    [Fact]
    public void Accounts_that_are_not_what_counting_gives_are_found()
    {
        _lab.ChangeIndex(static index => index.RemovePack(2));
        Assert.Equal(2u, Assert.Single(_lab.VerifyFor(FindingCode.IndexUsageWrong, VerifyDepth.Quick)).PackId);

        byte[] key = new byte[IndexKeys.VolumeCountKeySize];
        byte[] value = new byte[IndexKeys.VolumeCountSize];
        value[0] = 3;
        IndexKeys.WriteKey(key, IndexKeys.VolumeCountKind, 1);
        Put(database => database.PackStats, key, value);
        Assert.Contains(
            _lab.VerifyFor(FindingCode.IndexUsageWrong),
            static finding => finding.Message.Contains("counts 3 chunks in volume 1, its map has 768", StringComparison.Ordinal));
    }

    [Fact]
    public void An_index_of_another_version_is_a_note()
    {
        Put(static database => database.Checkpoint, IndexKeys.FormatKey.ToArray(), [99, 0, 0, 0]);
        VerifyResult result = _lab.Verify();
        Assert.Equal(FindingCode.IndexFormatUnknown, Assert.Single(result.Findings).Code);
        Assert.True(result.IsClean);
    }

    private void Put(Func<RocksDatabase, nint> family, byte[] key, byte[] value)
    {
        using var database = new RocksDatabase(Path.Combine(_lab.IndexPath, "rocksdb"), 4 << 20);
        using (var batch = new RocksBatch(database, 100))
        {
            batch.Put(family(database), key, value);
            batch.Write();
        }

        database.Flush();
    }

    private static void AssertRepairable(Finding[] findings) =>
        Assert.All(findings, static finding => Assert.Equal(Severity.Repairable, finding.Severity));

    private static void CopyDirectory(string from, string to)
    {
        Directory.Delete(to, recursive: true);
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
