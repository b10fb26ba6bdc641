using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Tests.Log;

public sealed class PackSealerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void A_sealed_pack_ends_with_a_footer_that_repeats_its_batches()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.AppendPacks(4);
        ulong lsn = 1;
        uint checksum = 0;
        for (uint id = 1; id <= 3; id++)
        {
            using PackSet.Lease lease = rig.Packs.Acquire(id);
            Assert.True(PackFooter.TryReadFrom(lease.File, id, out PackFooter footer, out string reason), reason);
            Assert.True(footer.TryReadBody(lease.File, out byte[] body, out reason), reason);
            Assert.Equal((lsn, id), (footer.FirstLsn, footer.PackId));
            BatchReader repeated = BatchReader.OverFooter(body, id, PackHeader.Size);
            BatchReader written = BatchReader.OverFile(lease.File, id, PackHeader.Size);
            int count = 0;
            while (written.Offset < footer.DataEnd)
            {
                Assert.True(written.TryRead(lsn, checksum), written.StopReason);
                Assert.True(repeated.TryRead(lsn, checksum), repeated.StopReason);
                Assert.Equal(written.Header, repeated.Header);
                Assert.True(written.Table.SequenceEqual(repeated.Table));
                checksum = written.Link;
                lsn++;
                count++;
            }

            Assert.Equal((count, lsn - 1, checksum), (footer.BatchCount, footer.LastLsn, footer.LastChecksum));
            Assert.True(footer.DataEnd <= LogRig.PackSize);
        }

        using PackSet.Lease newest = rig.Packs.Acquire(4);
        Assert.False(PackFooter.TryReadFrom(newest.File, 4, out _, out _));
    }

    [Fact]
    public void What_a_footer_covers_is_durable_before_it_is_written()
    {
        using var rig = new LogRig();
        rig.Open();
        int batches = rig.AppendPacks(2); // never flushed
        rig.Dispose();
        rig.Disk = rig.Disk.PowerLost(seed: 1);
        rig.Applied.Clear();
        Assert.InRange(rig.Open().End.LastLsn, (ulong)batches - 1, (ulong)batches);
    }

    [Fact]
    public void A_batch_longer_than_a_pack_gets_one_of_its_own()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(10, 1);
        rig.Append(3 * LogRig.PackSize, 2);
        rig.Append(10, 3);
        Assert.Equal<uint>([1, 2, 3], rig.Packs.ListIds());
        rig.Close();
        Assert.Equal(3ul, rig.Open().End.LastLsn);
    }

    [Fact]
    public void Writers_wait_while_too_many_packs_are_unsealed()
    {
        // The sealer stands still in its first sync: the pack in work and three more may wait, and one is written.
        using var release = new ManualResetEventSlim();
        int created = 0;
        int sealedPacks = 0;
        int most = 0;
        var hooks = new DiskHooks();
        using var rig = new LogRig(isSynchronous: false) { Between = root => new HookedDirectory(root, hooks) };
        rig.Open();
        hooks.Creating = _ =>
        {
            int now = Interlocked.Increment(ref created) - Volatile.Read(ref sealedPacks);
            most = Math.Max(most, now);
        };
        hooks.LengthSet = _ => Interlocked.Increment(ref sealedPacks);
        hooks.Syncing = _ => Assert.True(release.Wait(Limit));
        var writer = new Thread(() => rig.AppendPacks(12));
        writer.Start();
        Assert.True(SpinWait.SpinUntil(
            () => Volatile.Read(ref created) > 5
                || (Volatile.Read(ref created) == 5 && writer.ThreadState.HasFlag(ThreadState.WaitSleepJoin)),
            Limit));
        Assert.Equal(5, Volatile.Read(ref created));
        release.Set();
        Assert.True(writer.Join(Limit));
        Assert.Equal(5, most);
        rig.Close();
        Assert.Empty(rig.Open().Unsealed.SkipLast(1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Packs_that_found_no_room_for_their_footer_are_sealed_when_there_is_some(bool isSynchronous)
    {
        var hooks = new DiskHooks();
        using var rig = new LogRig(isSynchronous) { Between = root => new HookedDirectory(root, hooks) };
        rig.Open();
        hooks.Gathering = static last =>
        {
            if (last.Span.StartsWith("VOE-FOOT"u8))
            {
                throw new StoreFullException("no room for footers");
            }
        };
        int batches = 0;
        StoreFullException full = Assert.Throws<StoreFullException>(() =>
        {
            while (batches < 100)
            {
                rig.Append(3000, 1);
                batches++;
            }
        });
        Assert.Contains("packs cannot be sealed: no room for footers", full.Message, StringComparison.Ordinal);
        Assert.Equal(5, rig.Packs.ListIds().Count); // what may wait, and the one that is full now
        Assert.Throws<StoreFullException>(() => rig.Append(3000, 1));

        hooks.Gathering = static _ => { };
        Assert.True(SpinWait.SpinUntil(() => TryAppend(rig), Limit));
        rig.Close();
        RecoveredLog found = rig.Open();
        Assert.Equal((ulong)batches + 1, found.End.LastLsn);
        Assert.Single(found.Unsealed);
    }

    [Fact]
    public void A_pack_that_reads_back_differently_is_never_sealed()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(3000, 1);
        rig.Disk.FlipBit("0000000001.pack", PackHeader.Size + BatchHeader.Size + 3, 1);
        StoreFailedException failed = Assert.Throws<StoreFailedException>(() => rig.AppendPacks(3));
        Assert.Contains("reads back differently", failed.Message, StringComparison.Ordinal);
    }

    // The sealer tries again when it is asked for room, at a time of its own.
    private static bool TryAppend(LogRig rig)
    {
        try
        {
            rig.Append(3000, 1);
            return true;
        }
        catch (StoreFullException)
        {
            return false;
        }
    }
}
