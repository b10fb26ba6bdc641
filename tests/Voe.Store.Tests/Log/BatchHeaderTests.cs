using System.Buffers.Binary;
using Voe.Store.Log;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Log;

public sealed class BatchHeaderTests
{
    private const int ChecksumOffset = 60;
    private static readonly BatchHeader Value = new(
        Lsn: 0x1112131415161718,
        DurableLsn: 0x1112131415161717,
        PackId: 0x01020304,
        Offset: 0x21222328,
        PreviousChecksum: 0x31323334,
        RecordCount: 3,
        TableLength: 176,
        PayloadLength: 0x10ff,
        TableChecksum: 0x51525354);

    private static readonly byte[] Bytes = Convert.FromHexString(
        "56424154010000001817161514131211171716151413121104030201282322213433323103000000b0000000ff100000545352510000000000000000dc4eeddc");

    [Fact]
    public void Its_bytes_are_those_of_the_format()
    {
        byte[] bytes = new byte[64];
        Array.Fill(bytes, (byte)0xee);
        uint checksum = Value.Write(bytes);
        Assert.Equal(Convert.ToHexStringLower(Bytes), Convert.ToHexStringLower(bytes));
        Assert.Equal(0xdced4edcu, checksum);
        Assert.Equal(checksum, BatchHeader.ReadLink(Bytes));
        Assert.True(BatchHeader.TryRead(Bytes, out BatchHeader read, out _));
        Assert.Equal(Value, read);
    }

    [Fact]
    public void A_batch_ends_at_the_next_multiple_of_8()
    {
        Assert.Equal(240, Value.PayloadOffset);
        Assert.Equal(4592, Value.TotalLength); // 240 + 4351, and 1 byte of zeros
        Assert.Equal(64, new BatchHeader(1, 0, 1, 4096, 0, 0, 0, 0, 0).TotalLength);
    }

    [Fact]
    public void Each_flipped_bit_is_refused() => Codecs.RefusesEachFlippedBit(Bytes, Reads);

    [Fact]
    public void Each_truncation_is_refused() => Codecs.RefusesEachTruncation(Bytes, Reads);

    [Fact]
    public void Reserved_bytes_that_are_not_zero_are_refused() =>
        Codecs.RefusesReservedBytes(Bytes, ChecksumOffset, Reads, (52, 8));

    [Fact]
    public void Flags_that_are_not_known_are_refused_with_advice()
    {
        byte[] bytes = (byte[])Bytes.Clone();
        bytes[6] = 2;
        Assert.Contains("flags", Assert.Throws<StoreFormatException>(() => Reads(Codecs.Reseal(bytes, ChecksumOffset))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_repaired_batch_says_what_the_next_one_links_to_and_for_how_many_it_stands()
    {
        BatchHeader repaired = Value with { IsRepaired = true, LinkChecksum = 0x61626364, LostCount = 4 };
        byte[] bytes = new byte[64];
        uint checksum = repaired.Write(bytes);
        Assert.NotEqual(checksum, BatchHeader.ReadLink(bytes));
        Assert.Equal(0x61626364u, BatchHeader.ReadLink(bytes));
        Assert.Equal(Value.Lsn + 4, repaired.LastLsn);
        Assert.True(BatchHeader.TryRead(bytes, out BatchHeader read, out _));
        Assert.Equal(repaired, read);
        Codecs.RefusesEachFlippedBit(bytes, Reads);
    }

    [Fact]
    public void A_newer_version_is_refused_with_advice() => Codecs.RefusesNewerVersion(Bytes, 4, ChecksumOffset, Reads);

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise() => Codecs.SurvivesRandomBytes(Bytes, ChecksumOffset, Reads);

    [Theory]
    [InlineData(36, 0x8000_0000)] // records
    [InlineData(36, 23)] // more of them than a table of 176 bytes can hold
    [InlineData(40, (16 << 20) + 1)] // table
    [InlineData(40, 0x8000_0000)]
    [InlineData(44, (64 << 20) + 1)] // payload
    [InlineData(44, 0xffff_ffff)]
    [InlineData(16, 0x15161718)] // durable before it was written
    public void Numbers_out_of_range_are_refused_however_right_the_checksum_is(int offset, uint number)
    {
        byte[] bytes = (byte[])Bytes.Clone();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), number);
        Assert.False(Reads(Codecs.Reseal(bytes, ChecksumOffset)));
    }

    private static bool Reads(ReadOnlySpan<byte> bytes)
    {
        bool isRead = BatchHeader.TryRead(bytes, out _, out string reason);
        Assert.Equal(isRead, reason.Length == 0);
        return isRead;
    }
}
