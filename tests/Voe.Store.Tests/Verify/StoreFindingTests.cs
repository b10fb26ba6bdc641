using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Store.Verify;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>What is wrong with the store's files is told apart by its code, and the rest is verified all the same.</summary>
public sealed class StoreFindingTests : IDisposable
{
    private readonly VerifyLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_superblock_that_is_missing_or_damaged_keeps_nothing_from_being_verified(bool isMissing)
    {
        if (isMissing)
        {
            _lab.Files.Remove(Superblock.FileName);
        }
        else
        {
            _lab.Files[Superblock.FileName][20] ^= 1;
        }

        VerifyResult result = _lab.Verify();
        Assert.Equal(FindingCode.SuperblockDamaged, Assert.Single(result.Findings).Code);
        Assert.Equal(VerifyLab.Chunks, result.Chunks);
    }

    [Fact]
    public void Packs_that_were_swapped_are_told_from_damaged_ones()
    {
        (_lab.Files[VerifyLab.Name(1)], _lab.Files[VerifyLab.Name(2)]) = (_lab.Files[VerifyLab.Name(2)], _lab.Files[VerifyLab.Name(1)]);
        Finding[] findings = _lab.VerifyFor(FindingCode.PackMisplaced, VerifyDepth.Quick);
        Assert.Equal([1u, 2u], findings.Select(static finding => finding.PackId));
        Assert.Contains("the file is pack 2 of", findings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pack_whose_header_is_damaged_is_read_all_the_same()
    {
        _lab.Flip(2, 36);
        VerifyResult result = _lab.Verify();
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingCode.PackHeaderDamaged, 2u, 0L), (finding.Code, finding.PackId, finding.Offset));
        Assert.Equal(VerifyLab.Chunks, result.Chunks);
    }

    [Fact]
    public void A_pack_that_does_not_follow_the_one_before_is_a_gap()
    {
        byte[] pack = _lab.Files[VerifyLab.Name(2)];
        Codecs.Forge(pack[..PackHeader.Size], 36, (byte)(pack[36] ^ 0x77), PackHeader.Size - 4).CopyTo(pack, 0);
        Finding gap = Assert.Single(_lab.VerifyFor(FindingCode.LogGap));
        Assert.Equal((2u, 0L), (gap.PackId, gap.Offset));
    }

    [Fact]
    public void A_table_with_a_right_checksum_that_breaks_the_format_is_found()
    {
        var log = new ForgedLog();
        log.Add(static table =>
        {
            table.AddZero(1, 0, 1);
            table.EndRecord();
            table.HeaderAndTable.Span[BatchHeader.Size + 2] = 7; // reserved
        });
        Finding finding = Assert.Single(log.Verify(isDeep: false).Findings);
        Assert.Equal((FindingCode.RecordsInvalid, log.LastBatch), (finding.Code, finding.Offset));
        Assert.Single(log.Verify().Findings);
    }

    [Fact]
    public void A_footer_that_counts_other_batches_than_its_body_has_can_be_made_anew()
    {
        byte[] pack = _lab.Files[VerifyLab.Name(1)];
        Span<byte> trailer = pack.AsSpan(pack.Length - PackFooter.Size);
        Assert.True(PackFooter.TryRead(trailer, out PackFooter footer, out _));
        (footer with { BatchCount = footer.BatchCount + 1 }).Write(trailer);
        Finding finding = Assert.Single(_lab.Verify().Findings);
        Assert.Equal((FindingCode.FooterMismatch, 1u, footer.DataEnd), (finding.Code, finding.PackId, (uint)finding.Offset));
        (footer with { PlainLength = 1 << 29 }).Write(trailer); // refused before memory is taken for it
        Assert.Equal(FindingCode.FooterDamaged, Assert.Single(_lab.Verify(VerifyDepth.Quick).Findings).Code);
    }

    [Fact]
    public void A_footer_that_a_crash_left_half_written_is_a_note_and_one_with_sealed_packs_behind_it_is_not()
    {
        uint last = 0;
        uint first = 0;
        for (uint pack = 1; _lab.Files.TryGetValue(VerifyLab.Name(pack), out byte[]? bytes); pack++)
        {
            bool isSealed = PackFooter.TryRead(bytes.AsSpan(bytes.Length - PackFooter.Size), out _, out _);
            last = isSealed ? pack : last;
            first = isSealed && first == 0 ? pack : first;
        }

        Assert.True(first + 1 < last, "there are three sealed packs");
        byte[] torn = _lab.Files[VerifyLab.Name(last)];
        torn.AsSpan(torn.Length - (PackFooter.Size / 2)).Clear();
        VerifyResult result = _lab.Verify();
        Assert.Equal((FindingCode.SealingUnfinished, last), Assert.Single(result.Findings.Select(Place)));
        Assert.True(result.IsClean);

        byte[] damaged = _lab.Files[VerifyLab.Name(first)];
        damaged.AsSpan(damaged.Length - (PackFooter.Size / 2)).Clear();
        Assert.Contains((FindingCode.FooterDamaged, first), _lab.Verify().Findings.Select(Place));

        static (FindingCode Code, uint Pack) Place(Finding finding) => (finding.Code, finding.PackId);
    }

    [Fact]
    public void A_read_that_works_the_second_time_is_a_note()
    {
        SimulatedDisk disk = GoldenStore.ToDisk(_lab.Files);
        var codes = new HashSet<FindingCode>();
        for (long read = 1; read < 80; read += read < 6 ? 1 : 7)
        {
            disk.Inject(new FaultPlan { FailReadAt = read });
            try
            {
                VerifyResult result = StoreVerifier.Run(disk.Root, null, new VerifyOptions { Threads = 1 });
                codes.UnionWith(result.Findings.Select(static finding => finding.Code));
            }
            catch (StoreIOException)
            {
                Assert.True(read < 3, "only the superblock's read keeps a store from being verified");
            }
        }

        Assert.Contains(FindingCode.ReadRetried, codes);
        Assert.Contains(FindingCode.PackUnreadable, codes);
        Assert.DoesNotContain(FindingCode.ChunkDamaged, codes);
    }

    [Fact]
    public void A_sector_that_cannot_be_read_hurts_the_chunks_in_it_and_no_others()
    {
        // Two reads in a row: the window, and the bytes alone that were wanted.
        SimulatedDisk disk = GoldenStore.ToDisk(_lab.Files);
        for (long read = 40; read < 80; read++)
        {
            disk.Inject(new FaultPlan { FailReadAt = read, FailCount = 2 });
            VerifyResult result = StoreVerifier.Run(disk.Root, null, new VerifyOptions { Threads = 1 });
            Finding[] chunks = [.. result.Findings.Where(static finding => finding.Code == FindingCode.ChunkDamaged)];
            if (chunks.Length > 0)
            {
                Finding finding = Assert.Single(chunks);
                Assert.Contains("cannot be read", finding.Message, StringComparison.Ordinal);
                Assert.NotEmpty(finding.Affected);
                return;
            }
        }

        Assert.Fail("no read of a chunk failed");
    }

    [Fact]
    public void A_verification_ends_when_it_is_told_to()
    {
        using var source = new CancellationTokenSource();
        int steps = 0;
        Action verify = () => StoreVerifier.Run(GoldenStore.ToDisk(_lab.Files).Root, null, new VerifyOptions
        {
            Threads = 2,
            Cancellation = source.Token,
            Progress = step =>
            {
                if (!step.CountsPacks && ++steps == 2)
                {
                    source.Cancel();
                }
            },
        });
        Assert.Throws<OperationCanceledException>(verify);
        Assert.InRange(steps, 2, 4);
    }

    [Fact]
    public void Findings_of_one_kind_are_kept_up_to_a_number_and_counted_beyond()
    {
        var list = new FindingList(maxOfCode: 3);
        for (int i = 0; i < 10; i++)
        {
            list.Add(FindingCode.ChunkDamaged, 1, i, "x");
            list.Add(FindingCode.TornTail, 2, i, "x");
        }

        (IReadOnlyList<Finding> findings, long omitted) = list.ToResult();
        Assert.Equal((6, 14L), (findings.Count, omitted));
    }
}
