using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Verify;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>Faults that once were there, each in as few steps as it takes.</summary>
public sealed class RecoveryTests
{
    private const int ChunkSize = 4096;

    [Fact]
    public void A_flush_in_which_the_store_recovers_tells_of_the_writes_that_were_lost()
    {
        bool wasLost = false;
        for (int seed = 0; seed < 20; seed++)
        {
            using StoreLab lab = WithVolume(seed, out Volume volume);
            for (int chunk = 0; chunk < 16; chunk++)
            {
                Write(volume, chunk, 1);
            }

            // The sync fails where no client sees it: in a checkpoint of another one.
            lab.Disk.Inject(new FaultPlan { Seed = seed, FailSyncAt = 1 });
            Assert.Throws<StoreIOException>(lab.Store.Checkpoint);
            lab.Disk.Inject(FaultPlan.None);

            bool isTold = false;
            try
            {
                volume.Flush();
            }
            catch (StoreFailedException)
            {
                isTold = true;
            }

            bool isLost = Enumerable.Range(0, 16).Any(chunk => Read(volume, chunk) != 1);
            Assert.True(isTold || !isLost, $"seed {seed}: writes were lost, and the flush that covers them succeeded");
            wasLost |= isLost;
            volume.Flush();
        }

        Assert.True(wasLost, "no seed lost anything: the test tests nothing");
    }

    [Fact]
    public void A_flush_of_a_volume_that_lost_nothing_is_not_troubled()
    {
        using StoreLab lab = WithVolume(seed: 1, out Volume volume);
        Volume idle = lab.Store.CreateVolume("idle", ChunkSize);
        Write(volume, 0, 1);
        lab.Disk.Inject(new FaultPlan { FailSyncAt = 1 });
        Assert.Throws<StoreFailedException>(volume.Flush);
        lab.Disk.Inject(FaultPlan.None);

        idle.Flush();
    }

    [Fact]
    public void A_restart_after_a_failed_sync_believes_the_medium_and_not_the_kernels_cache()
    {
        bool wasLost = false;
        for (int seed = 0; seed < 20; seed++)
        {
            using StoreLab lab = WithVolume(seed, out Volume volume);
            for (int chunk = 0; chunk < 16; chunk++)
            {
                Write(volume, chunk, 1);
            }

            lab.Disk.Inject(new FaultPlan { Seed = seed, FailSyncAt = 1 });
            Assert.Throws<StoreFailedException>(volume.Flush);
            lab.Crash(CrashKind.ProcessDied, IndexFate.Kept);

            volume = lab.Reopen().OpenVolume("a");
            volume.Flush();
            byte[] before = [.. Enumerable.Range(0, 16).Select(chunk => Read(volume, chunk))];
            wasLost |= before.Contains((byte)0);
            lab.Crash(CrashKind.PowerLost, IndexFate.Kept);

            volume = lab.Reopen().OpenVolume("a");
            Assert.Equal(before, Enumerable.Range(0, 16).Select(chunk => Read(volume, chunk)));
        }

        Assert.True(wasLost, "no seed lost anything: the test tests nothing");
    }

    [Fact]
    public void A_batch_whose_payload_a_loss_of_power_has_torn_is_a_torn_tail_to_the_verification()
    {
        bool wasTorn = false;
        for (int seed = 0; seed < 40; seed++)
        {
            using StoreLab lab = WithVolume(seed, out Volume volume);
            volume.Write([new BlockWrite(0, Noise(16 * ChunkSize, seed))]);
            volume.Write([new BlockWrite(0, Noise(16 * ChunkSize, seed + 1))]);
            lab.Crash(CrashKind.PowerLost, IndexFate.Kept);

            VerifyResult result = lab.Verify();
            Assert.True(result.IsSound, $"seed {seed}: {string.Join("; ", result.Findings)}");
            wasTorn |= result.Findings.Count > 0;
        }

        Assert.True(wasTorn, "no seed tore anything: the test tests nothing");
    }

    [Fact]
    public void A_full_disk_is_told_before_anything_changes_and_forgotten_when_there_is_room()
    {
        using StoreLab lab = WithVolume(seed: 1, out Volume volume);
        Write(volume, 0, 1);
        lab.Disk.Capacity = 0;

        // Room that was reserved before may take a few.
        StoreFullException? full = null;
        for (int i = 0; i < 10_000 && full is null; i++)
        {
            try
            {
                volume.Write([new BlockWrite(ChunkSize, Noise(15 * ChunkSize, i))]);
            }
            catch (StoreFullException exception)
            {
                full = exception;
            }
        }

        Assert.NotNull(full);
        Assert.Equal(1, Read(volume, 0));
        volume.Flush();
        lab.Disk.Capacity = long.MaxValue;
        Write(volume, 0, 2);
        volume.Flush();
        Assert.Equal(2, Read(volume, 0));
    }

    private static StoreLab WithVolume(int seed, out Volume volume)
    {
        var lab = new StoreLab(seed);
        volume = lab.Reopen().CreateVolume("a", 16 * ChunkSize);
        return lab;
    }

    /// <summary>Writes a chunk that no other one equals, and that begins with the value.</summary>
    private static void Write(Volume volume, int chunk, byte value)
    {
        byte[] bytes = Noise(ChunkSize, chunk);
        bytes[0] = value;
        volume.Write([new BlockWrite(chunk * ChunkSize, bytes)]);
    }

    private static byte Read(Volume volume, int chunk)
    {
        var bytes = new byte[1];
        volume.Read([new BlockRead(chunk * ChunkSize, bytes)]);
        return bytes[0];
    }

    private static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
