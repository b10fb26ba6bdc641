using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class IndexKeysTests
{
    private static readonly ChunkHash Hash = new(0x0706050403020100, 0x0F0E0D0C0B0A0908, 0x1716151413121110, 0x1F1E1D1C1B1A1918);
    private static readonly ChunkLocation Location = new(0x01020304, 0x05060708, 0x1235, ChunkCodec.Zstd, 0x0A0B0C0D);

    [Fact]
    public void A_location_is_these_16_bytes()
    {
        byte[] bytes = new byte[IndexKeys.LocationSize];
        IndexKeys.WriteLocation(bytes, in Location);
        Assert.Equal("04030201" + "08070605" + "0d0c0b0a" + "3412" + "02" + "00", Convert.ToHexStringLower(bytes));
        Assert.Equal(Location, IndexKeys.ReadLocation(bytes));
    }

    [Fact]
    public void A_stored_length_of_65536_fits()
    {
        byte[] bytes = new byte[IndexKeys.LocationSize];
        var location = Location with { StoredLength = 65536 };
        IndexKeys.WriteLocation(bytes, in location);
        Assert.Equal(location, IndexKeys.ReadLocation(bytes));
    }

    [Fact]
    public void A_map_row_is_these_12_and_48_bytes()
    {
        byte[] key = new byte[IndexKeys.RowKeySize];
        byte[] value = new byte[IndexKeys.RowValueSize];
        IndexKeys.WriteRowKey(key, 0x01020304, 0x05060708090A0B0C);
        IndexKeys.WriteRow(value, new MapEntry(Hash, Location));
        Assert.Equal("0102030405060708090a0b0c", Convert.ToHexStringLower(key));
        Assert.Equal(
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + "04030201080706050d0c0b0a34120200",
            Convert.ToHexStringLower(value));
        Assert.Equal((0x01020304u, 0x05060708090A0B0CUL), IndexKeys.ReadRowKey(key));
        Assert.Equal(new MapEntry(Hash, Location), IndexKeys.ReadRow(value));
    }

    [Fact]
    public void Usage_counters_are_these_bytes()
    {
        byte[] key = new byte[IndexKeys.ReferenceKeySize];
        byte[] usage = new byte[IndexKeys.PackUsageSize];
        byte[] reference = new byte[IndexKeys.ReferenceSize];
        IndexKeys.WriteReferenceKey(key, 0x01020304, 0x05060708);
        IndexKeys.WritePackUsage(usage, new PackUsage(1, 2, 3, -1));
        IndexKeys.WriteReference(reference, 5, 0x0102030405060708);
        Assert.Equal("52" + "01020304" + "05060708", Convert.ToHexStringLower(key));
        Assert.Equal("0100000000000000" + "0200000000000000" + "0300000000000000" + "ffffffffffffffff", Convert.ToHexStringLower(usage));
        Assert.Equal("0500000000000000" + "0807060504030201", Convert.ToHexStringLower(reference));
        Assert.Equal(new PackUsage(1, 2, 3, -1), IndexKeys.ReadPackUsage(usage));
        Assert.Equal((5, 0x0102030405060708), IndexKeys.ReadReference(reference));
        IndexKeys.WriteKey(key, IndexKeys.PackUsageKind, 7);
        Assert.Equal("5000000007", Convert.ToHexStringLower(key.AsSpan(0, IndexKeys.PackUsageKeySize)));
        IndexKeys.WriteKey(key, IndexKeys.VolumeCountKind, 7);
        Assert.Equal("5600000007", Convert.ToHexStringLower(key.AsSpan(0, IndexKeys.VolumeCountKeySize)));
    }

    [Theory]
    [InlineData("00000000" + "08070605" + "0d0c0b0a" + "3412" + "02" + "00")]
    [InlineData("04030201" + "08070605" + "0d0c0b0a" + "3412" + "03" + "00")]
    [InlineData("04030201" + "08070605" + "0d0c0b0a" + "3412" + "02" + "01")]
    [InlineData("04030201" + "08070605" + "0d0c0b0a" + "3412" + "02")]
    [InlineData("")]
    public void Bytes_that_are_no_location_are_damage(string hex)
    {
        var error = Assert.Throws<StoreDamagedException>(() => IndexKeys.ReadLocation(Convert.FromHexString(hex)));
        Assert.Contains("delete its index directory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_of_another_length_is_damage()
    {
        Assert.Throws<StoreDamagedException>(() => IndexKeys.ReadRow(new byte[IndexKeys.RowValueSize - 1]));
        Assert.Throws<StoreDamagedException>(() => IndexKeys.ReadRowKey(new byte[IndexKeys.RowKeySize + 1]));
        Assert.Throws<StoreDamagedException>(() => IndexKeys.ReadPackUsage(new byte[IndexKeys.PackUsageSize - 8]));
        Assert.Throws<StoreDamagedException>(() => IndexKeys.ReadReference(new byte[IndexKeys.ReferenceSize + 8]));
    }
}
