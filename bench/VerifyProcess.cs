using System.Diagnostics;
using System.Globalization;
using Voe.Store.Verify;

namespace Voe.Benchmarks;

/// <summary>What one verification took.</summary>
/// <param name="Seconds">From its begin to its end, without the start of the process.</param>
/// <param name="CpuSeconds">Processor time of the process in it.</param>
/// <param name="PeakMemory">The most memory that the process had, in bytes (VmHWM).</param>
/// <param name="Bytes">Length of the packs.</param>
/// <param name="Chunks">Chunks in them.</param>
internal readonly record struct VerifyRun(double Seconds, double CpuSeconds, long PeakMemory, long Bytes, long Chunks);

/// <summary>
/// One verification in a process of its own, so that its memory is its own and its code is compiled as that of
/// <c>voe-fsck</c> is: while it runs.
/// </summary>
internal static class VerifyProcess
{
    /// <summary>The command that such a process gets.</summary>
    public const string Command = "verify-once";

    /// <summary>Verifies the store in a directory, in a new process. What the page cache has of the packs is dropped first.</summary>
    /// <exception cref="InvalidOperationException">It failed, or found more than notes.</exception>
    public static VerifyRun Start(string path, VerifyDepth depth, int threads)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Voe.Benchmarks"))
        {
            ArgumentList = { Command, path, depth.ToString(), threads.ToString(CultureInfo.InvariantCulture) },
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string[] fields = output.Split(' ', StringSplitOptions.TrimEntries);
        if (process.ExitCode != 0 || fields.Length != 5)
        {
            throw new InvalidOperationException($"verifying {path} failed with {process.ExitCode}: {output}");
        }

        return new VerifyRun(
            double.Parse(fields[0], CultureInfo.InvariantCulture), double.Parse(fields[1], CultureInfo.InvariantCulture),
            long.Parse(fields[2], CultureInfo.InvariantCulture), long.Parse(fields[3], CultureInfo.InvariantCulture),
            long.Parse(fields[4], CultureInfo.InvariantCulture));
    }

    /// <summary>Such a process.</summary>
    public static int RunOnce(ReadOnlySpan<string> args)
    {
        if (args is not [var path, var depth, var threads])
        {
            return 2;
        }

        var options = new VerifyOptions
        {
            Depth = Enum.Parse<VerifyDepth>(depth),
            Threads = int.Parse(threads, CultureInfo.InvariantCulture),
        };
        using Process self = Process.GetCurrentProcess();
        TimeSpan cpu = self.TotalProcessorTime;
        long before = Stopwatch.GetTimestamp();
        VerifyResult result = StoreVerifier.Run(path, options); // drops the page cache itself
        double seconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
        self.Refresh();
        if (!result.IsClean)
        {
            Console.WriteLine(result.Findings[0].Message);
            return 1;
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{seconds:F4} {(self.TotalProcessorTime - cpu).TotalSeconds:F4} {PeakMemory()} {result.Bytes} {result.Chunks}"));
        return 0;
    }

    private static long PeakMemory()
    {
        const string Field = "VmHWM:";
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith(Field, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(Field.Length, line.Length - Field.Length - "kB".Length), NumberStyles.AllowLeadingWhite
            | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) << 10;
    }
}
