using System.Diagnostics;

namespace Voe.Testing;

/// <summary>The program <c>voe-fsck</c> as a process of its own: the one beside the voe-server under test.</summary>
public static class FsckProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Runs it to its end.</summary>
    /// <param name="arguments">Its arguments, such as <c>verify</c> and a store.</param>
    /// <returns>Its exit status, and all that it printed on both of its outputs.</returns>
    /// <exception cref="TimeoutException">It did not end in time, and was killed.</exception>
    public static (int Status, string Report) Run(params string[] arguments)
    {
        string[] command = [.. ServerProcess.CommandBeside("voe-fsck"), .. arguments];
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill();
            throw new TimeoutException($"voe-fsck {string.Join(' ', arguments)} did not end within {Limit.TotalSeconds} s");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult());
    }
}
