using Voe.Store.Devices;

namespace Voe.Store.Tests.Devices;

/// <summary>One sync for all who wait, none after one that failed.</summary>
public sealed class SharedFlushTests
{
    [Fact]
    public void All_who_come_during_a_sync_share_the_next_one()
    {
        int count = 0;
        using var firstRuns = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var flush = new SharedFlush("f", () =>
        {
            if (Interlocked.Increment(ref count) == 1)
            {
                firstRuns.Set();
                goOn.Wait();
            }
        });
        var first = new Thread(flush.Flush);
        first.Start();
        firstRuns.Wait();
        Thread[] others = [.. Enumerable.Range(0, 8).Select(_ => new Thread(flush.Flush))];
        Array.ForEach(others, thread => thread.Start());
        SpinWait.SpinUntil(() => Array.TrueForAll(others, thread => thread.ThreadState == ThreadState.WaitSleepJoin));
        goOn.Set();
        first.Join();
        Array.ForEach(others, thread => thread.Join());
        Assert.Equal(2, count);
        flush.Flush();
        Assert.Equal(3, count);
    }

    [Fact]
    public void Who_waits_while_a_sync_fails_is_told_and_nobody_syncs_again()
    {
        int count = 0;
        using var runs = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var flush = new SharedFlush("f", () =>
        {
            count++;
            runs.Set();
            goOn.Wait();
            throw new StoreIOException("the disk is broken");
        });
        Exception? firstError = null;
        Exception? secondError = null;
        var first = new Thread(() => firstError = Record.Exception(flush.Flush));
        first.Start();
        runs.Wait();
        var second = new Thread(() => secondError = Record.Exception(flush.Flush));
        second.Start();
        SpinWait.SpinUntil(() => second.ThreadState == ThreadState.WaitSleepJoin);
        goOn.Set();
        first.Join();
        second.Join();
        Assert.IsType<StoreIOException>(firstError);
        Assert.Contains("the disk is broken", Assert.IsType<StoreFailedException>(secondError).Message, StringComparison.Ordinal);
        Assert.Throws<StoreFailedException>(flush.Flush);
        Assert.Throws<StoreFailedException>(flush.RequireSound);
        Assert.Equal(1, count);
    }
}
