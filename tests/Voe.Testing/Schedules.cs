using System.Collections.Concurrent;
using System.Globalization;

namespace Voe.Testing;

/// <summary>Runs schedules, a few at a time, and fails with the seeds that went wrong.</summary>
/// <remarks>
/// VOE_CRASH_SCHEDULES is how many of each kind are run (the default is the short form), VOE_CRASH_SEED runs that one
/// alone, VOE_CRASH_FIRST moves the range, so that a long run sees other seeds than the last one did.
/// </remarks>
public static class Schedules
{
    private const int FailuresShown = 3;
    private const int StackLinesShown = 14;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Runs a schedule for each seed of the range, and for those that are kept because they once failed.</summary>
    public static void Run(int count, Action<int> schedule, params int[] keptSeeds)
    {
        int[] seeds = Read("VOE_CRASH_SEED") is { } only
            ? [only]
            : [.. keptSeeds.Concat(Enumerable.Range(Read("VOE_CRASH_FIRST") ?? 0, Read("VOE_CRASH_SCHEDULES") ?? count)).Distinct()];
        var failures = new ConcurrentQueue<(int Seed, Exception Exception)>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 2, 8) };
        Parallel.ForEach(Partitioner.Create(seeds, EnumerablePartitionerOptions.NoBuffering), options, (seed, state) =>
        {
            if (RunOne(seed, schedule) is { } exception)
            {
                failures.Enqueue((seed, exception));
                if (failures.Count >= FailuresShown)
                {
                    state.Stop();
                }
            }
        });

        if (!failures.IsEmpty)
        {
            throw new ScheduleFailedException(
                string.Join("\n\n", failures.Select(failure => Describe(failure.Seed, failure.Exception))), null);
        }
    }

    private static string Describe(int seed, Exception exception)
    {
        Exception cause = exception is ScheduleFailedException { InnerException: { } inner } ? inner : exception;
        IEnumerable<string> stack = (cause.StackTrace ?? "").Split('\n').Take(StackLinesShown);
        return $"VOE_CRASH_SEED={seed}: {exception.Message}\n  {cause.GetType().Name}\n{string.Join('\n', stack)}";
    }

    /// <summary>Runs on a thread of its own, so that a schedule that hangs is a failure too.</summary>
    private static Exception? RunOne(int seed, Action<int> schedule)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                schedule(seed);
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        })
        {
            IsBackground = true,
            Name = $"schedule {seed}",
        };
        thread.Start();
        return thread.Join(Patience) ? failure : new TimeoutException($"the schedule hangs: it did not end within {Patience}");
    }

    private static int? Read(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)
            ? value
            : null;
}
