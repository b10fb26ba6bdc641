using System.Buffers.Binary;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Log;

/// <summary>Every kind of record: its bytes, and what its reader refuses.</summary>
public sealed class RecordTableTests
{
    private const uint Volume = 0x01020304;
    private const ulong First = 0x1112131415161718;
    private const string Hash1 = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
    private const string Hash2 = "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";
    private const string Hash3 = "8182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0";

    private static readonly ChunkRecord[] Chunks =
    [
        new(Hash(Hash1), 4096, 4096, 0x01020304, ChunkCodec.Raw),
        new(Hash(Hash2), 65536, 17, 0x11121314, ChunkCodec.Lz4),
        new(Hash(Hash3), 8192, 8191, 0x21222324, ChunkCodec.Zstd),
    ];

    private static readonly DeltaRecord Delta = new(Volume, 0x1112131415161600, 512, 0x21222324);
    private static readonly VolumeRecord Disk =
        new(Volume, "dïsk1", 0x0001020304050600, 65536, CompressionSetting.Zstd(19), 1000, Hash(Hash1));

    private static readonly SnapshotRecord Monday = new(Volume, "mon", 1000, Hash(Hash1));

    private static readonly byte[] ChunksBytes = Convert.FromHexString(
        "0100000090000000" + Hash1 + "00100000001000000403020100000000" + Hash2 + "00000100110000001413121101000000"
        + Hash3 + "00200000ff1f00002423222102000000");

    private static readonly byte[] ExtentBytes =
        Convert.FromHexString("020000005000000004030201000000001817161514131211" + Hash1 + Hash2);

    private static readonly byte[] DeltaBytes = Convert.FromHexString("0300000018000000040302010002000000161615141312112423222100000000");
    private static readonly byte[] ZeroBytes = Convert.FromHexString("0400000018000000040302010000000018171615141312112827262524232221");
    private static readonly byte[] RootBytes = Convert.FromHexString("050000003000000004030201000000001817161514131211" + Hash1);
    private static readonly byte[] VolumeBytes = Convert.FromHexString(
        "060000004600000004030201000001000006050403020100e8030000000000000213060000000000" + Hash1 + "64c3af736b31");

    private static readonly byte[] VolumeDeletedBytes = Convert.FromHexString("07000000080000000403020100000000");
    private static readonly byte[] SnapshotBytes = Convert.FromHexString(
        "08000000330000000403020103000000e803000000000000" + Hash1 + "6d6f6e");
    private static readonly byte[] SnapshotDeletedBytes = Convert.FromHexString("090000000b00000004030201030000006d6f6e");

    /// <summary>All records of this page, by kind.</summary>
    public static TheoryData<int> Kinds => [1, 2, 3, 4, 5, 6, 7, 8, 9];

    [Fact]
    public void Bytes_of_each_kind_are_those_of_the_format()
    {
        var writer = new RecordTableWriter();
        Writes(writer, ChunksBytes, () =>
        {
            writer.BeginChunks();
            Array.ForEach(Chunks, chunk => writer.AddChunk(chunk));
        });
        Writes(writer, ExtentBytes, () =>
        {
            writer.BeginExtent(Volume, First);
            writer.AddHash(Hash(Hash1));
            writer.AddHash(Hash(Hash2));
        });
        Writes(writer, DeltaBytes, () => writer.AddDelta(Delta));
        Writes(writer, ZeroBytes, () => writer.AddZero(Volume, First, 0x2122232425262728));
        Writes(writer, RootBytes, () => writer.AddRoot(Volume, First, Hash(Hash1)));
        Writes(writer, VolumeBytes, () => writer.AddVolume(Disk));
        Writes(writer, VolumeDeletedBytes, () => writer.AddVolumeDeleted(Volume));
        Writes(writer, SnapshotBytes, () => writer.AddSnapshot(Monday));
        Writes(writer, SnapshotDeletedBytes, () => writer.AddSnapshotDeleted(Volume, "mon"));
    }

    [Fact]
    public void A_table_of_all_kinds_is_read_back_in_its_order()
    {
        byte[] table = [.. Kinds.SelectMany(kind => Golden(kind.Data))];
        var reader = new RecordTableReader(table);
        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Chunks, 3), (reader.Kind, reader.ChunkCount));
        Assert.Equal((Chunks[0], Chunks[1], Chunks[2]), (reader.GetChunk(0), reader.GetChunk(1), reader.GetChunk(2)));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Extent, Volume, First, 2), (reader.Kind, reader.Volume, reader.FirstChunk, reader.HashCount));
        Assert.Equal((Hash(Hash1), Hash(Hash2)), (reader.GetHash(0), reader.GetHash(1)));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Delta, Delta), (reader.Kind, reader.GetDelta()));

        Assert.True(reader.MoveNext());
        Assert.Equal(
            (RecordKind.Zero, Volume, First, 0x2122232425262728ul),
            (reader.Kind, reader.Volume, reader.FirstChunk, reader.ZeroCount));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Root, Volume, First, Hash(Hash1)), (reader.Kind, reader.Volume, reader.CoveredLsn, reader.Root));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Volume, Disk), (reader.Kind, reader.GetVolume()));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.VolumeDeleted, Volume), (reader.Kind, reader.Volume));

        Assert.True(reader.MoveNext());
        Assert.Equal((RecordKind.Snapshot, Monday), (reader.Kind, reader.GetSnapshot()));

        Assert.True(reader.MoveNext());
        Assert.Equal(RecordKind.SnapshotDeleted, reader.Kind);
        Assert.True(NamedRecordCodec.TryDecodeSnapshotDeleted(reader.Body, out uint volume, out string name));
        Assert.Equal((Volume, "mon"), (volume, name));
        Assert.False(reader.MoveNext());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_record_that_is_cut_off_is_refused(int kind) => Codecs.RefusesEachTruncation(Golden(kind)[..^1], NonEmptyTable);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_body_of_another_length_is_refused(int kind)
    {
        byte[] golden = Golden(kind);
        foreach (int change in new[] { -golden.Length + 8, -1, 1 })
        {
            byte[] bytes = [.. golden, 0];
            Array.Resize(ref bytes, golden.Length + change);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
            Assert.Throws<InvalidDataException>(() => Reads(bytes));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_bytes_make_the_reader_fail_otherwise(int kind) => Codecs.SurvivesRandomBytes(Golden(kind), null, Reads);

    [Theory]
    [InlineData(1, 8 + 45, 8 + 46, 8 + 47, 8 + 48 + 45, 8 + 96 + 47)]
    [InlineData(2, 12, 13, 14, 15)]
    [InlineData(3, 28, 29, 30, 31)]
    [InlineData(4, 12, 13, 14, 15)]
    [InlineData(5, 12, 13, 14, 15)]
    [InlineData(6, 36, 37, 38, 39)]
    [InlineData(7, 12, 13, 14, 15)]
    [InlineData(8, 14, 15)]
    [InlineData(9, 14, 15)]
    public void Reserved_bytes_that_are_not_zero_are_refused(int kind, params int[] offsets)
    {
        foreach (int offset in (int[])[1, 2, 3, .. offsets])
        {
            byte[] bytes = Golden(kind);
            bytes[offset] = 1;
            Assert.Throws<InvalidDataException>(() => Reads(bytes));
        }
    }

    [Theory]
    [InlineData(1, 8 + 32, 0x0fffu)] // plain length: below 4 KiB, no power of two, above 64 KiB
    [InlineData(1, 8 + 32, 0x1800u)]
    [InlineData(1, 8 + 48 + 32, 0x20000u)]
    [InlineData(1, 8 + 36, 4095u)] // stored length: raw that is not as long as plain
    [InlineData(1, 8 + 48 + 36, 65536u)] // compressed that is no shorter than plain
    [InlineData(1, 8 + 48 + 36, 0u)]
    [InlineData(1, 8 + 96 + 36, 0xffff_ffffu)]
    [InlineData(1, 8 + 44, 3u)] // codec
    [InlineData(3, 12, 0u)] // small write: empty, larger than any chunk, negative
    [InlineData(3, 12, 65537u)]
    [InlineData(3, 12, 0xffff_ffffu)]
    [InlineData(3, 20, 0x8000_0000u)]
    [InlineData(4, 28, 0xf000_0000u)] // a range beyond 2^64
    [InlineData(6, 8, 0u)] // volume 0
    [InlineData(6, 12, 2048u)] // chunk size
    [InlineData(6, 20, 0x8000_0000u)] // a negative size
    [InlineData(6, 32, 0x0006_1402u)] // zstd:20
    [InlineData(6, 32, 0x0006_0103u)] // a codec that is not known
    [InlineData(6, 32, 0x0006_0100u)] // a level of no compression
    [InlineData(6, 32, 0x0000_1302u)] // no name
    [InlineData(8, 12, 0u)]
    [InlineData(9, 12, 0u)]
    public void Numbers_out_of_range_are_refused(int kind, int offset, uint number)
    {
        byte[] bytes = Golden(kind);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), number);
        Assert.Throws<InvalidDataException>(() => Reads(bytes));
    }

    [Fact]
    public void A_hash_of_zeros_is_no_chunk()
    {
        byte[] bytes = (byte[])ChunksBytes.Clone();
        bytes.AsSpan(8, 32).Clear();
        Assert.Throws<InvalidDataException>(() => Reads(bytes));
    }

    [Fact]
    public void A_range_of_no_chunks_is_refused()
    {
        byte[] bytes = (byte[])ZeroBytes.Clone();
        bytes.AsSpan(24, 8).Clear();
        Assert.Throws<InvalidDataException>(() => Reads(bytes));
    }

    [Fact]
    public void An_extent_that_ends_beyond_the_last_chunk_number_is_refused()
    {
        byte[] bytes = (byte[])ExtentBytes.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), ulong.MaxValue);
        Assert.Throws<InvalidDataException>(() => Reads(bytes));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(9)]
    public void A_name_that_is_not_UTF8_is_refused(int kind)
    {
        byte[] bytes = Golden(kind);
        bytes[^1] = 0xc3;
        Assert.Throws<InvalidDataException>(() => Reads(bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(255)]
    public void A_kind_that_is_not_known_is_refused_with_advice(byte kind)
    {
        byte[] bytes = (byte[])ZeroBytes.Clone();
        bytes[0] = kind;
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => Reads(bytes));
        Assert.Contains($"record of kind {kind}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("a newer one", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_writer_that_is_used_again_writes_the_same_bytes()
    {
        var writer = new RecordTableWriter();
        for (int i = 0; i < 1000; i++)
        {
            writer.AddZero(Volume, First, 1); // more than its buffer held at first
        }

        writer.Clear();
        Assert.Equal((0, 0), (writer.TableLength, writer.RecordCount));
        Writes(writer, ZeroBytes, () => writer.AddZero(Volume, First, 0x2122232425262728));
    }

    private static byte[] Golden(int kind) => (byte[])(kind switch
    {
        1 => ChunksBytes,
        2 => ExtentBytes,
        3 => DeltaBytes,
        4 => ZeroBytes,
        5 => RootBytes,
        6 => VolumeBytes,
        7 => VolumeDeletedBytes,
        8 => SnapshotBytes,
        _ => SnapshotDeletedBytes,
    }).Clone();

    private static ChunkHash Hash(string hex) => ChunkHash.Read(Convert.FromHexString(hex));

    private static void Writes(RecordTableWriter writer, byte[] expected, Action add)
    {
        writer.Clear();
        add();
        writer.EndRecord();
        Assert.Equal(1, writer.RecordCount);
        Assert.Equal(expected.Length, writer.TableLength);
        Assert.Equal(Convert.ToHexStringLower(expected), Convert.ToHexStringLower(writer.HeaderAndTable.Span[BatchHeader.Size..]));
        Assert.Equal(Checksum.Of(expected), writer.ComputeChecksum());
    }

    private static bool NonEmptyTable(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? throw new InvalidDataException() : Reads(bytes);

    // Reads all that a replay would read.
    private static bool Reads(ReadOnlySpan<byte> bytes)
    {
        var reader = new RecordTableReader(bytes);
        while (reader.MoveNext())
        {
            for (int i = 0; reader.Kind == RecordKind.Chunks && i < reader.ChunkCount; i++)
            {
                Assert.InRange(reader.GetChunk(i).StoredLength, 1, VolumeLimits.MaxChunkSize);
            }

            for (int i = 0; reader.Kind == RecordKind.Extent && i < reader.HashCount; i++)
            {
                _ = reader.GetHash(i);
            }

            _ = reader.Kind switch
            {
                RecordKind.Volume => reader.GetVolume().Name,
                RecordKind.Snapshot => reader.GetSnapshot().Name,
                _ => "",
            };
        }

        return true;
    }
}
