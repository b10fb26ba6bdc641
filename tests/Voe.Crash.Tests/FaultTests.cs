using Voe.Store;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>P9: a full or failing disk gives typed errors, nothing is acknowledged that is not so, and the store comes back.</summary>
public sealed class FaultTests
{
    [Fact]
    public void A_full_disk_refuses_writes_serves_reads_and_goes_on_when_there_is_room() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(5);
            for (int round = 0; round < 3; round++)
            {
                lab.Client.ExpectsRefusals = true;
                if (lab.Random.Next(2) == 0)
                {
                    lab.Disk.Capacity = lab.Disk.UsedBytes + lab.Random.Next(256 << 10);
                }
                else
                {
                    lab.Disk.Inject(
                        new FaultPlan { Seed = seed, FailAllocationAt = lab.Random.Next(1, 10), FailCount = lab.Random.Next(1, 4) });
                }

                lab.Steps(20);
                lab.CheckAll();

                // Room again: from here on nothing may be refused.
                lab.Disk.Capacity = long.MaxValue;
                lab.Disk.Inject(FaultPlan.None);
                lab.Client.ExpectsRefusals = false;
                lab.Steps(5);
                lab.Require(lab.Client.Flush());
                if (lab.Random.Next(2) == 0)
                {
                    lab.CrashSomehow();
                    lab.Open();
                }
            }

            LiveOn(lab);
        });
    });

    [Fact]
    public void A_process_that_dies_on_a_full_disk_has_lost_nothing() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(5);
            lab.Client.ExpectsRefusals = true;
            lab.Disk.Capacity = lab.Disk.UsedBytes + lab.Random.Next(128 << 10);
            lab.Steps(20);
            lab.CrashSomehow();
            lab.Disk.Capacity = long.MaxValue;
            lab.Client.ExpectsRefusals = false;
            lab.Open();
            LiveOn(lab);
        });
    });

    [Fact]
    public void A_failed_write_is_refused_and_leaves_all_else_as_it_was() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(5);
            FailAndRecover(lab, new FaultPlan { Seed = seed, FailWriteAt = lab.Random.Next(1, 30), FailCount = lab.Random.Next(1, 3) });
            LiveOn(lab);
        });
    }, 109, 125, 127);

    [Fact]
    public void A_failed_sync_is_reported_and_never_taken_back() => Schedules.Run(200, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(5);
            FailAndRecover(lab, new FaultPlan { Seed = seed, FailSyncAt = lab.Random.Next(1, 20), FailCount = lab.Random.Next(1, 3) });

            // What is acknowledged as flushed from here on must be so, although an earlier sync has failed.
            lab.Steps(5);
            lab.Require(lab.Client.Flush());
            lab.Crash(CrashKind.PowerLost, lab.RandomFate());
            lab.Open();
            LiveOn(lab);
        });
    }, 103, 117, 147, 184, 192, 210);

    [Fact]
    public void Faults_and_crashes_together_lose_nothing_that_was_durable() => Schedules.Run(200, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            for (int life = 0; life < 3; life++)
            {
                LiveWithFaults(lab, seed + life);
                lab.Disk.Capacity = long.MaxValue;
                lab.CrashSomehow();
            }

            lab.Open();
            LiveOn(lab);
        });
    });

    [Fact]
    public void A_failed_read_is_an_error_and_passes() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.Options = lab.Options with { ChunkCacheSize = 0 };
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(20);
            lab.Client.ExpectsRefusals = true;
            bool isGarbled = lab.Random.Next(2) == 0;
            lab.Disk.Inject(new FaultPlan
            {
                Seed = seed,
                FailReadAt = isGarbled ? 0 : lab.Random.Next(1, 10),
                GarbleReadAt = isGarbled ? lab.Random.Next(1, 10) : 0,
            });
            try
            {
                lab.CheckAll();
            }
            catch (StoreException exception) when (exception is StoreIOException or StoreDamagedException)
            {
                lab.Note("read failed: " + exception.Message);
            }

            lab.Disk.Inject(FaultPlan.None);
            lab.Client.ExpectsRefusals = false;
            LiveOn(lab);
        });
    });

    [Fact]
    public void A_failed_read_while_opening_is_an_error_and_the_next_opening_finds_everything() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        Guard(lab, () =>
        {
            lab.Open();
            lab.Steps(20);
            lab.Crash(CrashKind.ProcessDied, lab.RandomFate());
            bool isGarbled = lab.Random.Next(2) == 0;
            lab.Disk.Inject(new FaultPlan { Seed = seed, FailReadAt = isGarbled ? 0 : lab.Random.Next(1, 30) });
            try
            {
                lab.Open();
                lab.CheckAll();
            }
            catch (StoreException exception) when (exception is StoreIOException or StoreDamagedException)
            {
                lab.Note("opening failed: " + exception.Message);
            }

            lab.Crash(CrashKind.ProcessDied, IndexFate.Kept);
            lab.Open();
            LiveOn(lab);
        });
    });

    /// <summary>
    /// Goes on until the fault has happened, then until the store has recovered, by itself or by reopening. What was
    /// acknowledged may be lost only if a sync failed and a client was told so.
    /// </summary>
    private static void FailAndRecover(StoreLab lab, FaultPlan plan)
    {
        lab.Client.ExpectsRefusals = true;
        lab.Client.ResolvesRefusals = false;
        lab.Disk.Inject(plan);
        for (int i = 0; i < 40 && lab.Disk.FaultsHappened == 0; i++)
        {
            string? problem = lab.Client.Step();
            lab.Require(lab.Disk.FaultsHappened == 0 ? problem : null);
        }

        // The fault passes. A store that has not recovered after some tries is opened anew, as an operator would.
        lab.Disk.Inject(FaultPlan.None);
        bool isRecovered = lab.Client.TryFlush();
        CrashKind kind = lab.Client.RefusedCount > 0 && plan.FailSyncAt > 0 ? CrashKind.MediumFailed : CrashKind.ProcessDied;
        for (int i = 0; i < 4 && !isRecovered; i++)
        {
            isRecovered = lab.Client.TryFlush();
        }

        lab.Client.ExpectsRefusals = false;
        lab.Client.ResolvesRefusals = true;
        if (isRecovered)
        {
            lab.Note("recovered by itself");
            lab.Reference.Crash(kind);
            lab.Require(lab.Reference.Recover(StoreClient.Snapshot(lab.Store)));
            lab.Reference.Flushed();
        }
        else
        {
            lab.Crash(kind, IndexFate.Kept);
            lab.Open();
        }
    }

    /// <summary>One life in which a fault comes, perhaps a second one, and perhaps a crash, in any order.</summary>
    private static void LiveWithFaults(StoreLab lab, int seed)
    {
        var plan = new FaultPlan
        {
            Seed = seed,
            FailSyncAt = lab.Random.Next(3) == 0 ? lab.Random.Next(1, 20) : 0,
            FailWriteAt = lab.Random.Next(3) == 0 ? lab.Random.Next(1, 40) : 0,
            FailCount = lab.Random.Next(1, 4),
            CrashAtMutation = lab.Random.Next(1, 120),
        };
        lab.Client.ExpectsRefusals = true;
        lab.Client.ResolvesRefusals = false;
        try
        {
            lab.Open();
            if (lab.Random.Next(3) == 0)
            {
                lab.Disk.Capacity = lab.Disk.UsedBytes + lab.Random.Next(512 << 10);
            }

            lab.Disk.Inject(plan);
            long faults = lab.Disk.FaultsHappened;
            for (int i = 0; i < 40 && lab.Disk.FaultsHappened == faults; i++)
            {
                string? problem = lab.Client.Step();
                lab.Require(lab.Disk.FaultsHappened == faults ? problem : null);
            }

            // The store may recover, or not, or half; then it dies.
            for (int i = lab.Random.Next(4); i > 0; i--)
            {
                lab.Client.TryFlush();
            }
        }
        catch (Exception exception) when (lab.Disk.IsDead && exception is not ScheduleFailedException)
        {
            lab.Note("died");
        }

        // Of what a failed sync leaves in the kernel alone, any part may be lost, with the process too.
        if (lab.Disk.FaultsHappened > 0)
        {
            lab.Reference.Crash(CrashKind.MediumFailed);
        }

        lab.Client.ExpectsRefusals = false;
        lab.Client.ResolvesRefusals = true;
    }

    private static void LiveOn(StoreLab lab)
    {
        lab.CheckAll();
        lab.Steps(5);
        lab.CheckAll();
        lab.Close();
        lab.Open();
        lab.CheckAll();
        lab.Close();
        lab.RequireSound();
    }

    /// <summary>Puts the seed and the story to whatever goes wrong.</summary>
    private static void Guard(StoreLab lab, Action schedule)
    {
        try
        {
            schedule();
        }
        catch (Exception exception) when (exception is not ScheduleFailedException)
        {
            throw lab.Failure($"{exception.GetType().Name}: {exception.Message}", exception);
        }
    }
}
