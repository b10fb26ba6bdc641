using Voe.Store.IO;

namespace Voe.Store.Tests.IO;

public sealed unsafe class PageMemoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData((5 << 20) + 12_345)]
    public void It_is_zeroed_writable_to_its_last_byte_and_begins_at_a_large_page(int length)
    {
        using var memory = new PageMemory(length);
        Assert.Equal(length, memory.Length);
        Assert.Equal(0u, (nuint)memory.Start % PageMemory.LargePageSize);
        var bytes = new Span<byte>(memory.Start, length);
        Assert.False(bytes.ContainsAnyExcept((byte)0));
        bytes.Fill(1);
        Assert.Equal(1, memory.Start[length - 1]);
    }

    [Fact]
    public void More_than_the_address_space_is_refused() =>
        Assert.Throws<InsufficientMemoryException>(() => new PageMemory(1L << 60).Dispose());

    [Fact]
    public void It_can_be_disposed_twice()
    {
        var memory = new PageMemory(4096);
        memory.Dispose();
        memory.Dispose();
        Assert.Equal(4096, memory.Length);
    }
}
