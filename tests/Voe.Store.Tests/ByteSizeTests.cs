using CsCheck;

namespace Voe.Store.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("4096", 4096)]
    [InlineData("64K", 65_536)]
    [InlineData("64KiB", 65_536)]
    [InlineData("10M", 10L << 20)]
    [InlineData("10G", 10L << 30)]
    [InlineData("10GiB", 10L << 30)]
    [InlineData("8191T", 8191L << 40)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Size_is_read(string text, long size)
    {
        Assert.True(ByteSize.TryParse(text, out long read));
        Assert.Equal(size, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("K")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1.5G")]
    [InlineData("1 G")]
    [InlineData("10GB")]
    [InlineData("10Gi")]
    [InlineData("10g")]
    [InlineData("10GiBx")]
    [InlineData("8388608T")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999G")]
    public void What_is_no_size_is_refused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1023, "1023 bytes")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData((1 << 20) - 1, "1.0 MiB")]
    [InlineData(10L << 30, "10.0 GiB")]
    [InlineData(1L << 52, "4096.0 TiB")]
    public void Size_is_rounded_for_people(long size, string text) => Assert.Equal(text, ByteSize.Round(size));

    [Fact]
    public void Formatted_size_reads_as_the_same_size() => Gen.Select(Gen.Int[0, 1 << 20], Gen.Int[0, 42]).Sample((number, shift) =>
    {
        long size = (long)number << shift;
        string text = ByteSize.Format(size).Replace(" bytes", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        return ByteSize.TryParse(text, out long read) && read == size;
    });
}
