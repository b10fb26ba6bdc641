using Voe.Store.Chunks;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>An oracle that accepts everything proves nothing: each promise must be able to fail.</summary>
public sealed class ReferenceStoreTests
{
    private const int ChunkSize = 4096;

    [Fact]
    public void The_death_of_the_process_may_lose_nothing_that_was_acknowledged()
    {
        ReferenceStore reference = WithWrites(flushAfter: 1, 1, 2, 3);
        reference.Crash(CrashKind.ProcessDied);

        Assert.NotNull(reference.Recover(Actual(1, 2, 0)));
        Assert.NotNull(reference.Recover(Actual(0, 2, 3)));
        Assert.Null(reference.Recover(Actual(1, 2, 3)));
    }

    [Fact]
    public void A_loss_of_power_may_lose_the_last_changes_after_the_flush()
    {
        foreach (byte[] allowed in new byte[][] { [1, 0, 0], [1, 2, 0], [1, 2, 3] })
        {
            ReferenceStore reference = WithWrites(flushAfter: 1, 1, 2, 3);
            reference.Crash(CrashKind.PowerLost);
            Assert.Null(reference.Recover(Actual(allowed)));
            Assert.Null(reference.Compare(Actual(allowed)));
        }

        foreach (byte[] forbidden in new byte[][] { [0, 0, 0], [1, 0, 3], [0, 2, 3], [1, 2, 4], [1, 2] })
        {
            ReferenceStore reference = WithWrites(flushAfter: 1, 1, 2, 3);
            reference.Crash(CrashKind.PowerLost);
            Assert.NotNull(reference.Recover(Actual(forbidden)));
        }
    }

    [Fact]
    public void A_change_in_flight_is_done_or_not_but_never_half()
    {
        foreach ((byte[] found, bool isAllowed) in new (byte[], bool)[] { ([1, 0, 0], true), ([1, 5, 5], true), ([1, 5, 0], false) })
        {
            ReferenceStore reference = WithWrites(flushAfter: 0, 1);
            reference.Begin(new StoreChange.Write(1, [(ChunkSize, Filled(5, 2))]));
            reference.Crash(CrashKind.ProcessDied);
            Assert.Equal(isAllowed, reference.Recover(Actual(found)) is null);
        }
    }

    [Fact]
    public void A_change_larger_than_a_batch_may_be_done_by_chunks()
    {
        const int Chunks = (int)(StoreChange.LargestBatch / ChunkSize) + 1;
        foreach (bool isTorn in new[] { false, true })
        {
            var reference = new ReferenceStore();
            reference.Begin(new StoreChange.Create(1, "a", Chunks * ChunkSize, ChunkSize, CompressionSetting.None));
            reference.Acknowledge();
            reference.Begin(new StoreChange.Write(1, [(0, Filled(5, Chunks))]));
            reference.Crash(CrashKind.ProcessDied);

            var half = new ReferenceVolume("a", Chunks * ChunkSize, ChunkSize, CompressionSetting.None);
            half.Write(0, Filled(5, 100).AsSpan(isTorn ? 1 : 0));
            Assert.Equal(isTorn, reference.Recover([half]) is not null);
        }
    }

    [Fact]
    public void What_survived_a_loss_of_power_is_durable_and_what_survived_a_death_is_not()
    {
        ReferenceStore reference = WithWrites(flushAfter: 0, 1, 2, 3);
        reference.Crash(CrashKind.ProcessDied);
        Assert.Null(reference.Recover(Actual(1, 2, 3)));
        reference.Crash(CrashKind.PowerLost);
        Assert.Null(reference.Recover(Actual(1, 2, 0)));
        reference.Crash(CrashKind.PowerLost);
        Assert.NotNull(reference.Recover(Actual(1, 0, 0)));
    }

    [Fact]
    public void A_refused_change_is_done_or_not_and_what_is_seen_then_counts()
    {
        ReferenceStore reference = WithWrites(flushAfter: 0, 1);
        reference.Begin(new StoreChange.Write(1, [(ChunkSize, Filled(5, 2))]));
        Assert.NotNull(reference.Recover(Actual(1, 5, 0)));
        Assert.Null(reference.Recover(Actual(1, 0, 0)));
        reference.Crash(CrashKind.ProcessDied);
        Assert.NotNull(reference.Recover(Actual(1, 5, 5)));
        Assert.Null(reference.Recover(Actual(1, 0, 0)));
    }

    [Fact]
    public void After_a_failed_sync_what_is_seen_may_still_be_lost()
    {
        ReferenceStore reference = WithWrites(flushAfter: 1, 1, 2, 3);
        reference.Crash(CrashKind.MediumFailed);
        Assert.NotNull(reference.Recover(Actual(0, 0, 0)));
        Assert.Null(reference.Recover(Actual(1, 2, 0)));
        reference.Crash(CrashKind.PowerLost);
        Assert.NotNull(reference.Recover(Actual(1, 2, 3)));
        Assert.Null(reference.Recover(Actual(1, 0, 0)));
    }

    [Fact]
    public void Catalog_changes_are_durable_and_take_what_came_before_with_them()
    {
        ReferenceStore reference = WithWrites(flushAfter: 0, 1, 2);
        reference.Begin(new StoreChange.SetCompression(1, CompressionSetting.Lz4));
        reference.Acknowledge();
        Assert.Equal(0, reference.UnflushedCount);
        reference.Crash(CrashKind.PowerLost);
        Assert.NotNull(reference.Recover(Actual(1, 2)));
    }

    [Fact]
    public void A_chunk_history_forbids_what_a_surviving_write_has_replaced()
    {
        var history = new ChunkHistory(1);
        history.Begin(0, 1);
        Assert.True(history.IsAllowed(0, 0, powerLost: false));
        Assert.True(history.IsAllowed(0, 1, powerLost: false));
        history.Acknowledge(0, 1);
        Assert.False(history.IsAllowed(0, 0, powerLost: false));
        Assert.True(history.IsAllowed(0, 0, powerLost: true));

        long flush = history.BeginFlush();
        history.Begin(0, 2);
        history.Begin(0, 3);
        history.Acknowledge(0, 2);
        history.EndFlush(flush);
        Assert.False(history.IsAllowed(0, 0, powerLost: true));
        Assert.True(history.IsAllowed(0, 1, powerLost: true));
        Assert.False(history.IsAllowed(0, 1, powerLost: false));

        // Two at a time: either may be the last one.
        Assert.True(history.IsAllowed(0, 2, powerLost: false));
        Assert.True(history.IsAllowed(0, 3, powerLost: false));
        Assert.False(history.IsAllowed(0, 4, powerLost: true));
        history.Adopt(0, 3);
        Assert.False(history.IsAllowed(0, 2, powerLost: true));
    }

    /// <summary>A volume of as many chunks as there are values, each written with its own one after the other.</summary>
    private static ReferenceStore WithWrites(int flushAfter, params byte[] values)
    {
        var reference = new ReferenceStore();
        reference.Begin(new StoreChange.Create(1, "a", Math.Max(3, values.Length) * ChunkSize, ChunkSize, CompressionSetting.None));
        reference.Acknowledge();
        for (int i = 0; i < values.Length; i++)
        {
            reference.Begin(new StoreChange.Write(1, [(i * ChunkSize, Filled(values[i], 1))]));
            reference.Acknowledge();
            if (i + 1 == flushAfter)
            {
                reference.Flushed();
            }
        }

        return reference;
    }

    private static ReferenceVolume[] Actual(params byte[] values)
    {
        var volume = new ReferenceVolume("a", values.Length * ChunkSize, ChunkSize, CompressionSetting.None);
        for (int i = 0; i < values.Length; i++)
        {
            volume.Write(i * ChunkSize, Filled(values[i], 1));
        }

        return [volume];
    }

    private static byte[] Filled(byte value, int chunks)
    {
        var bytes = new byte[chunks * ChunkSize];
        Array.Fill(bytes, value);
        return bytes;
    }
}
