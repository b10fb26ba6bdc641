using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Voe.Testing;

namespace Voe.Conformance.Tests;

/// <summary>How a run of the rig ended.</summary>
/// <param name="Status">The exit status of tests/rig/vm-run, that is of the guest's script; 0 after a power cut.</param>
/// <param name="Output">What script, kernel and server had to say.</param>
internal sealed record RigRun(int Status, string Output)
{
    /// <summary>Fails the test, with the output, unless the script ended well or the power was cut as planned.</summary>
    public RigRun AssertSuccess()
    {
        Assert.True(Status == 0, $"the guest's script ended with status {Status}\n{Output}");
        return this;
    }
}

/// <summary>Runs scripts in a real Linux kernel, by tests/rig.</summary>
internal static class Rig
{
    private static readonly string Folder = Path.Combine(FindRoot(), "tests", "rig");

    /// <summary>Options of vm-run that run the voe-server under test on the host, where the guest reaches it at 10.77.0.1.</summary>
    public static string[] HostServer(string store, params string[] options)
    {
        string[] words = [.. ServerProcess.Command, "--store", store, "--nbd", "10.77.0.1:10809", .. options];
        string command = "exec " + string.Join(' ', words.Select(word => $"'{word}'"));
        return ["--server", command, "--ready", "log:voe-server ready: "];
    }

    /// <summary>Skips the test, with the reason, where no guest can run.</summary>
    public static void SkipUnlessPossible()
    {
        RigRun check = Start("--check");
        if (check.Status == 77)
        {
            Assert.Skip("no virtual machine: " + check.Output.Trim());
        }

        check.AssertSuccess();
    }

    /// <summary>Boots a guest, runs a script of tests/rig/scripts in it, and waits for its end.</summary>
    /// <param name="options">Options of vm-run.</param>
    /// <param name="script">The script's name.</param>
    /// <param name="arguments">Its arguments.</param>
    public static RigRun Run(IEnumerable<string> options, string script, params string[] arguments) =>
        Start([.. options, "--", Path.Combine(Folder, "scripts", script), .. arguments]);

    /// <summary>
    /// Fills a directory with the voe-server under test and the .NET runtime that this test runs on, for vm-run's --programs:
    /// the guest starts <c>/programs/bin/voe-server</c> with DOTNET_ROOT=/programs/dotnet.
    /// </summary>
    public static void CopyServer(string directory)
    {
        string server = ServerProcess.Command[^1];
        CopyTree(Path.GetDirectoryName(server)!, Path.Combine(directory, "bin"));
        string runtime = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        string root = Path.GetFullPath(Path.Combine(runtime, "../../.."));
        CopyTree(runtime, Path.Combine(directory, "dotnet", Path.GetRelativePath(root, runtime)));
        CopyTree(Path.Combine(root, "host", "fxr"), Path.Combine(directory, "dotnet", "host", "fxr"));
    }

    private static RigRun Start(params string[] arguments)
    {
        var output = new StringBuilder();
        using var run = new Process
        {
            StartInfo = new ProcessStartInfo(Path.Combine(Folder, "vm-run"), arguments)
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        run.OutputDataReceived += (_, line) => Append(output, line.Data);
        run.ErrorDataReceived += (_, line) => Append(output, line.Data);
        run.Start();
        run.StandardInput.Close();
        run.BeginOutputReadLine();
        run.BeginErrorReadLine();
        run.WaitForExit(); // vm-run has a limit of its own
        return new RigRun(run.ExitCode, output.ToString());
    }

    private static void Append(StringBuilder output, string? line)
    {
        lock (output)
        {
            output.Append(CultureInfo.InvariantCulture, $"{line}\n");
        }
    }

    private static void CopyTree(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string directory in Directory.EnumerateDirectories(from))
        {
            CopyTree(directory, Path.Combine(to, Path.GetFileName(directory)));
        }

        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Voe.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Voe.sln above {AppContext.BaseDirectory}");
    }
}
