using Voe.Server.Aoe;
using Voe.Testing;

namespace Voe.Server.Tests.Aoe;

/// <summary>What a target brings into its device's cache for those who read in a row, and for nobody else.</summary>
public sealed class ReadAheadTests
{
    private const int Frame = 17 * 512;
    private const long Size = 1 << 20;

    private readonly List<(long Offset, long Length)> _pieces = [];
    private readonly ReadAhead _ahead;

    public ReadAheadTests()
    {
        var device = new MemoryDevice(Size) { BeforePrefetch = (offset, length) => _pieces.Add((offset, length)) };
        _ahead = new ReadAhead(device);
    }

    [Fact]
    public void Who_reads_in_a_row_finds_what_follows_brought_in_each_part_once_up_to_the_end()
    {
        for (long offset = 0; offset < Size; offset += Frame)
        {
            long before = _pieces.Count > 0 ? _pieces[^1].Offset + _pieces[^1].Length : 0;
            Assert.True(offset < 160 << 10 || Math.Min(offset + Frame, Size) <= before, $"{offset} was not brought in before it was read");
            _ahead.Note(offset, (int)Math.Min(Frame, Size - offset));
        }

        Assert.InRange(_pieces[0].Offset, 128 << 10, 160 << 10);
        for (int i = 1; i < _pieces.Count; i++)
        {
            Assert.Equal(_pieces[i - 1].Offset + _pieces[i - 1].Length, _pieces[i].Offset);
        }

        Assert.Equal(Size, _pieces[^1].Offset + _pieces[^1].Length);
        Assert.InRange(_pieces.Count, 2, 8);
    }

    [Fact]
    public void Who_reads_here_and_there_has_nothing_brought_in()
    {
        var random = new Random(1);
        for (int i = 0; i < 10_000; i++)
        {
            _ahead.Note(random.Next((int)Size / 4096) * 4096L, 4096);
        }

        Assert.Empty(_pieces);
    }

    [Fact]
    public void Several_who_read_in_a_row_at_once_are_told_apart()
    {
        for (int i = 0; i < 40; i++)
        {
            _ahead.Note(i * 4096L, 4096);
            _ahead.Note((512 << 10) + (i * 4096L), 4096);
        }

        Assert.Contains(_pieces, piece => piece.Offset < 256 << 10);
        Assert.Contains(_pieces, piece => piece.Offset > 512 << 10);
    }
}
