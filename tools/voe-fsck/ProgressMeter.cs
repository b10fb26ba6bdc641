using Voe.Store;

namespace Voe.Fsck;

/// <summary>Shows how far a long operation is, with rate and time left, on one line of a terminal.</summary>
/// <param name="output">Where to.</param>
/// <param name="isOn">Whether anybody is looking.</param>
/// <param name="clock">Time.</param>
internal sealed class ProgressMeter(TextWriter output, bool isOn, TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private long _start = clock.GetTimestamp();
    private string _operation = "";
    private long _lastShown = clock.GetTimestamp();
    private bool _isShown;

    /// <summary>Shows a step, if the last was shown long enough ago.</summary>
    public void Report(StoreProgress progress)
    {
        if (!string.Equals(progress.Operation, _operation, StringComparison.Ordinal))
        {
            (_operation, _start) = (progress.Operation, clock.GetTimestamp()); // each step has its own rate
        }

        if (!isOn || clock.GetElapsedTime(_lastShown) < Interval)
        {
            return;
        }

        _lastShown = clock.GetTimestamp();
        _isShown = true;
        double seconds = clock.GetElapsedTime(_start).TotalSeconds;
        double rate = progress.Done / Math.Max(seconds, 0.001);
        double left = rate > 0 ? (progress.Total - progress.Done) / rate : 0;
        string speed = progress.CountsPacks ? $"{rate:F0} packs/s" : $"{rate / (1 << 20):F0} MiB/s";
        output.Write(FormattableString.Invariant(
            $"\r{progress.Operation}: {100.0 * progress.Done / Math.Max(1, progress.Total):F1} %, {speed}, {left:F0} s left   "));
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (_isShown)
        {
            output.Write("\r\x1b[K");
        }
    }
}
