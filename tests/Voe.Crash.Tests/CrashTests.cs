using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>P1, P2, P3 and P5: crashes at every kind of moment, several lives long.</summary>
public sealed class CrashTests
{
    [Fact]
    public void After_any_crash_the_store_holds_what_its_first_changes_made() => Schedules.Run(700, seed =>
    {
        using var lab = new StoreLab(seed);
        int lives = lab.Random.Next(2, 5);
        for (int life = 1; life < lives; life++)
        {
            lab.Disk.Inject(new FaultPlan { Seed = seed + life, CrashAtMutation = CrashPoint(lab.Random) });
            Live(lab, lab.Random.Next(1, 50));
            lab.CrashSomehow();
            if (lab.Random.Next(4) == 0 && lab.HasSuperblock)
            {
                lab.RequireSound();
            }
        }

        LiveOn(lab);
    });

    [Fact]
    public void A_crash_at_each_single_operation_of_one_short_life_is_survived() => Schedules.Run(20, seed =>
    {
        // Every operation in turn, opening and closing included, until a life gets through.
        bool isDone = false;
        for (int at = 1; !isDone; at++)
        {
            using var lab = new StoreLab(seed);
            lab.Disk.Inject(new FaultPlan { Seed = at, CrashAtMutation = at });
            Live(lab, 8);
            isDone = !lab.Disk.IsDead;
            lab.Crash(at % 2 == 0 ? CrashKind.PowerLost : CrashKind.ProcessDied, at % 5 == 0 ? IndexFate.Lost : IndexFate.Kept);
            LiveOn(lab, steps: 3);
        }
    }, 205, 208, 219);

    [Fact]
    public void Many_clients_at_once_find_after_a_crash_what_their_last_writes_allow() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.UseThreads();
        using var clients = new ConcurrentClients(lab);
        for (int life = 0; life < 3; life++)
        {
            lab.Disk.Inject(new FaultPlan { Seed = seed + life, CrashAtMutation = lab.Random.Next(5, 150) });
            CrashKind kind = lab.RandomCrash();
            clients.RunUntilCrash(writesEach: 60);
            lab.Crash(kind, lab.RandomFate());
            clients.Check(kind);
        }
    });

    [Fact]
    public void After_a_storm_of_clients_the_store_reads_as_before_the_process_died() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.UseThreads();
        lab.Reopen();
        for (int life = 0; life < 3; life++)
        {
            StoreStorm.Run(lab, stepsEach: 40);
            bool isFlushed = lab.Random.Next(2) == 0;
            if (isFlushed)
            {
                lab.Store.Flush();
            }

            IReadOnlyList<ReferenceVolume> before = StoreClient.Snapshot(lab.Store);
            lab.Crash(isFlushed ? CrashKind.PowerLost : CrashKind.ProcessDied, IndexFate.Kept);
            IReadOnlyList<ReferenceVolume> after = lab.OpenWithAndWithoutIndex();
            lab.RequireSame(before, after);
        }
    });

    [Fact]
    public void After_a_crash_amid_a_storm_the_store_is_sound_and_reads_the_same_with_its_index_and_without() => Schedules.Run(120, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.UseThreads();
        for (int life = 0; life < 3; life++)
        {
            lab.Disk.Inject(new FaultPlan { Seed = seed + life, CrashAtMutation = lab.Random.Next(5, 150) });
            try
            {
                lab.Reopen();
                StoreStorm.Run(lab, stepsEach: 30);
            }
            catch (Exception exception) when (lab.Disk.IsDead && exception is not ScheduleFailedException)
            {
                lab.Note("died");
            }

            lab.Crash(lab.RandomCrash(), lab.Random.Next(4) == 0 ? IndexFate.Older : IndexFate.Kept);
            if (lab.HasSuperblock)
            {
                lab.RequireSound();
            }

            lab.OpenWithAndWithoutIndex();
            lab.CloseQuietly();
        }
    });

    [Fact]
    public void Opening_after_a_crash_reads_no_more_of_a_large_store_than_of_a_small_one()
    {
        long BytesReadAtOpening(int megabytes)
        {
            using var lab = new StoreLab(seed: 1);
            lab.Options = lab.Options with { CheckpointInterval = 2 << 20 };
            lab.Open();
            Volume volume = lab.Store.CreateVolume("a", (long)megabytes << 20);
            var random = new Random(2);
            for (int i = 0; i < megabytes * 4; i++)
            {
                var bytes = new byte[256 << 10];
                random.NextBytes(bytes);
                volume.Write([new BlockWrite(i * (256L << 10), bytes)]);
            }

            volume.Flush();
            lab.Crash(CrashKind.ProcessDied, IndexFate.Kept);
            using (lab.Reopen())
            {
                return lab.Disk.BytesRead;
            }
        }

        // One interval behind the last checkpoint, another while that was being made, and a pack that is read as a whole.
        long large = BytesReadAtOpening(48);
        Assert.InRange(large, 0, 6 << 20);
        Assert.InRange(BytesReadAtOpening(12), 0, 6 << 20);
    }

    /// <summary>Small numbers are frequent: they hit the opening and the first steps.</summary>
    private static long CrashPoint(Random random) => random.Next(3) == 0 ? random.Next(1, 20) : random.Next(1, 200);

    /// <summary>Opens and goes on, until it is done or the process dies.</summary>
    private static void Live(StoreLab lab, int steps)
    {
        try
        {
            lab.Open();
            for (int i = 0; i < steps; i++)
            {
                lab.Steps(1);
                if (lab.Random.Next(25) == 0)
                {
                    lab.Close();
                    lab.Open();
                }
            }
        }
        catch (Exception exception) when (lab.Disk.IsDead && exception is not ScheduleFailedException)
        {
            // What a dying store throws is of no consequence.
            lab.Note("died");
        }
        catch (Exception exception) when (exception is not ScheduleFailedException)
        {
            throw lab.Failure(exception.Message, exception);
        }
    }

    /// <summary>The last life: everything is right, stays so, and is so again after a clean close.</summary>
    private static void LiveOn(StoreLab lab, int steps = 10)
    {
        lab.Disk.Inject(FaultPlan.None);
        Live(lab, steps);
        lab.CheckAll();
        lab.Close();
        lab.Open();
        lab.CheckAll();
        lab.Close();
        lab.RequireSound();
    }
}
