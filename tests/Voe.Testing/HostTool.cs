using System.Diagnostics;

namespace Voe.Testing;

/// <summary>A program of this machine that a test needs, such as losetup or mount.</summary>
public static class HostTool
{
    /// <summary>
    /// Held while a process is made: meanwhile that one holds the descriptors of this one, and with them the locks of files and
    /// devices. Who closes something and opens it again at once holds it meanwhile.
    /// </summary>
    public static Lock Making { get; } = new();

    /// <summary>Runs it and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It is missing, or failed; the message has what it said.</exception>
    public static string Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Start(program, arguments);
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? output
                : throw new InvalidOperationException(
                    $"{program} {string.Join(' ', arguments)}: status {process.ExitCode}, {error.Result}");
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new InvalidOperationException($"{program} cannot be run: {missing.Message}", missing);
        }
    }

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        lock (Making)
        {
            return Process.Start(start)!; // returns when the new process has let go of what is not its own
        }
    }
}
