using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Testing;

namespace Voe.Store.Tests.Log;

/// <summary>What the end of the log promises, one claim at a time; crashes at any step are in Voe.Crash.Tests.</summary>
public sealed class LogWriterTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void Batches_of_many_threads_get_LSNs_without_gaps_and_are_applied_in_their_order()
    {
        using var rig = new LogRig(isSynchronous: false);
        rig.Open();
        InParallel(8, thread =>
        {
            for (int i = 0; i < 100; i++)
            {
                rig.Append(1 + (i * 13), thread);
            }
        });
        Assert.Equal(Lsns(800), rig.Applied.ToArray());
        Assert.Equal(800ul, rig.Log.AppliedLsn);
        rig.Close();

        // The same from the medium.
        RecoveredLog found = rig.Open();
        Assert.Equal(Lsns(800), rig.Applied.ToArray());
        Assert.Equal((800ul, 0L, 0), (found.End.LastLsn, found.CutBytes, found.CutPacks));
    }

    [Fact]
    public void A_batch_is_told_where_its_payload_is()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(1, 1);
        using var batch = new TestBatch(rig, 500, 2);
        rig.Log.Append(batch);
        byte[] found = rig.Disk.Content(PackSet.FileName(batch.Place.PackId))[(int)batch.Place.PayloadOffset..][..500];
        Assert.Equal(batch.Payload.ToArray(), found);
    }

    [Fact]
    public void A_batch_that_is_no_longer_valid_is_left_out_and_leaves_no_gap()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(10, 1);
        using (var batch = new TestBatch(rig, 10, 2) { Validity = static () => false })
        {
            rig.Log.Append(batch);
            Assert.False(batch.WasAppended);
        }

        rig.Append(10, 3);
        Assert.Equal(Lsns(2), rig.Applied.ToArray());
    }

    [Fact]
    public void A_batch_that_depends_on_others_is_asked_when_they_are_applied()
    {
        using var rig = new LogRig();
        rig.Open();
        InParallel(6, thread =>
        {
            for (int i = 0; i < 50; i++)
            {
                ulong seen = 0;
                using var batch = new TestBatch(rig, 10, thread)
                {
                    DependsOn = true,
                    Validity = () =>
                    {
                        seen = (ulong)rig.Applied.Count;
                        return true;
                    },
                };
                rig.Log.Append(batch);
                Assert.Equal(batch.Place.Lsn - 1, seen);
            }
        });
    }

    [Fact]
    public void An_action_runs_between_batches()
    {
        using var rig = new LogRig(isSynchronous: false);
        rig.Open();
        InParallel(5, thread =>
        {
            for (int i = 0; i < 60; i++)
            {
                if (thread == 0)
                {
                    rig.Log.RunInOrder(end => Assert.Equal((ulong)rig.Applied.Count, end.LastLsn));
                }
                else
                {
                    rig.Append(100, thread);
                }
            }
        });
        Assert.Null(rig.Log.Failure);
    }

    [Fact]
    public void Room_in_the_index_is_made_before_each_write()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(10, 1);
        rig.Append(10, 2);
        Assert.Equal([1, 1], rig.RoomAsked.ToArray().AsSpan());
    }

    [Fact]
    public void Flushes_that_wait_share_one_sync_and_none_returns_early()
    {
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        int syncs = 0;
        var hooks = new DiskHooks();
        using var rig = new LogRig(isSynchronous: false) { Between = root => new HookedDirectory(root, hooks) };
        rig.Open();
        rig.Append(10, 1);
        hooks.Syncing = _ =>
        {
            if (Interlocked.Increment(ref syncs) == 1)
            {
                entered.Set();
                Assert.True(release.Wait(Limit));
            }
        };
        var first = new Thread(rig.Log.Flush);
        first.Start();
        Assert.True(entered.Wait(Limit));
        rig.Append(10, 2); // not in the sync that runs
        int returned = 0;
        Thread[] waiting = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            rig.Log.Flush();
            Interlocked.Increment(ref returned);
        }))];
        Array.ForEach(waiting, static thread => thread.Start());
        Assert.True(SpinWait.SpinUntil(() => Array.TrueForAll(waiting, IsBlocked), Limit));
        Assert.Equal((0, 0ul), (Volatile.Read(ref returned), rig.Log.DurableLsn));
        release.Set();
        Assert.True(first.Join(Limit));
        Assert.All(waiting, static thread => Assert.True(thread.Join(Limit)));
        Assert.Equal((8, 2ul, 2), (returned, rig.Log.DurableLsn, syncs));
    }

    [Fact]
    public void A_flush_of_what_is_durable_already_syncs_nothing()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(10, 1);
        rig.Log.Flush();
        long before = rig.Disk.Syncs;
        rig.Log.Flush();
        rig.Log.FlushThrough(1);
        Assert.Equal(before, rig.Disk.Syncs);
        Assert.Throws<InvariantException>(() => rig.Log.FlushThrough(2));
    }

    [Fact]
    public void A_full_disk_leaves_the_log_as_it_was_and_the_next_batch_fits_when_there_is_room()
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(1000, 1);
        rig.Disk.Capacity = rig.Disk.UsedBytes;
        for (int i = 0; i < 3; i++)
        {
            Assert.Throws<StoreFullException>(() => rig.Append(12_000, 2));
        }

        Assert.Equal(1ul, rig.Log.AppliedLsn);
        rig.Log.Flush(); // needs no room
        rig.Disk.Capacity = long.MaxValue;
        rig.Append(12_000, 3);
        rig.Append(100, 4);
        rig.Die();
        Assert.Equal(3ul, rig.Open().End.LastLsn);
        Assert.Equal(Lsns(3), rig.Applied.ToArray());
    }

    [Fact]
    public void A_new_pack_that_finds_no_room_is_made_when_there_is_some()
    {
        using var rig = new LogRig();
        rig.Open();
        int batches = rig.AppendPacks(1);
        while (rig.Packs.ListIds().Count == 1)
        {
            rig.Disk.Inject(new FaultPlan { FailAllocationAt = 1, FailCount = 1000 });
            try
            {
                rig.Append(3000, ++batches);
            }
            catch (StoreFullException)
            {
                batches--;
                rig.Disk.Inject(FaultPlan.None);
                rig.Append(3000, ++batches);
            }
        }

        rig.Die();
        Assert.Equal((ulong)batches, rig.Open().End.LastLsn);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_failed_write_or_sync_nothing_is_accepted_or_tried(bool isSync)
    {
        using var rig = new LogRig();
        rig.Open();
        rig.Append(10, 1);
        rig.Log.Flush();
        rig.Append(10, 2);
        rig.Disk.Inject(new FaultPlan { FailSyncAt = isSync ? 1 : 0, FailWriteAt = isSync ? 0 : 1 });
        StoreFailedException failed = Assert.Throws<StoreFailedException>(() =>
        {
            rig.Append(10, 3);
            rig.Log.Flush();
        });
        Assert.Contains("planned I/O error", failed.Message, StringComparison.Ordinal);
        long mutations = rig.Disk.Mutations;
        Assert.Throws<StoreFailedException>(() => rig.Append(10, 4));
        Assert.Throws<StoreFailedException>(rig.Log.Flush);
        Assert.Throws<StoreFailedException>(() => rig.Log.RunInOrder(static _ => { }));
        rig.Log.Close();
        Assert.Equal(mutations, rig.Disk.Mutations);
        Assert.NotNull(rig.Log.Failure);
        Assert.Equal(1ul, rig.Log.DurableLsn);
    }

    [Fact]
    public void All_who_wait_for_a_sync_that_fails_are_told()
    {
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        var hooks = new DiskHooks();
        using var rig = new LogRig(isSynchronous: false) { Between = root => new HookedDirectory(root, hooks) };
        rig.Open();
        rig.Append(10, 1);
        hooks.Syncing = _ =>
        {
            entered.Set();
            Assert.True(release.Wait(Limit));
            throw new StoreIOException("the cable is out");
        };
        int told = 0;
        Thread[] flushing = [.. Enumerable.Range(0, 5).Select(_ => new Thread(() =>
        {
            try
            {
                rig.Log.Flush();
            }
            catch (StoreFailedException)
            {
                Interlocked.Increment(ref told);
            }
        }))];
        Array.ForEach(flushing, static thread => thread.Start());
        Assert.True(entered.Wait(Limit));
        release.Set();
        Assert.All(flushing, static thread => Assert.True(thread.Join(Limit)));
        Assert.Equal(5, told);
    }

    private static bool IsBlocked(Thread thread) => thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin);

    private static ulong[] Lsns(int count) => [.. Enumerable.Range(1, count).Select(static lsn => (ulong)lsn)];

    private static void InParallel(int count, Action<int> action)
    {
        Exception? error = null;
        Thread[] threads = [.. Enumerable.Range(0, count).Select(i => new Thread(() =>
        {
            try
            {
                action(i);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref error, exception, null);
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Assert.All(threads, static thread => Assert.True(thread.Join(Limit)));
        Assert.Null(error);
    }
}
