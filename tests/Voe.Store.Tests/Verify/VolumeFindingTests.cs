using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Verify;
using Voe.Store.Volumes;

namespace Voe.Store.Tests.Verify;

/// <summary>What is hurt is told with the volumes and the byte ranges that hold it.</summary>
public sealed class VolumeFindingTests
{
    private static readonly byte[] Ones = [.. Enumerable.Repeat((byte)1, 4096)];
    private static readonly byte[] Twos = [.. Enumerable.Repeat((byte)2, 4096)];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_sound_store_with_its_index_has_no_findings_and_no_file_of_it_changes(int threads)
    {
        using var lab = new VerifyLab();
        var before = Snapshot(lab.IndexPath);
        VerifyResult deep = lab.Verify(threads: threads);
        VerifyResult quick = lab.Verify(VerifyDepth.Quick, threads);
        Assert.Empty(deep.Findings);
        Assert.Empty(quick.Findings);
        Assert.Equal((VerifyLab.Chunks, deep.Chunks, deep.Batches, deep.Bytes), (deep.Chunks, quick.Chunks, quick.Batches, quick.Bytes));
        Assert.Equal(before, Snapshot(lab.IndexPath));
    }

    [Fact]
    public void A_damaged_chunk_hurts_every_place_that_holds_it()
    {
        using var lab = new VerifyLab();
        (uint pack, int offset) = lab.Find(10);
        lab.Flip(pack, offset + 1000);
        Finding finding = Assert.Single(lab.Verify(threads: 2).Findings);
        Assert.Equal((FindingCode.ChunkDamaged, pack, (long)offset), (finding.Code, finding.PackId, finding.Offset));
        Assert.Equal(ForgedLog.HashOf(lab.Chunk(10).ToArray()), finding.Chunk);
        Assert.Equal([("a", 10, 1), ("copy", 3, 2)], VerifyLab.Ranges(finding));
        Assert.Empty(lab.Verify(VerifyDepth.Quick).Findings);
    }

    [Fact]
    public void Damaged_neighbours_are_told_apart_and_one_that_nobody_holds_hurts_no_range()
    {
        using var lab = new VerifyLab();
        lab.Use(store => store.OpenVolume("a").WriteZeroes(51 * VerifyLab.ChunkSize, VerifyLab.ChunkSize, mayTrim: true));
        (uint pack, int offset) = lab.Find(50);
        lab.Flip(pack, offset);
        lab.Flip(pack, offset + VerifyLab.ChunkSize);
        Finding[] findings = lab.VerifyFor(FindingCode.ChunkDamaged);
        Assert.Equal([offset, offset + VerifyLab.ChunkSize], findings.Select(static finding => (int)finding.Offset));
        Assert.Equal([("a", 50, 1)], VerifyLab.Ranges(findings[0]));
        Assert.Empty(findings[1].Affected);
    }

    [Fact]
    public void A_damaged_chunk_that_was_stored_again_is_no_loss()
    {
        using var lab = new VerifyLab();
        (uint pack, int offset) = lab.Find(10);
        lab.Flip(pack, offset);
        lab.Use(store =>
        {
            Volume volume = store.OpenVolume("a");
            Action read = () => volume.Read([new BlockRead(10 * VerifyLab.ChunkSize, new byte[VerifyLab.ChunkSize])]);
            Assert.Throws<ChunkDamagedException>(read);
            volume.Write([new BlockWrite(10 * VerifyLab.ChunkSize, lab.Chunk(10))]);
        });
        VerifyResult result = lab.Verify();
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingCode.ChunkCopyDamaged, pack, (long)offset), (finding.Code, finding.PackId, finding.Offset));
        Assert.Empty(finding.Affected);
        Assert.True(result.IsSound && !result.IsClean);
    }

    [Fact]
    public void A_compressed_chunk_that_does_not_decode_is_damaged()
    {
        using var lab = new VerifyLab(CompressionSetting.Lz4);
        byte[] text = [.. Enumerable.Range(0, VerifyLab.ChunkSize).Select(static i => (byte)(i / 16))];
        lab.Use(store => store.OpenVolume("a").Write([new BlockWrite(0, text)]));
        Assert.Empty(lab.Verify().Findings);
        var log = new ForgedLog();
        byte[] stored = [0xF0, 0xFF, 0xFF, 0xFF];
        log.Add(
            table =>
            {
                table.BeginChunks();
                table.AddChunk(new ChunkRecord(ForgedLog.HashOf(text), 4096, 4, Crc32C.Compute(stored), ChunkCodec.Lz4));
                table.EndRecord();
            },
            stored);
        Finding finding = Assert.Single(log.Verify().Findings);
        Assert.Equal((FindingCode.ChunkDamaged, log.LastPayload), (finding.Code, finding.Offset));
    }

    [Fact]
    public void A_missing_pack_hurts_what_the_index_says_it_held()
    {
        using var lab = new VerifyLab();
        (uint pack, _) = lab.Find(10);
        lab.Files.Remove(VerifyLab.Name(pack));
        Finding missing = Assert.Single(lab.VerifyFor(FindingCode.PackMissing));
        Assert.Equal(pack, missing.PackId);
        Assert.Equal(("a", 0, 192), VerifyLab.Ranges(missing)[0]);
        Assert.Contains(("copy", 3, 2), VerifyLab.Ranges(missing));

        // The log alone knows it of the chunks that others still name.
        Finding chunk = Assert.Single(lab.VerifyFor(FindingCode.ChunkMissing));
        Assert.Equal([("copy", 3, 2)], VerifyLab.Ranges(chunk));
        Assert.Equal(ForgedLog.HashOf(lab.Chunk(10).ToArray()), chunk.Chunk);
        lab.VerifyFor(FindingCode.IndexNotCompared);
    }

    [Fact]
    public void A_batch_that_is_lost_leaves_the_batches_behind_it()
    {
        // Neither footer nor record table: only what lies behind the damaged batch.
        using var lab = new VerifyLab();
        (uint pack, int offset) = lab.Find(0);
        byte[] bytes = lab.Files[VerifyLab.Name(pack)];
        lab.Flip(pack, bytes.Length - 10);
        int table = offset - 100;
        lab.Flip(pack, table);
        VerifyResult result = lab.Verify();
        Finding batch = Assert.Single(result.Findings, static finding => finding.Code == FindingCode.BatchDamaged);
        Assert.True(batch.PackId == pack && batch.Offset < table, batch.ToString());
        Assert.Contains("is lost, the log goes on at", batch.Message, StringComparison.Ordinal);
        Assert.Equal(VerifyLab.Chunks - 64, result.Chunks);
    }

    [Fact]
    public void A_chunk_that_was_never_stored_is_missing_where_it_is_named()
    {
        ForgedLog log = new ForgedLog().AddChunk(Ones, 5, named: ForgedLog.HashOf(Twos));
        Finding finding = Assert.Single(log.Verify().Findings);
        Assert.Equal((FindingCode.ChunkMissing, log.LastBatch), (finding.Code, finding.Offset));
        Assert.Equal([("v", 5, 1)], VerifyLab.Ranges(finding));

        // What was overwritten since, and what is stored only later: the first does not matter, the second does.
        Assert.Empty(log.AddChunk(Ones, 5).Verify().Findings);
        log.AddChunk(Ones, 9, named: ForgedLog.HashOf(Twos)).AddChunk(Twos, 10);
        Assert.Contains("only behind", Assert.Single(log.Verify().Findings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chunk_of_another_length_than_the_volumes_is_found()
    {
        byte[] large = new byte[8192];
        large[0] = 1;
        Finding finding = Assert.Single(new ForgedLog().AddChunk(large, 7).Verify().Findings);
        Assert.Equal(FindingCode.ChunkLengthWrong, finding.Code);
        Assert.Equal([("v", 7, 1)], VerifyLab.Ranges(finding));
    }

    [Fact]
    public void Records_about_no_volume_and_settings_that_contradict_the_log_are_found()
    {
        Assert.Equal(FindingCode.VolumeUnknown, CodeOf(static table => table.AddZero(9, 0, 1)));
        Assert.Equal(FindingCode.VolumeInvalid, CodeOf(static table => table.AddVolume(ForgedLog.Volume(2, "v"))));
        Assert.Equal(FindingCode.VolumeInvalid, CodeOf(static table => table.AddVolume(ForgedLog.Volume(1, "v", 8192))));
        Assert.Equal(
            FindingCode.VolumeInvalid,
            CodeOf(static table =>
            {
                table.AddVolumeDeleted(1);
                table.AddVolume(ForgedLog.Volume(1, "v"));
            }));
        static FindingCode CodeOf(Action<RecordTableWriter> records) =>
            Assert.Single(new ForgedLog().Add(records).Verify(isDeep: false).Findings).Code;
    }

    [Fact]
    public void Roots_and_snapshots_without_a_tree_are_found()
    {
        ChunkHash root = ForgedLog.HashOf(Ones);
        ForgedLog log = new ForgedLog().Add(table => table.AddSnapshot(new SnapshotRecord(1, "s", 0, root)));
        Finding finding = Assert.Single(log.Verify().Findings);
        Assert.Equal((FindingCode.RootMissing, root), (finding.Code, finding.Chunk));
        log.Add(table => table.AddRoot(1, 1, root));
        Assert.Equal(2, log.Verify().Findings.Count);
        Assert.Empty(log.AddChunk(Ones, 0).Verify().Findings);
    }

    [Fact]
    public void A_damaged_small_write_is_found()
    {
        byte[] bytes = [1, 2, 3];
        ForgedLog log = new ForgedLog().Add(table => table.AddDelta(new DeltaRecord(1, 0, 3, Crc32C.Compute(bytes))), bytes);
        Assert.Empty(log.Verify().Findings);
        log.Add(table => table.AddDelta(new DeltaRecord(1, 0, 3, 12345)), bytes);
        long place = log.LastPayload;
        log.Add(static table => table.AddZero(1, 0, 1));
        Finding finding = Assert.Single(log.Verify().Findings);
        Assert.Equal((FindingCode.SmallWriteDamaged, place), (finding.Code, finding.Offset));
    }

    [Fact]
    public void A_quick_verification_reads_no_payload_of_a_sealed_pack()
    {
        using var lab = new VerifyLab();
        byte[] pack = lab.Files[VerifyLab.Name(1)];
        Assert.True(PackFooter.TryRead(pack.AsSpan(pack.Length - PackFooter.Size), out PackFooter footer, out _));
        pack.AsSpan(PackHeader.Size, (int)footer.DataEnd - PackHeader.Size).Clear();
        Assert.Empty(lab.Verify(VerifyDepth.Quick).Findings);
        Assert.Contains(lab.Verify().Findings, static finding => finding.Code == FindingCode.BatchDamaged);
    }

    private static SortedDictionary<string, string> Snapshot(string directory) => new(
        Directory.GetFiles(directory, "*", SearchOption.AllDirectories).ToDictionary(
            static path => path,
            static path => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))),
            StringComparer.Ordinal),
        StringComparer.Ordinal);
}
