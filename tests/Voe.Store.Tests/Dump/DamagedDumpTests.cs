using Voe.Store.Dump;
using Voe.Store.Hashing;
using Voe.Store.Merkle;
using Voe.Store.Tests.Golden;
using Voe.Store.Tests.Verify;

namespace Voe.Store.Tests.Dump;

/// <summary>A dump of a damaged store shows what there is, and says in its place what cannot be read; and roots.</summary>
public sealed class DamagedDumpTests
{
    private const string Chunk = "0b314bd70817b777ead14a43b0f3ad5cfc9abf8c4606b8b8a8ab713e817b714a"; // pack 1, offset 843320
    private readonly SortedDictionary<string, byte[]> _files = GoldenStore.Load("store-v1.zip");

    [Theory]
    [InlineData(10)] // its LSN
    [InlineData(100)] // its table
    public void A_batch_that_the_file_has_lost_is_shown_from_the_footer(int flipped)
    {
        string whole = DumpLab.Text(_files, DumpTarget.Batch, "18")[^1];
        _files[VerifyLab.Name(1)][995896 + flipped] ^= 1;
        string[] lines = DumpLab.Text(_files, DumpTarget.Batch, "18");
        Assert.Matches("^! pack 1, offset 995896: .*checksum [0-9a-f]{8}, computed [0-9a-f]{8}; the footer has it", lines[0]);
        Assert.EndsWith(", from the footer", lines[1], StringComparison.Ordinal);
        Assert.Equal(whole, lines[^1]);
        Assert.Contains("offset 995896: LSN 18, durable LSN 17, 2 records, table 107 bytes, payload 0 bytes, from the footer",
            DumpLab.Text(_files, DumpTarget.Pack, "1"), StringComparer.Ordinal);
    }

    [Fact]
    public void Without_a_footer_the_walk_goes_on_behind_a_damaged_header()
    {
        byte[] pack = _files[VerifyLab.Name(2)];
        pack[^1] ^= 1;
        pack[1006432] ^= 1;
        string[] lines = DumpLab.Text(_files, DumpTarget.Pack, "2");
        Assert.Matches("^! pack 2, offset [0-9]+: footer checksum", lines[1]);
        Assert.Matches("^! pack 2, offset 1006432: batch magic .*; the next batch is at offset 1006576$", lines[3]);
        Assert.StartsWith("offset 1006576: LSN 21,", lines[4], StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_pack_header_is_a_problem_and_the_batches_are_shown()
    {
        _files[VerifyLab.Name(2)][20] ^= 1;
        string[] lines = DumpLab.Text(_files, DumpTarget.Pack, "2");
        Assert.Matches("^! pack 2, offset 0: pack header checksum [0-9a-f]{8}, computed [0-9a-f]{8}$", lines[0]);
        Assert.Equal("end of the batches: offset 1008104, 5 shown", lines[^1]);
    }

    [Fact]
    public void A_chunk_whose_bytes_are_damaged_is_told_and_not_given()
    {
        _files[VerifyLab.Name(1)][843330] ^= 1;
        bool isGiven = false;
        Assert.Contains("checksum e5e7b679, computed", Assert.Single(
            DumpLab.Text(_files, DumpTarget.Chunk, Chunk), static line => line.Contains("DAMAGED", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        Assert.Throws<DumpTargetException>(() => DumpLab.Entries(_files, DumpTarget.Chunk, Chunk, _ => isGiven = true));
        Assert.False(isGiven);
    }

    [Fact]
    public void A_missing_pack_is_a_problem_in_its_place_and_what_it_held_is_lost()
    {
        _files.Remove(VerifyLab.Name(2));
        string[] lines = DumpLab.Text(_files);
        int missing = Array.FindIndex(lines, static line => line.StartsWith("! VF010 pack 2,", StringComparison.Ordinal));
        Assert.StartsWith("pack 1:", lines[missing - 1], StringComparison.Ordinal);
        Assert.StartsWith("end of the log: LSN 25,", lines[^1], StringComparison.Ordinal);
        Assert.Throws<DumpTargetException>(() => DumpLab.Entries(_files, DumpTarget.Batch, "20"));

        var log = new ForgedLog().AddChunk(new byte[4096], 3, named: new ChunkHash(1, 2, 3, 4), stored: new ChunkHash(5, 6, 7, 8));
        Assert.Equal(
            ["bytes 0 to 12287: hole", "bytes 12288 to 16383: lost", "bytes 16384 to 1048575: hole"],
            DumpLab.Text(log.ToFiles(), DumpTarget.Volume, "v")[^3..]);
    }

    [Fact]
    public void A_root_is_its_block_and_the_hashes_of_its_top_node()
    {
        byte[] data = new byte[4096];
        data[7] = 7;
        byte[] node = new byte[MerkleNode.Size];
        ForgedLog.HashOf(data).Write(node.AsSpan(2 * ChunkHash.Size));
        new ChunkHash(1, 2, 3, 4).Write(node.AsSpan(5 * ChunkHash.Size));
        var root = new RootBlock(HashAlgorithm.Blake3, 4096, 1 << 19, ForgedLog.HashOf(node));
        byte[] block = new byte[RootBlock.BlockSize];
        root.Write(block);
        SortedDictionary<string, byte[]> files =
            new ForgedLog().AddChunk(data, 0).AddChunk(node, 1).AddChunk(block, 2).ToFiles();
        Assert.Equal(
            [
                $"root {root.ComputeHash()}: 524288 bytes, chunks of 4096, hash blake3, depth 1, top {root.Top}",
                $"    slot 2, bytes 8192 to 12287: {ForgedLog.HashOf(data)}",
                $"    slot 5, bytes 20480 to 24575: {new ChunkHash(1, 2, 3, 4)}, not in the log",
            ],
            DumpLab.Text(files, DumpTarget.Root, root.ComputeHash().ToString()[..8]));
        Assert.Contains("no root block", Assert.Throws<DumpTargetException>(
            () => DumpLab.Entries(files, DumpTarget.Root, root.Top.ToString())).Message, StringComparison.Ordinal);
    }
}
