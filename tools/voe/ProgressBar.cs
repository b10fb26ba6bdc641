using System.Globalization;
using Voe.Admin;
using Voe.Store;

namespace Voe.Tool;

/// <summary>
/// Shows how far something is, in one line that is written over: from the first second on, ten times a second at most, on a
/// terminal only. Safe from many threads.
/// </summary>
internal sealed class ProgressBar(ToolConsole console) : IDisposable
{
    private const int BarWidth = 24;
    private const string ClearLine = "\r\e[K";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lineLock = new();
    private readonly long _start = console.Time.GetTimestamp();
    private string _operation = ""; // all guarded by _lineLock
    private long _operationStart;
    private long _shown;
    private bool _isShown;

    /// <summary>Shows that it is so far.</summary>
    public void Show(AdminProgress progress)
    {
        if (console.ProgressWidth == 0)
        {
            return;
        }

        lock (_lineLock)
        {
            long now = console.Time.GetTimestamp();
            if (!string.Equals(progress.Operation, _operation, StringComparison.Ordinal))
            {
                _operation = progress.Operation;
                _operationStart = now;
            }
            else if (_isShown && console.Time.GetElapsedTime(_shown, now) < Interval)
            {
                return;
            }

            if (console.Time.GetElapsedTime(_start, now) < Patience)
            {
                return;
            }

            _isShown = true;
            _shown = now;
            string line = Line(progress, console.Time.GetElapsedTime(_operationStart, now));
            console.Error.Write(ClearLine + line[..Math.Min(line.Length, console.ProgressWidth - 1)]);
            console.Error.Flush();
        }
    }

    /// <summary>Removes the line.</summary>
    public void Dispose()
    {
        lock (_lineLock)
        {
            if (_isShown)
            {
                console.Error.Write(ClearLine);
                console.Error.Flush();
                _isShown = false;
            }
        }
    }

    /// <summary>The line for people.</summary>
    internal static string Line(AdminProgress progress, TimeSpan elapsed)
    {
        double rate = elapsed.TotalSeconds > 0 ? progress.Done / elapsed.TotalSeconds : 0;
        string done = ByteSize.Round(progress.Done);
        string speed = rate > 0 ? $"  {ByteSize.Round((long)rate)}/s" : "";
        if (progress.Total <= 0)
        {
            return progress.Done > 0 ? $"{progress.Operation}  {done}{speed}" : progress.Operation;
        }

        double part = Math.Clamp((double)progress.Done / progress.Total, 0, 1);
        int filled = (int)(part * BarWidth);
        string bar = new string('#', filled) + new string('.', BarWidth - filled);
        string left = rate > 0 && part < 1 ? $"  {Time((progress.Total - progress.Done) / rate)} left" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Operation}  [{bar}] {part * 100,3:F0} %  {done} of {ByteSize.Round(progress.Total)}{speed}{left}");
    }

    private static string Time(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.FromDays(99).TotalSeconds));
        return time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");
    }
}
