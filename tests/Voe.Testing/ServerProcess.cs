using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Voe.Testing;

/// <summary>
/// A voe-server that runs as a process of its own, as its users run it, and dies with its test.
/// </summary>
/// <remarks>
/// Which voe-server: the file that the environment variable <c>VOE_SERVER</c> names (an executable, or a .dll for <c>dotnet</c>), else the
/// <c>voe-server.dll</c> that was built into the test's own folder. Not thread-safe, but for <see cref="Log"/>.
/// </remarks>
public sealed partial class ServerProcess : IDisposable
{
    private const string ReadyPrefix = "voe-server ready: ";
    private const int SignalTerm = 15;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    // The server itself promises 10 s; the rest is for a busy machine.
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(15);

    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly Lock _logLock = new();
    private readonly ManualResetEventSlim _readyOrGone = new();
    private DirectoryInfo? _socketDirectory;
    private string? _readyLine;

    private ServerProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Receive(line.Data, isStandardOutput: true);
        _process.ErrorDataReceived += (_, line) => Receive(line.Data, isStandardOutput: false);
    }

    /// <summary>The command that starts the voe-server under test, without options; its last word is the program's file.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static IReadOnlyList<string> Command
    {
        get
        {
            string server = Environment.GetEnvironmentVariable("VOE_SERVER") is { Length: > 0 } chosen
                ? chosen
                : Path.Combine(AppContext.BaseDirectory, "voe-server.dll");
            if (!File.Exists(server))
            {
                throw new InvalidOperationException($"there is no {server} to test; set VOE_SERVER, or reference the project Voe.Server");
            }

            return server.EndsWith(".dll", StringComparison.Ordinal)
                ? [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet", server]
                : [server];
        }
    }

    /// <summary>The command that starts another of VoE's programs, the one that lies beside <see cref="Command"/>'s.</summary>
    /// <param name="program">Its name, such as <c>voe-fsck</c>.</param>
    public static string[] CommandBeside(string program)
    {
        string server = Command[^1];
        string file = server.EndsWith(".dll", StringComparison.Ordinal) ? program + ".dll" : program;
        return [.. Command.SkipLast(1), Path.Combine(Path.GetDirectoryName(server)!, file)];
    }

    /// <summary>The process id.</summary>
    public int Id { get; private set; }

    /// <summary>Whether the process has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What the server said when it was ready, without the words "voe-server ready: ".</summary>
    public string ReadyLine => _readyLine ?? throw new InvalidOperationException("voe-server is not ready\n" + Log);

    /// <summary>The first TCP port it listens on for NBD.</summary>
    public int Port
    {
        get
        {
            Match match = NbdPort().Match(ReadyLine);
            return match.Success
                ? int.Parse(match.Groups["port"].ValueSpan, CultureInfo.InvariantCulture)
                : throw new InvalidOperationException($"no TCP port in the ready line: {ReadyLine}");
        }
    }

    /// <summary>The unix socket it serves NBD on, or null when it was told to listen elsewhere only.</summary>
    public string? SocketPath { get; private set; }

    /// <summary>All that the server printed so far, on both of its outputs, a line each. Safe from any thread.</summary>
    public string Log
    {
        get
        {
            lock (_logLock)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts voe-server on a store and waits until it is ready.</summary>
    /// <param name="storeDirectory">The store's directory, for <c>--store</c>.</param>
    /// <param name="arguments">
    /// Further arguments, such as <c>--volume disk0=1GiB</c> as two of them. Without any <c>--nbd</c> the server listens on a free port of
    /// 127.0.0.1 and on a unix socket of its own; a <c>--nbd</c> given replaces both.
    /// </param>
    /// <exception cref="InvalidOperationException">The server ended before it was ready; the message has its log.</exception>
    /// <exception cref="TimeoutException">It was not ready in time, and was killed; the message has its log.</exception>
    public static ServerProcess Start(string storeDirectory, params string[] arguments) =>
        Start([], ["--store", storeDirectory, .. arguments]);

    /// <summary>Starts voe-server with all of its arguments and more environment, and waits until it is ready; else as the other.</summary>
    public static ServerProcess Start(IReadOnlyCollection<(string Name, string Value)> environment, params string[] arguments) =>
        Start(environment, [], arguments, choosesListeners: true);

    /// <summary>
    /// Starts voe-server through another program, which is to become it (exec) with the words that follow its own, and waits until
    /// it is ready. Where to listen is not chosen here.
    /// </summary>
    public static ServerProcess StartThrough(IReadOnlyCollection<string> launcher, params string[] arguments) =>
        Start([], launcher, arguments, choosesListeners: false);

    private static ServerProcess Start(
        IReadOnlyCollection<(string Name, string Value)> environment, IReadOnlyCollection<string> launcher, string[] arguments,
        bool choosesListeners)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(launcher);
        ArgumentNullException.ThrowIfNull(arguments);
        string[] command = [.. launcher, .. Command];
        var start = new ProcessStartInfo(command[0], [.. command.Skip(1), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        var server = new ServerProcess(start);
        try
        {
            if (choosesListeners)
            {
                server.ChooseListeners(arguments);
            }

            server.Run();
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>The address (an NBD URI) of an export over TCP, as libnbd and QEMU take it.</summary>
    public string TcpAddress(string export) => string.Create(CultureInfo.InvariantCulture, $"nbd://127.0.0.1:{Port}/{export}");

    /// <summary>The address (an NBD URI) of an export over the unix socket, as libnbd and QEMU take it.</summary>
    public string SocketAddress(string export) => SocketPath is null
        ? throw new InvalidOperationException("this server has no unix socket")
        : $"nbd+unix:///{export}?socket={SocketPath}";

    /// <summary>Ends the server this instant, by SIGKILL, and waits until it is gone.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Asks the server to end, by SIGTERM, and waits until it is gone.</summary>
    /// <returns>Its exit status.</returns>
    /// <exception cref="TimeoutException">It did not end in time, and was killed; the message has its log.</exception>
    public int Stop()
    {
        if (!_process.HasExited && SendSignal(Id, SignalTerm) != 0)
        {
            throw new InvalidOperationException($"SIGTERM to process {Id}: errno {Marshal.GetLastPInvokeError()}");
        }

        if (!_process.WaitForExit(StopLimit))
        {
            Kill();
            throw new TimeoutException($"voe-server did not end within {StopLimit.TotalSeconds} s of SIGTERM\n" + Log);
        }

        _process.WaitForExit(); // without a limit it also waits for the last lines of the log
        return _process.ExitCode;
    }

    /// <summary>Kills the server if it still runs, and removes its socket.</summary>
    public void Dispose()
    {
        if (Id != 0)
        {
            Kill();
        }

        _process.Dispose();
        _readyOrGone.Dispose();
        _socketDirectory?.Delete(recursive: true);
        _socketDirectory = null;
        Id = 0;
    }

    private void ChooseListeners(string[] arguments)
    {
        int option = Array.IndexOf(arguments, "--nbd");
        if (option < 0)
        {
            // Short, since the path of a unix socket has at most 107 bytes.
            _socketDirectory = Directory.CreateTempSubdirectory("voe-");
            SocketPath = Path.Combine(_socketDirectory.FullName, "nbd");
            string[] listeners = ["--nbd", "127.0.0.1:0", "--nbd", "unix:" + SocketPath];
            Array.ForEach(listeners, _process.StartInfo.ArgumentList.Add);
        }
        else
        {
            SocketPath = arguments.FirstOrDefault(argument => argument.StartsWith("unix:", StringComparison.Ordinal))?["unix:".Length..];
        }
    }

    private void Run()
    {
        _process.Start();
        Id = _process.Id;
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (!_readyOrGone.Wait(StartLimit))
        {
            throw new TimeoutException($"voe-server was not ready within {StartLimit.TotalSeconds} s\n" + Log);
        }

        if (_readyLine is null)
        {
            _process.WaitForExit();
            throw new InvalidOperationException($"voe-server ended with status {_process.ExitCode} before it was ready\n" + Log);
        }
    }

    private void Receive(string? line, bool isStandardOutput)
    {
        if (line is not null)
        {
            lock (_logLock)
            {
                _log.Append(line).Append('\n');
            }
        }

        if (!isStandardOutput || _readyLine is not null)
        {
            return;
        }

        if (line is null)
        {
            _readyOrGone.Set(); // the end of its output: it is gone, or about to be
        }
        else if (line.StartsWith(ReadyPrefix, StringComparison.Ordinal))
        {
            _readyLine = line[ReadyPrefix.Length..];
            _readyOrGone.Set();
        }
    }

    [GeneratedRegex(@"nbd://[^\s,]*:(?<port>[0-9]+)", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NbdPort();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}
