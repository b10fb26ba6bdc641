using Voe.Store;
using Voe.Store.IO;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>The simulated disk must be as harsh as a real one, and no harsher than it says.</summary>
public sealed class SimulatedDiskTests
{
    private const int SeedCount = 300;

    [Fact]
    public void What_was_synced_survives_every_loss_of_power()
    {
        for (int seed = 0; seed < SeedCount; seed++)
        {
            var disk = new SimulatedDisk();
            using (IStorageFile file = disk.Root.CreateFile("a"))
            {
                file.Write(Bytes(10_000, 1), 0);
                file.SyncData();
            }

            disk.Root.Sync();
            Assert.Equal(Bytes(10_000, 1), disk.PowerLost(seed).Content("a"));
        }
    }

    [Fact]
    public void The_death_of_the_process_keeps_all_that_was_written()
    {
        var disk = new SimulatedDisk();
        IStorageFile file = disk.Root.CreateFile("a");
        file.Write(Bytes(10_000, 1), 5);
        disk.Root.RenameFile("a", "b");

        SimulatedDisk next = disk.ProcessDied();
        Assert.Equal(Bytes(10_000, 1), next.Content("b").AsSpan(5));
        Assert.Throws<SimulatedCrashException>(() => file.Write("x"u8, 0));
        Assert.Throws<SimulatedCrashException>(() => disk.Root.ListFiles());

        // It was visible, not durable: a later loss of power may still take it.
        Assert.Contains(Enumerable.Range(0, 50), seed => next.Clone().PowerLost(seed).Files().Count == 0);
    }

    [Fact]
    public void Unsynced_overwrites_are_lost_or_kept_by_sector_and_never_anything_else()
    {
        var outcomes = new HashSet<string>(StringComparer.Ordinal);
        for (int seed = 0; seed < SeedCount; seed++)
        {
            SimulatedDisk disk = WithDurableFile(8192, 1, out IStorageFile file);
            file.Write(Bytes(8192, 2), 0);
            file.Write(Bytes(4096, 3), 4096);

            byte[] content = disk.PowerLost(seed).Content("a");
            Assert.Equal(8192, content.Length);
            bool isTorn = false;
            string outcome = "";
            for (int sector = 0; sector < 8192; sector += 512)
            {
                ReadOnlySpan<byte> bytes = content.AsSpan(sector, 512);
                isTorn |= bytes.ContainsAnyExcept(bytes[0]);
                outcome += bytes[0] switch { 1 => '1', 2 => '2', 3 when sector >= 4096 => '3', _ => '?' };
            }

            Assert.DoesNotContain('?', outcome);
            outcomes.Add(isTorn ? "torn" : outcome);
        }

        Assert.Contains(new string('1', 16), outcomes);
        Assert.Contains(new string('2', 8) + new string('3', 8), outcomes);
        Assert.Contains(new string('1', 8) + new string('3', 8), outcomes);
        Assert.Contains("torn", outcomes);
        Assert.True(outcomes.Count > 40, $"only {outcomes.Count} outcomes");
    }

    [Fact]
    public void Unsynced_lengths_are_lost_or_kept_and_what_is_lost_inside_reads_as_zeroes()
    {
        var lengths = new HashSet<int>();
        bool hasHole = false;
        for (int seed = 0; seed < SeedCount; seed++)
        {
            SimulatedDisk disk = WithDurableFile(4096, 1, out IStorageFile file);
            file.Write(Bytes(4096, 2), 4096);
            file.Reserve(20_000);
            file.Write(Bytes(4096, 3), 8192);

            byte[] content = disk.PowerLost(seed).Content("a");
            lengths.Add(content.Length);
            Assert.Equal(Bytes(4096, 1), content.AsSpan(0, 4096));
            hasHole |= content.Length > 8192 && content[4096] == 0 && content[8192] == 3;
        }

        Assert.Contains(4096, lengths);
        Assert.Contains(8192, lengths);
        Assert.Contains(20_000, lengths);
        Assert.True(hasHole, "a later write was never kept without an earlier one");
    }

    [Fact]
    public void An_unsynced_cut_is_lost_or_kept_and_never_shows_cut_bytes_after_regrowth()
    {
        bool wasLost = false;
        bool wasKept = false;
        for (int seed = 0; seed < SeedCount; seed++)
        {
            SimulatedDisk disk = WithDurableFile(8192, 1, out IStorageFile file);
            file.SetLength(4096);
            int length = (int)disk.Clone().PowerLost(seed).Files()[0].Length;
            wasLost |= length == 8192;
            wasKept |= length == 4096;

            file.SetLength(8192);
            file.SyncData();
            Assert.Equal(Bytes(4096, 0), disk.PowerLost(seed).Content("a").AsSpan(4096));
        }

        Assert.True(wasLost && wasKept);
    }

    [Fact]
    public void Names_are_durable_after_the_sync_of_their_directory_and_open_before()
    {
        var outcomes = new HashSet<string>(StringComparer.Ordinal);
        for (int seed = 0; seed < SeedCount; seed++)
        {
            var disk = new SimulatedDisk();
            IStorageDirectory packs = disk.Root.OpenDirectory("packs");
            packs.CreateFile("1").Dispose();
            packs.CreateFile("2").Dispose();
            packs.Sync();
            Assert.True(disk.Clone().PowerLost(seed).Files().Count is 0 or 2, "a directory whose own name was not synced is there or not");
            disk.Root.Sync();

            packs.RenameFile("1", "3");
            packs.DeleteFile("2");
            packs.CreateFile("4").Dispose();
            outcomes.Add(string.Join(' ', disk.PowerLost(seed).Files().Select(file => file.Path)));
        }

        Assert.Contains("packs/1 packs/2", outcomes);
        Assert.Contains("packs/3 packs/4", outcomes);
        Assert.Contains("packs/2 packs/3", outcomes);
        Assert.Contains("packs/1 packs/2 packs/4", outcomes);
        Assert.DoesNotContain(
            outcomes, outcome => outcome.Contains('1', StringComparison.Ordinal) == outcome.Contains('3', StringComparison.Ordinal));
    }

    [Fact]
    public void The_process_dies_in_the_planned_operation_and_its_write_is_a_prefix()
    {
        var lengths = new HashSet<long>();
        for (int seed = 0; seed < SeedCount; seed++)
        {
            SimulatedDisk disk = WithDurableFile(0, 0, out IStorageFile file);
            disk.Inject(new FaultPlan { Seed = seed, CrashAtMutation = 2 });
            file.Write(Bytes(10, 1), 0);
            Assert.Throws<SimulatedCrashException>(() => file.Write(Bytes(10_000, 2), 10));
            Assert.Throws<SimulatedCrashException>(() => file.Length);
            Assert.True(disk.IsDead);

            byte[] content = disk.ProcessDied().Content("a");
            Assert.Equal(Bytes(10, 1), content.AsSpan(0, 10));
            Assert.Equal(-1, content.AsSpan(10).IndexOfAnyExcept((byte)2));
            lengths.Add(content.Length - 10);
        }

        Assert.Contains(0, lengths);
        Assert.Contains(4096, lengths);
        Assert.Contains(10_000, lengths);
        Assert.True(lengths.Count > 50);
    }

    [Fact]
    public void A_sync_that_the_process_dies_in_is_done_or_not()
    {
        var kept = new HashSet<long>();
        for (int seed = 0; seed < SeedCount; seed++)
        {
            SimulatedDisk disk = WithDurableFile(0, 0, out IStorageFile file);
            disk.Inject(new FaultPlan { Seed = seed, CrashAtMutation = 2 });
            file.Write(Bytes(4096, 1), 0);
            Assert.Throws<SimulatedCrashException>(file.SyncData);
            kept.Add(disk.PowerLost(seed).Files()[0].Length);
        }

        Assert.Equal([0, 4096], kept.Order());
    }

    [Fact]
    public void After_a_failed_sync_lost_pages_stay_visible_until_the_cache_is_dropped()
    {
        bool wasLost = false;
        for (int seed = 0; seed < 50; seed++)
        {
            SimulatedDisk disk = WithDurableFile(40_960, 1, out IStorageFile file);
            disk.Inject(new FaultPlan { Seed = seed, FailSyncAt = 1 });
            file.Write(Bytes(40_960, 2), 0);
            Assert.Throws<StoreIOException>(file.SyncData);
            Assert.Equal(Bytes(40_960, 2), disk.Content("a"));

            // The trap: the next sync succeeds, and has nothing to write.
            file.SyncData();
            file.DropCache();
            byte[] content = disk.Content("a");
            wasLost |= content.Contains((byte)1);
            Assert.Equal(content, disk.PowerLost(seed).Content("a"));
        }

        Assert.True(wasLost);
    }

    [Fact]
    public void A_page_written_again_after_a_failed_sync_is_durable_after_the_next_one()
    {
        SimulatedDisk disk = WithDurableFile(4096, 1, out IStorageFile file);
        disk.Inject(new FaultPlan { FailSyncAt = 1 });
        file.Write(Bytes(4096, 2), 0);
        Assert.Throws<StoreIOException>(file.SyncData);
        file.Write(Bytes(1, 3), 0);
        file.SyncData();

        byte[] content = disk.PowerLost(0).Content("a");
        Assert.Equal(3, content[0]);
        Assert.Equal(2, content[1]);
    }

    [Fact]
    public void A_full_disk_takes_what_fits_and_goes_on_when_there_is_room()
    {
        var disk = new SimulatedDisk { Capacity = 16_384 };
        using IStorageFile file = disk.Root.CreateFile("a");
        file.Write(Bytes(4096, 1), 0);
        Assert.Throws<StoreFullException>(() => file.Reserve(20_000));
        Assert.Equal(4096, file.Length);
        Assert.Throws<StoreFullException>(() => file.Write(Bytes(20_000, 2), 4096));
        Assert.Equal(16_384, file.Length);
        Assert.Equal(16_384, disk.UsedBytes);
        file.Write(Bytes(16_384, 3), 0);

        using IStorageFile other = disk.Root.CreateFile("b");
        Assert.Throws<StoreFullException>(() => other.Write("x"u8, 0));
        file.SetLength(8192);
        other.Write(Bytes(8192, 4), 0);
        Assert.Throws<StoreFullException>(() => file.Write("x"u8, 8192));
        disk.Root.DeleteFile("b");
        file.Write("x"u8, 8192);
    }

    [Fact]
    public void Planned_errors_come_at_their_count_and_pass()
    {
        SimulatedDisk disk = WithDurableFile(4096, 1, out IStorageFile file);
        disk.Inject(new FaultPlan { FailReadAt = 2, FailWriteAt = 2, FailAllocationAt = 3, FailCount = 2, GarbleReadAt = 1 });
        var buffer = new byte[4096];

        file.Read(buffer, 0);
        Assert.Equal(1, buffer.Count(value => value != 1));
        Assert.Throws<StoreIOException>(() => file.Read(buffer, 0));
        Assert.Throws<StoreIOException>(() => file.Read(buffer, 0));

        file.Write(Bytes(10, 1), 0);
        Assert.Throws<StoreIOException>(() => file.Write(Bytes(10, 1), 0));
        Assert.Throws<StoreIOException>(() => file.Write(Bytes(10, 1), 0));
        file.Write(Bytes(10, 1), 4096);
        file.Write(Bytes(10, 1), 8192);
        Assert.Throws<StoreFullException>(() => file.Write(Bytes(10, 1), 12_288));
        Assert.Throws<StoreFullException>(() => file.Write(Bytes(10, 1), 12_288));
        file.Write(Bytes(10, 1), 12_288);

        file.Read(buffer, 0);
        Assert.Equal(Bytes(4096, 1), buffer);
    }

    [Fact]
    public void One_seed_has_one_outcome()
    {
        byte[] Outcome(int seed)
        {
            SimulatedDisk disk = WithDurableFile(100_000, 1, out IStorageFile file);
            disk.Inject(new FaultPlan { Seed = seed, CrashAtMutation = 20 });
            var random = new Random(seed);
            Assert.Throws<SimulatedCrashException>(() =>
            {
                for (int i = 0; i < 100; i++)
                {
                    file.Write(Bytes(random.Next(9000), (byte)random.Next(256)), random.Next(100_000));
                }
            });
            return disk.PowerLost(seed).Content("a");
        }

        Assert.Equal(Outcome(7), Outcome(7));
        Assert.NotEqual(Outcome(7), Outcome(8));
    }

    [Fact]
    public void A_flipped_bit_is_on_the_medium_too()
    {
        SimulatedDisk disk = WithDurableFile(4096, 1, out IStorageFile file);
        disk.FlipBit("a", 100, 1);
        file.DropCache();
        Assert.Equal(3, disk.Content("a")[100]);
        Assert.Equal(3, disk.PowerLost(0).Content("a")[100]);
    }

    private static SimulatedDisk WithDurableFile(int length, byte value, out IStorageFile file)
    {
        var disk = new SimulatedDisk();
        file = disk.Root.CreateFile("a");
        file.Write(Bytes(length, value), 0);
        file.SyncData();
        disk.Root.Sync();
        return disk;
    }

    private static byte[] Bytes(int length, byte value)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }
}
