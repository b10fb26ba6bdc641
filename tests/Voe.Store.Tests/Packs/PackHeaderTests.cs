using Voe.Store.Hashing;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Packs;

public sealed class PackHeaderTests
{
    private const int ChecksumOffset = 4092;
    private static readonly PackHeader Value = new(
        HashAlgorithm.Blake3,
        new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        PackId: 0x01020304,
        PreviousChecksum: 0x0a0b0c0d,
        FirstLsn: 0x1112131415161718,
        DurableLsn: 0x1112131415161710);

    private static readonly byte[] Bytes = Codecs.Layout(
        4096,
        (0, "564f452d5041434b010000000100000033221100554477668899aabbccddeeff040302010d0c0b0a18171615141312111017161514131211"),
        (ChecksumOffset, "32b64cca"));

    [Fact]
    public void Its_bytes_are_those_of_the_format()
    {
        byte[] bytes = new byte[4096];
        Array.Fill(bytes, (byte)0xee);
        Value.Write(bytes);
        Assert.Equal(Convert.ToHexStringLower(Bytes), Convert.ToHexStringLower(bytes));
        Assert.True(PackHeader.TryRead(Bytes, out PackHeader read, out _));
        Assert.Equal(Value, read);
    }

    [Fact]
    public void Each_flipped_bit_is_refused() => Codecs.RefusesEachFlippedBit(Bytes, Reads);

    [Fact]
    public void Each_truncation_is_refused() => Codecs.RefusesEachTruncation(Bytes, Reads);

    [Fact]
    public void Reserved_bytes_that_are_not_zero_are_refused() =>
        Codecs.RefusesReservedBytes(Bytes, ChecksumOffset, Reads, (13, 3), (56, 4036));

    [Fact]
    public void A_newer_version_is_refused_with_advice() => Codecs.RefusesNewerVersion(Bytes, 8, ChecksumOffset, Reads);

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise() => Codecs.SurvivesRandomBytes(Bytes, ChecksumOffset, Reads);

    private static bool Reads(ReadOnlySpan<byte> bytes)
    {
        bool isRead = PackHeader.TryRead(bytes, out _, out string reason);
        Assert.Equal(isRead, reason.Length == 0);
        return isRead;
    }
}
