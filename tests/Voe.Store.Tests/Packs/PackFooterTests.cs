using System.Buffers.Binary;
using Voe.Store.IO;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Testing;

namespace Voe.Store.Tests.Packs;

public sealed class PackFooterTests
{
    private const int ChecksumOffset = 60;
    private static readonly PackFooter Value = new(
        PackId: 0x01020304,
        FirstLsn: 0x11,
        LastLsn: 0x1f,
        DataEnd: 0x200000,
        BodyLength: 0x4321,
        PlainLength: 0x8765,
        BatchCount: 15,
        BodyChecksum: 0x41424344,
        LastChecksum: 0x51525354);

    private static readonly byte[] Bytes = Convert.FromHexString(
        "564f452d464f4f54010000000403020111000000000000001f000000000000000000200021430000658700000f0000004443424154535251000000002b219970");

    [Fact]
    public void Its_bytes_are_those_of_the_format()
    {
        byte[] bytes = new byte[64];
        Array.Fill(bytes, (byte)0xee);
        Value.Write(bytes);
        Assert.Equal(Convert.ToHexStringLower(Bytes), Convert.ToHexStringLower(bytes));
        Assert.True(PackFooter.TryRead(Bytes, out PackFooter read, out _));
        Assert.Equal(Value, read);
    }

    [Fact]
    public void Each_flipped_bit_is_refused() => Codecs.RefusesEachFlippedBit(Bytes, Reads);

    [Fact]
    public void Each_truncation_is_refused() => Codecs.RefusesEachTruncation(Bytes, Reads);

    [Fact]
    public void Reserved_bytes_that_are_not_zero_are_refused() => Codecs.RefusesReservedBytes(Bytes, ChecksumOffset, Reads, (56, 4));

    [Fact]
    public void A_newer_version_is_refused_with_advice() => Codecs.RefusesNewerVersion(Bytes, 8, ChecksumOffset, Reads);

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise() => Codecs.SurvivesRandomBytes(Bytes, ChecksumOffset, Reads);

    [Theory]
    [InlineData(16, 0x20UL)] // first LSN behind the last
    [InlineData(32, 4095UL)] // batches that end inside the pack header
    [InlineData(36, 0UL)] // no body
    [InlineData(36, 0x8000_0000UL)]
    [InlineData(40, 0UL)] // an empty body
    [InlineData(40, 0x4000_0001UL)] // one larger than any pack
    [InlineData(44, 0UL)] // no batch
    [InlineData(44, 0x8000_0000UL)]
    public void Numbers_out_of_range_are_refused_however_right_the_checksum_is(int offset, ulong number)
    {
        byte[] bytes = (byte[])Bytes.Clone();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), (uint)number);
        Assert.False(Reads(Codecs.Reseal(bytes, ChecksumOffset)));
    }

    [Fact]
    public void A_trailer_that_does_not_fit_its_file_is_refused()
    {
        // It says that body and trailer end elsewhere: bytes of another pack, or of another length of this one.
        using IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
        file.Write(Bytes, 0x200000 + 0x4321);
        Assert.True(PackFooter.TryReadFrom(file, 0x01020304, out _, out _));
        Assert.False(PackFooter.TryReadFrom(file, 0x01020305, out _, out string otherPack));
        Assert.Contains("pack 16909060", otherPack, StringComparison.Ordinal);
        file.Write(Bytes, 0x200000 + 0x4321 + 64);
        Assert.False(PackFooter.TryReadFrom(file, 0x01020304, out _, out string otherLength));
        Assert.Contains("bytes long", otherLength, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_too_short_has_no_footer()
    {
        using IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
        file.Write(Bytes, 0);
        Assert.False(PackFooter.TryReadFrom(file, 0x01020304, out _, out string reason));
        Assert.Equal("no footer", reason);
    }

    [Fact]
    public void A_body_that_is_not_what_was_written_is_refused()
    {
        byte[] plain = new byte[5000];
        new Random(1).NextBytes(plain.AsSpan(0, 200));
        using var compressor = new ZstdSharp.Compressor(1);
        byte[] stored = compressor.Wrap(plain).ToArray();
        PackFooter footer = Value with
        {
            DataEnd = 4096,
            BodyLength = stored.Length,
            PlainLength = plain.Length,
            BodyChecksum = Checksum.Of(stored),
        };
        using IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
        file.Write(stored, 4096);
        Assert.True(footer.TryReadBody(file, out byte[] read, out _));
        Assert.Equal(plain, read);

        RefusesBody(footer with { BodyChecksum = footer.BodyChecksum ^ 1 }, file, "checksum");
        RefusesBody(footer with { PlainLength = plain.Length + 1 }, file, "5001 expected");
        RefusesBody(footer with { PlainLength = plain.Length - 1 }, file, "decompressed");
        RefusesBody(footer with { BodyLength = stored.Length + 1 }, file, $"{stored.Length} of {stored.Length + 1} bytes");

        file.Write([0xff], 4096);
        stored[0] = 0xff;
        RefusesBody(footer with { BodyChecksum = Checksum.Of(stored) }, file, "decompressed");
    }

    private static void RefusesBody(PackFooter footer, IStorageFile file, string expected)
    {
        Assert.False(footer.TryReadBody(file, out byte[] read, out string reason));
        Assert.Empty(read);
        Assert.Contains(expected, reason, StringComparison.Ordinal);
    }

    private static bool Reads(ReadOnlySpan<byte> bytes)
    {
        bool isRead = PackFooter.TryRead(bytes, out _, out string reason);
        Assert.Equal(isRead, reason.Length == 0);
        return isRead;
    }
}
