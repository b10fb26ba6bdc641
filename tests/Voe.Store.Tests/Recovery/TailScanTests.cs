using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Recovery;
using Voe.Testing;

namespace Voe.Store.Tests.Recovery;

public sealed class TailScanTests
{
    private const uint Pack = 3;
    private const int Window = 1 << 20;
    private readonly IStorageFile _file = new SimulatedDisk().Root.CreateFile("pack");

    [Fact]
    public void Zeros_and_a_files_end_are_no_tail()
    {
        _file.SetLength((2 * Window) + 5);
        Assert.Equal((0L, 0ul), TailScan.Run(_file, Pack, 4096));
        Assert.Equal((0L, 0ul), TailScan.Run(_file, Pack, 10 * Window));
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(Window - 64)]
    [InlineData(4096 + Window - 65)]
    [InlineData(4096 + Window - 1)]
    [InlineData(4096 + Window)]
    [InlineData(3 * Window)]
    public void Used_bytes_end_at_the_last_that_is_not_zero(int last)
    {
        _file.SetLength(4 * Window);
        _file.Write([1], last);
        Assert.Equal((last + 1 - 4096L, 0ul), TailScan.Run(_file, Pack, 4096));
    }

    [Fact]
    public void The_highest_durable_LSN_of_any_whole_header_is_found_wherever_it_lies()
    {
        // At and around the borders between windows, which overlap by a header.
        for (int at = 4096 + Window - 136; at <= 4096 + Window + 72; at += 8)
        {
            using IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
            file.SetLength(3 * Window);
            file.Write(Header(Pack, at, durable: 41), at);
            Assert.Equal((at + 64 - 4096L, 41ul), TailScan.Run(file, Pack, 4096));
        }

        _file.Write(Header(Pack, 8192, durable: 7), 8192);
        _file.Write(Header(Pack, 8256, durable: 9), 8256);
        _file.Write(Header(Pack, 9000, durable: 8), 9000);
        Assert.Equal(9ul, TailScan.Run(_file, Pack, 4096).DurableLsn);
    }

    [Fact]
    public void Headers_of_other_places_and_damaged_ones_say_nothing()
    {
        _file.Write(Header(Pack + 1, 8192, durable: 7), 8192);
        _file.Write(Header(Pack, 16384, durable: 7), 12288);
        byte[] damaged = Header(Pack, 20480, durable: 7);
        damaged[20] ^= 1;
        _file.Write(damaged, 20480);
        _file.Write(Header(Pack, 24576, durable: 7).AsSpan(0, 63), 24576); // cut off by the file's end
        Assert.Equal(0ul, TailScan.Run(_file, Pack, 4096).DurableLsn);
    }

    private static byte[] Header(uint pack, int offset, ulong durable)
    {
        byte[] bytes = new byte[BatchHeader.Size];
        new BatchHeader(durable + 1, durable, pack, (uint)offset, 5, 0, 0, 0, 0).Write(bytes);
        return bytes;
    }
}
