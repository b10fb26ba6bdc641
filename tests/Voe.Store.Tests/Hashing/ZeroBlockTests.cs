using Voe.Store.Hashing;

namespace Voe.Store.Tests.Hashing;

public sealed class ZeroBlockTests
{
    [Fact]
    public void One_bit_anywhere_makes_a_block_not_zero()
    {
        foreach (int length in (int[])[1, 31, 32, 33, 127, 128, 129, 255, 256, 4096])
        {
            var data = new byte[length];
            Assert.True(ZeroBlock.IsZero(data));
            for (int i = 0; i < length; i++)
            {
                data[i] = (byte)(1 << (i % 8));
                Assert.False(ZeroBlock.IsZero(data), $"byte {i} of {length}");
                data[i] = 0;
            }
        }
    }

    [Fact]
    public void No_byte_outside_is_looked_at()
    {
        var data = new byte[600];
        Array.Fill(data, (byte)1);
        for (int length = 0; length <= 400; length++)
        {
            data.AsSpan(100, length).Clear();
            Assert.True(ZeroBlock.IsZero(data.AsSpan(100, length)), $"{length} bytes");
            data.AsSpan(100, length).Fill(1);
        }
    }
}
