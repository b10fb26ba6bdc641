using System.Diagnostics;

namespace Voe.Conformance.Tests;

/// <summary>A program of somebody else that speaks to voe-server. A test whose program is missing is skipped, aloud.</summary>
internal static class ExternalTool
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Runs a program to its end and returns all that it printed; the test fails if its exit status is not 0.</summary>
    public static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Find(program), arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // nbdsh takes the first python3 it finds; its module is installed for the system's.
        start.Environment["PATH"] = "/usr/bin:" + start.Environment["PATH"];
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {Limit}");
        }

        string printed = output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{printed}");
        return printed;
    }

    /// <summary>Ends the test as skipped when a program is not installed.</summary>
    public static void Require(string program) => Find(program);

    /// <summary>The path of a program; ends the test as skipped when it is not installed.</summary>
    private static string Find(string program)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);
        if (path is null)
        {
            Assert.Skip($"{program} is not installed");
        }

        return path;
    }
}
