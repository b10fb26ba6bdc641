using System.Globalization;
using Voe.Store.Chunks;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>
/// Each operation that changes the disk, alone: it is crashed at each of its steps on the disk, in each manner, and afterwards the
/// store is what it was before or what the operation makes of it, and the verification finds nothing.
/// </summary>
public sealed class OperationCrashTests
{
    private const int ExtraVolume = 100;

    [Theory]
    [InlineData("create")]
    [InlineData("write")]
    [InlineData("write in part")]
    [InlineData("large write")]
    [InlineData("zero")]
    [InlineData("delete")]
    [InlineData("rename")]
    [InlineData("grow")]
    [InlineData("shrink")]
    [InlineData("set compression")]
    [InlineData("flush")]
    [InlineData("checkpoint")]
    [InlineData("seal")]
    [InlineData("close")]
    [InlineData("open after a crash")]
    [InlineData("rebuild the index while opening")]
    public void An_operation_that_dies_at_any_step_is_done_or_not_done(string operation) => Schedules.Run(3, seed =>
    {
        int steps = CountSteps(operation, seed);
        if (steps == 0 && operation is not "flush")
        {
            throw new ScheduleFailedException($"{operation} has no step on the disk: the test tests nothing", null);
        }

        for (int at = 1; at <= steps; at++)
        {
            for (int manner = 0; manner < 3; manner++)
            {
                CrashAt(operation, seed, at, steps, manner);
            }
        }
    });

    private static int CountSteps(string operation, int seed)
    {
        using StoreLab lab = Prepare(operation, seed);
        long before = lab.Disk.Mutations;
        Perform(lab, operation);
        return (int)(lab.Disk.Mutations - before);
    }

    // Manner 0 is the death of the process, 1 and 2 are losses of power that keep more or less of what was not synced.
    private static void CrashAt(string operation, int seed, int at, int steps, int manner)
    {
        using StoreLab lab = Prepare(operation, seed);
        lab.Disk.Inject(new FaultPlan { Seed = (at * 3) + manner, CrashAtMutation = at });
        string place = "";
        try
        {
            Perform(lab, operation);
        }
        catch (Exception exception) when (lab.Disk.IsDead && exception is not ScheduleFailedException)
        {
            place = string.Create(
                CultureInfo.InvariantCulture, $"{operation}: step {at} of {steps}, {lab.Disk.LastMutation}, manner {manner}");
        }

        lab.Note(place);
        lab.Disk.Inject(FaultPlan.None);
        lab.Crash(manner == 0 ? CrashKind.ProcessDied : CrashKind.PowerLost, IndexFate.Kept);
        try
        {
            lab.RequireSound();
            lab.Open();
            lab.CheckAll();
            lab.Steps(3);
            lab.Close();
            if (!lab.Verify().IsClean)
            {
                throw lab.Failure("the verification finds: " + string.Join("; ", lab.Verify().Findings));
            }
        }
        catch (Exception exception) when (exception is not ScheduleFailedException)
        {
            throw lab.Failure($"{place}: {exception.GetType().Name}: {exception.Message}", exception);
        }
        catch (ScheduleFailedException exception)
        {
            throw new ScheduleFailedException($"{place}: {exception.Message}", exception.InnerException);
        }
    }

    private static StoreLab Prepare(string operation, int seed)
    {
        var lab = new StoreLab(seed, largestVolume: 256 << 10);
        lab.Options = lab.Options with { IsSynchronous = true };
        lab.Open();
        lab.Steps(8);
        lab.Require(lab.Client.Change(new StoreChange.Create(ExtraVolume, "extra", 300 << 10, 4096, CompressionSetting.None)));
        lab.Require(lab.Client.Change(new StoreChange.Write(ExtraVolume, [(4096, Noise(seed, 20 << 10))])));
        if (lab.Random.Next(2) == 0)
        {
            lab.Require(lab.Client.Flush());
        }

        if (operation is "seal")
        {
            // Up to just before the pack is full, so that the next write begins a new one and seals this.
            for (int i = 0; i < 20 && LastPackLength(lab) < (1 << 20) - (80 << 10); i++)
            {
                lab.Require(lab.Client.Change(new StoreChange.Write(ExtraVolume, [(0, Noise(seed + i, 64 << 10))])));
            }
        }
        else if (operation is "open after a crash" or "rebuild the index while opening")
        {
            lab.Require(lab.Client.Change(new StoreChange.Write(ExtraVolume, [(8192, Noise(seed + 50, 8192))])));
            lab.Crash(CrashKind.ProcessDied, operation is "open after a crash" ? IndexFate.Kept : IndexFate.Lost);
        }

        return lab;
    }

    private static long LastPackLength(StoreLab lab) => lab.Disk.Content(LastPack(lab)).AsSpan().LastIndexOfAnyExcept((byte)0);

    private static string LastPack(StoreLab lab) => lab.Disk.Files().Select(static file => file.Path)
        .Where(static path => path.StartsWith("packs/", StringComparison.Ordinal)).Max(StringComparer.Ordinal)!;

    private static void Perform(StoreLab lab, string operation)
    {
        StoreClient client = lab.Client;
        switch (operation)
        {
            case "create":
                lab.Require(client.Change(new StoreChange.Create(ExtraVolume + 1, "another", 64 << 10, 8192, CompressionSetting.Lz4)));
                break;
            case "write":
                lab.Require(client.Change(new StoreChange.Write(ExtraVolume, [(8192, Noise(1, 16384)), (65536, Noise(2, 4096))])));
                lab.Require(client.Flush());
                break;
            case "write in part":
                lab.Require(client.Change(new StoreChange.Write(ExtraVolume, [(5000, Noise(3, 9000))])));
                lab.Require(client.Flush());
                break;
            case "large write" or "seal":
                lab.Require(client.Change(new StoreChange.Write(ExtraVolume, [(0, Noise(4, 300 << 10))])));
                lab.Require(client.Flush());
                break;
            case "zero":
                lab.Require(client.Change(new StoreChange.Zero(ExtraVolume, 5000, 17000)));
                lab.Require(client.Flush());
                break;
            case "delete":
                lab.Require(client.Change(new StoreChange.Delete(ExtraVolume)));
                break;
            case "rename":
                lab.Require(client.Change(new StoreChange.Rename(ExtraVolume, "renamed")));
                break;
            case "grow":
                lab.Require(client.Change(new StoreChange.Resize(ExtraVolume, 500 << 10)));
                break;
            case "shrink":
                lab.Require(client.Change(new StoreChange.Resize(ExtraVolume, 9728)));
                break;
            case "set compression":
                lab.Require(client.Change(new StoreChange.SetCompression(ExtraVolume, CompressionSetting.Zstd(2))));
                break;
            case "flush":
                lab.Require(client.Flush());
                break;
            case "checkpoint":
                lab.Require(client.Change(new StoreChange.Write(ExtraVolume, [(12288, Noise(5, 4096))])));
                lab.Require(client.Checkpoint());
                break;
            case "close":
                lab.Close();
                break;
            default:
                lab.Open();
                break;
        }
    }

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
