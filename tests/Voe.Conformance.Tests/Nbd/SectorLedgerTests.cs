namespace Voe.Conformance.Tests.Nbd;

/// <summary>The judge of the kill test, judged.</summary>
public sealed class SectorLedgerTests
{
    private readonly SectorLedger _ledger = new(blockCount: 4);

    private static byte[] Block(int block, params ulong[] operations)
    {
        byte[] content = new byte[SectorLedger.BlockSize];
        for (int i = 0; i < SectorLedger.SectorsPerBlock; i++)
        {
            int sector = (block * SectorLedger.SectorsPerBlock) + i;
            Span<byte> part = content.AsSpan(i * SectorLedger.SectorSize, SectorLedger.SectorSize);
            SectorLedger.Fill(part, sector, operations[i % operations.Length]);
        }

        return content;
    }

    [Fact]
    public void Untouched_block_must_be_zeroes()
    {
        Assert.Null(_ledger.Settle(0, new byte[SectorLedger.BlockSize]));
        Assert.Contains("found sector 8 of operation 3, whole", _ledger.Settle(1, Block(1, 3)), StringComparison.Ordinal);
    }

    [Fact]
    public void Acknowledged_write_must_be_there_and_nothing_older()
    {
        _ledger.Begin(8, 8, 5);
        _ledger.Acknowledge(8, 8);
        Assert.Null(_ledger.Settle(1, Block(1, 5)));
        Assert.Contains("found zeroes", _ledger.Settle(1, Block(1, 0)), StringComparison.Ordinal);
        Assert.NotNull(_ledger.Settle(1, Block(2, 5)));
    }

    [Fact]
    public void Write_under_way_may_be_there_or_not_and_is_settled_by_what_was_found()
    {
        _ledger.Begin(8, 8, 5);
        _ledger.Acknowledge(8, 8);
        _ledger.Begin(8, 8, 6);
        Assert.Null(_ledger.Settle(1, Block(1, 6)));
        Assert.NotNull(_ledger.Settle(1, Block(1, 5)));
        _ledger.Begin(8, 8, 7);
        Assert.Null(_ledger.Settle(1, Block(1, 6)));
        Assert.NotNull(_ledger.Settle(1, Block(1, 7)));
    }

    [Fact]
    public void Block_that_is_half_old_and_half_new_is_torn()
    {
        _ledger.Begin(8, 8, 5);
        _ledger.Acknowledge(8, 8);
        _ledger.Begin(8, 8, 6);
        Assert.Contains("torn: 4", _ledger.Settle(1, Block(1, 5, 6)), StringComparison.Ordinal);
    }

    [Fact]
    public void Zeroing_under_way_leaves_the_old_bytes_or_zeroes()
    {
        _ledger.Begin(8, 8, 5);
        _ledger.Acknowledge(8, 8);
        _ledger.Begin(8, 8, 0);
        Assert.Null(_ledger.Settle(1, Block(1, 0)));
        Assert.NotNull(_ledger.Settle(1, Block(1, 5)));
    }

    [Fact]
    public void Flipped_bit_is_told_apart_from_an_old_sector()
    {
        _ledger.Begin(8, 8, 5);
        _ledger.Acknowledge(8, 8);
        byte[] content = Block(1, 5);
        content[100] ^= 1;
        Assert.Contains("with a wrong checksum", _ledger.Settle(1, content), StringComparison.Ordinal);
    }
}
