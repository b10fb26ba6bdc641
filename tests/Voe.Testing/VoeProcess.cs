using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Voe.Testing;

/// <summary>
/// The admin tool <c>voe</c> as a process of its own: the one beside the voe-server under test (<see cref="ServerProcess.Command"/>).
/// Not thread-safe.
/// </summary>
public sealed partial class VoeProcess : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<byte[]> _output;
    private readonly Task<string> _error;

    private VoeProcess(Process process)
    {
        _process = process;
        _output = ReadAllAsync(process.StandardOutput.BaseStream);
        _error = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Its standard input; close it to end it.</summary>
    public Stream Input => _process.StandardInput.BaseStream;

    /// <summary>What it printed on standard error; after <see cref="Wait"/>.</summary>
    public string Error => _error.GetAwaiter().GetResult();

    /// <summary>What it printed on standard output; after <see cref="Wait"/>.</summary>
    public byte[] Output => _output.GetAwaiter().GetResult();

    /// <summary>The words of a command line that runs it.</summary>
    public static string[] Command(string storeDirectory, params string[] arguments) =>
        [.. ServerProcess.CommandBeside("voe"), "--store", storeDirectory, .. arguments];

    /// <summary>Starts it.</summary>
    public static VoeProcess Start(string storeDirectory, params string[] arguments)
    {
        string[] command = Command(storeDirectory, arguments);
        return new VoeProcess(Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);
    }

    /// <summary>Runs it to its end, with nothing on standard input.</summary>
    /// <returns>Its exit status, standard output and standard error.</returns>
    public static (int Status, byte[] Output, string Error) Run(string storeDirectory, params string[] arguments)
    {
        using VoeProcess voe = Start(storeDirectory, arguments);
        voe.Input.Close();
        return (voe.Wait(), voe.Output, voe.Error);
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(PosixSignal signal)
    {
        int number = signal switch
        {
            PosixSignal.SIGINT => 2,
            PosixSignal.SIGTERM => 15,
            _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, "SIGINT or SIGTERM expected."),
        };
        if (SendSignal(_process.Id, number) != 0)
        {
            throw new InvalidOperationException($"{signal} to process {_process.Id}: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit status.</returns>
    public int Wait()
    {
        if (!_process.WaitForExit(Limit))
        {
            _process.Kill();
            throw new TimeoutException($"voe did not end within {Limit.TotalSeconds} s");
        }

        return _process.ExitCode;
    }

    /// <summary>Kills it if it still runs.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}
