using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Repair;
using Voe.Store.Verify;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>voe-fsck repair: after whatever damage, nothing that was readable is lost, and nothing is read that was not written.</summary>
public sealed class RepairTests
{
    [Fact]
    public void A_repair_keeps_what_was_readable_and_a_second_one_does_nothing() => Schedules.Run(200, seed =>
    {
        using var lab = new StoreLab(seed);
        Damaged damaged = Damage(lab);
        HashSet<(string, long)> before = damaged.IsEndUnknown ? [] : ReadableBefore(lab);
        RepairResult result = Repair(lab, new RepairSetup());
        bool isStrict = !damaged.IsEndUnknown;
        if (result.Refusal is not null)
        {
            lab.Note("refused: " + result.Refusal);
            isStrict = false;
            result = Repair(lab, new RepairSetup { AcceptsOlderData = true });
        }

        if (ReferenceEquals(result.Refusal, Unrecognised))
        {
            return;
        }

        RequireRepaired(lab, result);
        HashSet<(string, long)> after = Readable(lab, isStrict);
        if (isStrict && before.Except(after).FirstOrDefault() is { Item1: not null } lost)
        {
            throw lab.Failure($"volume {lost.Item1}, offset {lost.Item2} was readable before the repair, not after");
        }
    }, 244);

    [Fact]
    public void With_a_copy_of_the_store_a_repair_restores_everything() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        SimulatedDisk? copy = null;
        Damaged damaged = Damage(lab, () => copy = lab.Disk.Clone());
        RepairResult result = Repair(lab, new RepairSetup { Copy = copy });
        RequireRepaired(lab, result);
        if (result.Lost.Count > 0 || result.Refusal is not null)
        {
            throw lab.Failure("something is lost, although the copy has everything: " + string.Join(", ", result.Lost));
        }

        if (!damaged.IsEndUnknown)
        {
            lab.Reopen();
            lab.CheckAll();
        }
    });

    [Fact]
    public void A_repair_that_dies_anywhere_is_finished_by_the_next_one() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        Damaged damaged = Damage(lab);
        lab.Disk.Inject(new FaultPlan { Seed = seed, CrashAtMutation = lab.Random.Next(1, 40) });
        try
        {
            _ = Repair(lab, new RepairSetup { AcceptsOlderData = true });
        }
        catch (Exception) when (lab.Disk.IsDead)
        {
            lab.Crash(lab.RandomCrash(), IndexFate.Kept);
        }

        lab.Disk.Inject(FaultPlan.None);
        RepairResult result = Repair(lab, new RepairSetup { AcceptsOlderData = true });
        if (ReferenceEquals(result.Refusal, Unrecognised))
        {
            return;
        }

        RequireRepaired(lab, result);
        _ = damaged;
        Readable(lab, isStrict: false);
    });

    [Fact]
    public void A_repair_that_dies_at_each_of_its_steps_in_turn_comes_to_the_same() => Schedules.Run(6, seed =>
    {
        HashSet<(string, long)>? expected = null;
        bool isDone = false;
        for (int at = 0; !isDone; at++)
        {
            using var lab = new StoreLab(seed);
            lab.Options = lab.Options with { IsSynchronous = true };
            Damage(lab);
            lab.Disk.Inject(new FaultPlan { Seed = at, CrashAtMutation = at });
            string place = $"step {at}";
            try
            {
                if (ReferenceEquals(Repair(lab, new RepairSetup { AcceptsOlderData = true }).Refusal, Unrecognised))
                {
                    return;
                }

                isDone = at > 0;
            }
            catch (Exception) when (lab.Disk.IsDead)
            {
                place += ": " + lab.Disk.LastMutation;
                lab.Note(place);
                lab.Crash(at % 3 == 0 ? CrashKind.ProcessDied : CrashKind.PowerLost, IndexFate.Kept);
            }

            lab.Disk.Inject(FaultPlan.None);
            RequireRepaired(lab, Repair(lab, new RepairSetup { AcceptsOlderData = true }));
            HashSet<(string, long)> readable = Readable(lab, isStrict: false);
            expected ??= readable;
            if (!expected.SetEquals(readable))
            {
                throw lab.Failure($"{place}: {readable.Count} chunks are readable, {expected.Count} after a repair that nothing ended");
            }
        }
    });

    [Fact]
    public void A_rebuild_of_the_index_that_dies_at_any_step_leaves_a_store_that_opens() => Schedules.Run(6, seed =>
    {
        bool isDone = false;
        for (int at = 1; !isDone; at++)
        {
            using var lab = new StoreLab(seed);
            lab.Options = lab.Options with { IsSynchronous = true };
            lab.Open();
            lab.Steps(30);
            lab.Close();
            lab.Disk.Inject(new FaultPlan { Seed = at, CrashAtMutation = at });
            try
            {
                _ = IndexRebuild.Run(lab.Disk.Root, lab.IndexPath, lab.Options);
                isDone = true;
            }
            catch (Exception) when (lab.Disk.IsDead)
            {
                lab.Crash(at % 2 == 0 ? CrashKind.ProcessDied : CrashKind.PowerLost, IndexFate.Kept);
            }

            lab.Disk.Inject(FaultPlan.None);
            lab.Open();
            lab.CheckAll();
            lab.Close();
            Assert.True(lab.Verify().IsClean);
        }
    });

    [Fact]
    public void Whatever_a_reader_meets_the_verification_has_named() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        Damaged damaged = Damage(lab);
        if (damaged.IsEndUnknown)
        {
            return; // without the index, a log that ends earlier is a log
        }

        int findings;
        try
        {
            findings = lab.Verify().Findings.Count(static finding => finding.Severity != Severity.Note);
        }
        catch (StoreFormatException)
        {
            return; // nothing is left to tell which store it is, and that is said
        }

        int all = lab.Reference.Volumes.Values.Sum(static model => (int)((model.Size + model.ChunkSize - 1) / model.ChunkSize));
        int readable = 0;
        try
        {
            readable = Readable(lab, isStrict: true).Count;
        }
        catch (StoreException exception)
        {
            lab.Note(exception.Message);
        }

        if (readable < all && findings == 0)
        {
            throw lab.Failure($"{all - readable} of {all} chunks cannot be read, and the verification found nothing");
        }
    });

    [Fact]
    public void A_repair_of_a_healthy_store_does_nothing() => Schedules.Run(20, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.Open();
        lab.Steps(lab.Random.Next(10, 60));
        lab.Close();
        long mutations = lab.Disk.Mutations;
        RepairResult result = Repair(lab, new RepairSetup());
        if (result.Outcome != RepairOutcome.Clean || lab.Disk.Mutations != mutations)
        {
            throw lab.Failure($"{result.Outcome}, {lab.Disk.Mutations - mutations} changes: {string.Join("; ", result.Steps)}");
        }
    });

    private const string Unrecognised = "nothing is left to tell which store it is";

    private static Damaged Damage(StoreLab lab, Action? beforeDamage = null)
    {
        lab.Open();
        lab.Steps(lab.Random.Next(10, 120));
        lab.Close();
        beforeDamage?.Invoke();
        bool losesIndex = lab.Random.Next(4) == 0;
        if (losesIndex)
        {
            lab.LoseIndex();
        }

        string newest = lab.Disk.Files().Select(static file => file.Path)
            .Where(static path => path.StartsWith("packs/", StringComparison.Ordinal)).Max(StringComparer.Ordinal)!;
        bool hurtsNewest = false;
        for (int i = lab.Random.Next(1, 4); i > 0; i--)
        {
            if (StoreDamage.Apply(lab.Disk, lab.Random) is { } what)
            {
                lab.Note(what);
                hurtsNewest |= what.Contains(newest, StringComparison.Ordinal);
            }
        }

        return new Damaged(losesIndex && hurtsNewest);
    }

    private static RepairResult Repair(StoreLab lab, RepairSetup setup)
    {
        using var sources = new RescueSources();
        if (setup.Copy is { } copy)
        {
            sources.AddStore(copy.Root);
        }

        var options = new RepairOptions
        {
            AcceptsOlderData = setup.AcceptsOlderData,
            Clock = new SteppingClock(),
            Store = lab.Options with { IsSynchronous = true, CreateIfMissing = false },
        };
        try
        {
            RepairResult result = StoreRepair.Run(lab.Disk.Root, lab.IndexPath, options, sources);
            foreach (RepairStep step in result.Steps)
            {
                lab.Note(step.ToString());
            }

            return result;
        }
        catch (StoreFormatException exception) when (exception.Message.Contains("can be recognised", StringComparison.Ordinal))
        {
            lab.Note(exception.Message);
            return new RepairResult(RepairOutcome.Uncorrected, [], [], Unrecognised);
        }
        catch (Exception exception) when (!lab.Disk.IsDead)
        {
            throw lab.Failure($"{exception.GetType().Name}: {exception.Message}", exception);
        }
    }

    private static void RequireRepaired(StoreLab lab, RepairResult result)
    {
        if (result.Outcome == RepairOutcome.Uncorrected)
        {
            throw lab.Failure($"not corrected: {result.Refusal}");
        }

        if (!lab.Verify().IsClean)
        {
            throw lab.Failure("after the repair the verification finds: " + string.Join("; ", lab.Verify().Findings));
        }

        RepairResult again = Repair(lab, new RepairSetup());
        if (again.Outcome != RepairOutcome.Clean)
        {
            throw lab.Failure("a second repair finds: " + again.Refusal + string.Join("; ", again.Steps));
        }
    }

    // What a reader gets of a store that is damaged, without any repair.
    private static HashSet<(string, long)> ReadableBefore(StoreLab lab)
    {
        using var index = new TemporaryDirectory(inMemory: true);
        StoreLab.CopyIndex(lab.IndexPath, index.Path);
        try
        {
            VoeStore store = VoeStore.Open(lab.Disk.Clone().Root, index.Path, lab.Options);
            HashSet<(string, long)> readable = Readable(lab, store, isStrict: true);
            store.Abandon();
            return readable;
        }
        catch (StoreException e)
        {
            lab.Note("before: " + e.Message);
            return [];
        }
    }

    private static HashSet<(string, long)> Readable(StoreLab lab, bool isStrict)
    {
        lab.Reopen();
        HashSet<(string, long)> readable = Readable(lab, lab.Store, isStrict);
        lab.CloseQuietly();
        return readable;
    }

    private static HashSet<(string, long)> Readable(StoreLab lab, VoeStore store, bool isStrict)
    {
        HashSet<(string, long)> readable = [];
        foreach (Volume volume in store.Volumes)
        {
            ReferenceVolume? model = lab.Reference.Volumes.Values.FirstOrDefault(
                model => string.Equals(model.Name, volume.Name, StringComparison.Ordinal) && model.Size == volume.Size);
            if (model is null && isStrict)
            {
                throw lab.Failure($"volume {volume.Name} of {volume.Size} bytes is not one of those that there were");
            }

            for (long offset = 0; offset < volume.Size; offset += volume.ChunkSize)
            {
                var bytes = new byte[Math.Min(volume.ChunkSize, volume.Size - offset)];
                try
                {
                    volume.Read([new BlockRead(offset, bytes)]);
                }
                catch (StoreDamagedException)
                {
                    continue;
                }

                readable.Add((volume.Name, offset));
                if (isStrict && !model!.Content.Slice((int)offset, bytes.Length).SequenceEqual(bytes))
                {
                    throw lab.Failure($"volume {volume.Name}, offset {offset}: other bytes than were written");
                }
            }
        }

        return readable;
    }

    private sealed record Damaged(bool IsEndUnknown);

    private sealed record RepairSetup
    {
        public bool AcceptsOlderData { get; init; }

        public SimulatedDisk? Copy { get; init; }
    }
}
