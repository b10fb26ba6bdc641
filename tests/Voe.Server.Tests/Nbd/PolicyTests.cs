using System.Diagnostics;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Store;

namespace Voe.Server.Tests.Nbd;

public sealed class PolicyTests
{
    [Fact]
    public void Half_of_the_processors_may_spin_and_none_while_all_work()
    {
        var budget = new SpinBudget(processorCount: 4);
        Assert.True(budget.TryBeginSpin());
        Assert.True(budget.TryBeginSpin());
        Assert.False(budget.TryBeginSpin());
        budget.EndSpin();
        budget.BeginWork();
        budget.BeginWork();
        Assert.True(budget.HasIdleProcessor);
        budget.BeginWork();
        Assert.False(budget.TryBeginSpin());
        budget.BeginWork();
        Assert.False(budget.HasIdleProcessor);
        for (int i = 0; i < 3; i++)
        {
            budget.EndWork();
        }

        Assert.True(budget.TryBeginSpin());
    }

    [Fact]
    public void Nobody_spins_on_a_single_processor() => Assert.False(new SpinBudget(processorCount: 1).TryBeginSpin());

    [Fact]
    public void Work_is_long_once_it_was_measured_to_be()
    {
        var cost = new CostEstimate();
        Assert.False(cost.IsLong(256, 32 << 20));
        Assert.Equal(256, cost.GroupLimit(256));
        cost.Record(1, 4096, Stopwatch.GetTimestamp() - (Stopwatch.Frequency / 100));
        Assert.True(cost.IsLong(1, 4096));
        Assert.Equal(4, cost.GroupLimit(256));
        for (int i = 0; i < 60; i++)
        {
            cost.Record(1, 4096, Stopwatch.GetTimestamp());
        }

        Assert.False(cost.IsLong(1, 4096));
        Assert.InRange(cost.GroupLimit(256), 5, 256);
    }

    [Fact]
    public void What_waits_is_shared_and_what_only_computes_is_shared_when_it_is_large_and_a_processor_is_idle()
    {
        long tick = Stopwatch.Frequency / 1_000_000;
        var disk = new CostEstimate();
        var memory = new CostEstimate();
        for (int i = 0; i < 60; i++)
        {
            disk.Record(1, 4096, Stopwatch.GetTimestamp() - (200 * tick));
            memory.Record(32, 32 * 4096, Stopwatch.GetTimestamp() - (64 * 4 * tick));
        }

        Assert.True(disk.IsWorthSharing(2, 8192, hasIdleProcessor: false));
        Assert.False(memory.IsWorthSharing(32, 32 * 4096, hasIdleProcessor: true));
        Assert.False(memory.IsWorthSharing(2, 1 << 20, hasIdleProcessor: false));
        Assert.True(memory.IsWorthSharing(2, 1 << 20, hasIdleProcessor: true));
        Assert.Equal(256, memory.GroupLimit(256));
    }

    [Fact]
    public void Failures_are_reported_once_a_second_with_the_number_of_those_between()
    {
        var log = new CollectingLogger();
        var time = new ManualTime();
        var failures = new FailureLog(log, time, "nbd: client 7");
        for (int i = 0; i < 100; i++)
        {
            failures.Report("disk0", NbdCommand.Write, 2, NbdError.NoSpace, new StoreFullException("the disk is full"));
        }

        Assert.Single(log.Lines);
        time.Now += ManualTime.Second;
        failures.Report("disk0", NbdCommand.Read, 1, NbdError.InputOutput, new StoreDamagedException("pack 3"));
        Assert.Equal(2, log.Lines.Count);
        Assert.Contains("the disk is full", log.Lines[0], StringComparison.Ordinal);
        Assert.Contains("198 more", log.Lines[1], StringComparison.Ordinal);
        Assert.Contains("pack 3", log.Lines[1], StringComparison.Ordinal);
    }

    private sealed class ManualTime : TimeProvider
    {
        public const long Second = 1000;

        public long Now { get; set; }

        public override long TimestampFrequency => Second;

        public override long GetTimestamp() => Now;
    }
}
