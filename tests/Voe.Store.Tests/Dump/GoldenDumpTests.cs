using Voe.Store.Dump;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Dump;

/// <summary>What a dump shows of the stores that are kept for ever, word for word.</summary>
public sealed class GoldenDumpTests
{
    private readonly SortedDictionary<string, byte[]> _files = GoldenStore.Load("store-v1.zip");

    [Fact]
    public void A_store_is_its_superblock_packs_volumes_and_the_end_of_its_log() => Assert.Equal(
        [
            "store 00112233-4455-6677-8899-aabbccddeeff: hash blake3, made 1970-01-01T00:00:01.000Z",
            "pack 1: 1007553 bytes, LSN 1 to 18, sealed, 18 batches, 262 chunks",
            "pack 2: 1018486 bytes, LSN 19 to 23, sealed, 5 batches, 250 chunks",
            "pack 3: 1083584 bytes, LSN 24 to 24, sealed, 1 batches, 256 chunks",
            "pack 4: 1048576 bytes, LSN 25 to 25, not sealed, 1 batches, 44 chunks",
            "! VF020 pack 4, offset 187936: torn tail: payload at 176: checksum 5897bdf3, computed a7b94957; the next start cuts it off",
            "volume 1, \"raw\": 2097152 bytes, chunks of 4096, compression none, made 1970-01-01T00:00:01.000Z, 496 chunks mapped",
            "volume 2, \"renamed\": 2097152 bytes, chunks of 8192, compression zstd:7, made 1970-01-01T00:00:01.000Z, 30 chunks mapped",
            "volume 3, \"small\": 1049088 bytes, chunks of 65536, compression zstd:7, made 1970-01-01T00:00:01.000Z, 5 chunks mapped",
            "volume 5, \"empty\": 4096 bytes, chunks of 4096, compression lz4, made 1970-01-01T00:00:01.000Z, 0 chunks mapped",
            "end of the log: LSN 25, pack 4, offset 187936",
        ],
        DumpLab.Text(_files));

    [Fact]
    public void A_pack_is_its_header_its_footer_and_its_batches() => Assert.Equal(
        [
            "header: pack 2 of store 00112233-4455-6677-8899-aabbccddeeff, hash blake3, first LSN 19 after f424c062, durable LSN 18; "
                + "the file has 1018486 bytes",
            "footer: LSN 19 to 23, 5 batches up to offset 1008104, body 10318 bytes, 20619 plain, checksum 784d2fc6, "
                + "last checksum d8012401",
            "offset 4096: LSN 19, durable LSN 18, 2 records, table 19232 bytes, payload 983040 bytes",
            "offset 1006432: LSN 20, durable LSN 18, 1 records, table 79 bytes, payload 0 bytes",
            "offset 1006576: LSN 21, durable LSN 20, 1 records, table 79 bytes, payload 0 bytes",
            "offset 1006720: LSN 22, durable LSN 21, 2 records, table 832 bytes, payload 340 bytes",
            "offset 1007960: LSN 23, durable LSN 21, 1 records, table 77 bytes, payload 0 bytes",
            "end of the batches: offset 1008104, 5 shown",
        ],
        DumpLab.Text(_files, DumpTarget.Pack, "2"));

    [Fact]
    public void A_pack_that_is_not_sealed_shows_its_torn_batch_too() => Assert.Equal(
        [
            "offset 4096: LSN 25, durable LSN 24, 2 records, table 3552 bytes, payload 180224 bytes",
            "offset 187936: LSN 26, durable LSN 25, 2 records, table 112 bytes, payload 4096 bytes",
            "end of the batches: offset 192208, 2 shown, no footer",
        ],
        DumpLab.Text(_files, DumpTarget.Pack, "4")[1..]);

    [Fact]
    public void The_map_of_a_volume_is_data_where_it_lies_and_holes() => Assert.Equal(
        [
            "volume 3, \"small\": 1049088 bytes, chunks of 65536, compression zstd:7, made 1970-01-01T00:00:01.000Z",
            "bytes 0 to 65535: hole",
            "bytes 65536 to 131071: data, pack 1, offset 843320, stored as 34",
            "bytes 131072 to 196607: hole",
            "bytes 196608 to 393215: data, pack 1, offset 843388, stored as 102",
            "bytes 393216 to 1048575: hole",
            "bytes 1048576 to 1049087: data, pack 1, offset 995632, stored as 38",
        ],
        DumpLab.Text(_files, DumpTarget.Volume, "small")[1..]);

    [Fact]
    public void A_batch_is_its_header_and_its_records_in_words()
    {
        Assert.Equal(
            [
                "batch: pack 1, offset 995896: LSN 18, durable LSN 17, 2 records, table 107 bytes, payload 0 bytes",
                "previous checksum 7c267f94, table checksum 8f3352a1, payload at offset 996067",
                "volume 1, \"raw\": 2097152 bytes, chunks of 4096, compression none, made 1970-01-01T00:00:01.000Z",
                "zeroes: volume 1, chunks 512 to 767",
            ],
            DumpLab.Text(_files, DumpTarget.Batch, "18"));
        string[] lines = DumpLab.Text(_files, DumpTarget.Batch, "15");
        Assert.Equal("chunks: 1", lines[2]);
        Assert.Matches("^    [0-9a-f]{64}: zstd, 65536 bytes stored as 38 at offset 995632, checksum [0-9a-f]{8}$", lines[3]);
        Assert.Equal("extent: volume 3, chunks 16 to 16", lines[4]);
        Assert.Equal($"    chunk 16: {lines[3].Trim()[..64]}", lines[5]);
    }

    [Fact]
    public void A_chunk_is_its_places_its_holders_and_its_bytes()
    {
        const string Hash = "0b314bd70817b777ead14a43b0f3ad5cfc9abf8c4606b8b8a8ab713e817b714a";
        byte[]? content = null;
        Assert.Equal(
            [
                "pack 1, offset 843320, LSN 7: zstd, 65536 bytes stored as 34, checksum e5e7b679: verifies",
                $"chunk {Hash}: 1 places, 1 chunks of volumes hold it",
                "    volume 3, \"small\", bytes 65536 to 131071",
            ],
            DumpLab.Text(_files, DumpTarget.Chunk, Hash[..9], bytes => content = bytes)[1..]);
        Assert.Equal(Hash, Convert.ToHexStringLower(Hashing.Blake3Reference.Hash(content!, 32)));
    }

    [Theory]
    [InlineData(DumpTarget.Pack, "5", "there is no pack 5: the store has 4, from 1 to 4")]
    [InlineData(DumpTarget.Pack, "x", "\"x\" is no number of a pack: 1 or more expected")]
    [InlineData(DumpTarget.Batch, "27", "there is no batch with LSN 27")]
    [InlineData(DumpTarget.Batch, "0", "\"0\" is no LSN: a number of 1 or more expected")]
    [InlineData(DumpTarget.Chunk, "1234567", "\"1234567\" is no hash, or the beginning of one: 8 to 64 hexadecimal digits expected")]
    [InlineData(DumpTarget.Chunk, "012345678", "there is no chunk with that hash: 012345678")]
    [InlineData(DumpTarget.Root, "0123456789", "there is no chunk with that hash: 0123456789")]
    [InlineData(DumpTarget.Volume, "gone", "no volume has the name \"gone\"")]
    public void What_is_not_there_is_said(DumpTarget target, string name, string message) =>
        Assert.Equal(message, Assert.Throws<DumpTargetException>(() => DumpLab.Entries(_files, target, name)).Message);
}
