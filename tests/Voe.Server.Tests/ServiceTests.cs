using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Voe.Testing;

namespace Voe.Server.Tests;

/// <summary>The real process as a service: what it tells systemd and logs, how it stops under load, with what status it ends.</summary>
public sealed partial class ServiceTests : IDisposable
{
    private const int BlockSize = 4096;
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly TemporaryDirectory _directory = new();

    private string StorePath => Path.Combine(_directory.Path, "store");

    private string[] Arguments => ["--store", StorePath, "--chunk-cache", "16MiB"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Systemd_is_told_of_the_replay_of_the_end_of_the_start_and_of_the_stop()
    {
        using (ServerProcess first = ServerProcess.Start([], [.. Arguments, "--volume", "disk0=16MiB"]))
        {
            using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(first.SocketPath!), "disk0");
            Assert.Equal(0u, client.DoWrite(0, new byte[] { 1, 2, 3 }));
            first.Kill();
        }

        string path = Path.Combine(_directory.Path, "notify");
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        using ServerProcess server = ServerProcess.Start([("NOTIFY_SOCKET", path)], Arguments);
        var words = new List<string>();
        while (words.LastOrDefault()?.StartsWith("READY=1", StringComparison.Ordinal) != true)
        {
            words.Add(Receive(systemd));
        }

        Assert.Equal($"READY=1\nSTATUS=serving at {server.ReadyLine}", words[^1]);
        Assert.Contains(words[..^1], word => word.StartsWith("STATUS=replaying", StringComparison.Ordinal)
            && word.EndsWith("\nEXTEND_TIMEOUT_USEC=60000000", StringComparison.Ordinal));
        Assert.Equal(0, server.Stop());
        Assert.StartsWith("STOPPING=1\n", Receive(systemd), StringComparison.Ordinal);
    }

    [Fact]
    public void Stop_under_load_is_in_time_and_loses_no_acknowledged_write()
    {
        const int writers = 4;
        const int blocks = 1024;
        int[] acknowledged = new int[writers];
        using (ServerProcess server = ServerProcess.Start([], [.. Arguments, "--volume", "disk0=64MiB"]))
        {
            using var isLoaded = new CountdownEvent(writers);
            Thread[] threads = [.. Enumerable.Range(0, writers).Select(writer => new Thread(() =>
            {
                using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(server.SocketPath!), "disk0");
                try
                {
                    for (int i = 0; client.DoWrite(Place(writer, i % blocks), Block(writer, i)) == 0; i++)
                    {
                        acknowledged[writer] = i + 1;
                        if (i == 100)
                        {
                            isLoaded.Signal();
                        }
                    }
                }
                catch (Exception gone) when (gone is IOException or SocketException)
                {
                    // The server has ended the connection.
                }
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Assert.True(isLoaded.Wait(TimeSpan.FromSeconds(60)), server.Log);
            long start = Stopwatch.GetTimestamp();
            Assert.Equal(0, server.Stop());
            Assert.True(Stopwatch.GetElapsedTime(start) < StopLimit, server.Log);
            Array.ForEach(threads, thread => thread.Join());
        }

        using ServerProcess again = ServerProcess.Start([], Arguments);
        using NbdClient reader = NbdClient.Connect(new UnixDomainSocketEndPoint(again.SocketPath!), "disk0");
        for (int writer = 0; writer < writers; writer++)
        {
            int count = acknowledged[writer];
            for (int i = Math.Max(0, count - blocks); i < count; i++)
            {
                // The write after the last acknowledged one may have been done too, in the place of the oldest.
                byte[] found = reader.DoRead(Place(writer, i % blocks), BlockSize);
                bool isNext = i == count - blocks && found.AsSpan().SequenceEqual(Block(writer, count));
                Assert.True(isNext || found.AsSpan().SequenceEqual(Block(writer, i)), $"writer {writer}, write {i} of {count}");
            }
        }
    }

    [Fact]
    public void Logs_as_json_are_one_object_a_line_with_the_values_by_name()
    {
        using ServerProcess server = ServerProcess.Start([], [.. Arguments, "--log-format", "json", "--volume", "disk0=16MiB"]);
        Assert.Equal(0, server.Stop());
        JsonElement[] lines = [.. server.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith("voe-server ready: ", StringComparison.Ordinal))
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
        JsonElement created = Assert.Single(
            lines, line => line.GetProperty("Message").GetString()!.Contains("created", StringComparison.Ordinal));
        Assert.Equal("Information", created.GetProperty("LogLevel").GetString());
        Assert.Equal("disk0", created.GetProperty("State").GetProperty("Name").GetString());
        Assert.Matches("^2.*T.*Z$", created.GetProperty("Timestamp").GetString());
        Assert.Contains(lines, line => line.GetProperty("Message").GetString() == "the store is flushed and closed");
    }

    [Fact]
    public void Last_flush_that_fails_ends_with_status_5()
    {
        using ServerProcess server = ServerProcess.Start([], [.. Arguments, "--volume", "disk0=16MiB"]);
        using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(server.SocketPath!), "disk0");
        Assert.Equal(0u, client.DoWrite(0, new byte[BlockSize].AsSpan(..).ToArray()));

        // From here on no file of the server may grow: its writes fail with EFBIG, as if the medium failed.
        ulong[] limit = [0, ulong.MaxValue];
        Assert.Equal(0, SetLimit(server.Id, ResourceFileSize, limit, 0));
        Assert.NotEqual(0u, client.DoWrite(0, Block(1, 1)));
        Assert.Equal(ExitStatus.Flush, server.Stop());
        Assert.Contains("could not be flushed and closed", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Error_that_nobody_expects_ends_with_status_1_and_closes_the_store()
    {
        // Nobody can be told that the server is ready: standard output takes nothing.
        string command = string.Join(' ', ServerProcess.Command) + " --nbd 127.0.0.1:0 " + string.Join(' ', Arguments) + " >/dev/full";
        using Process process = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", "exec " + command]) { UseShellExecute = false, RedirectStandardError = true })!;
        string log = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(ExitStatus.Bug, process.ExitCode);
        Assert.Contains("an error that should not be", log, StringComparison.Ordinal);
        Assert.Contains("the store is flushed and closed", log, StringComparison.Ordinal);
    }

    [Fact]
    public void Signal_while_the_store_is_opened_ends_the_start_in_order()
    {
        using (ServerProcess first = ServerProcess.Start([], [.. Arguments, "--volume", "disk0=16MiB"]))
        {
            first.Kill();
        }

        string path = Path.Combine(_directory.Path, "notify");
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        IReadOnlyList<string> command = ServerProcess.Command;
        var start = new ProcessStartInfo(command[0], [.. command.Skip(1), .. Arguments, "--nbd", "127.0.0.1:0"])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["NOTIFY_SOCKET"] = path;
        using Process process = Process.Start(start)!;
        Assert.StartsWith("STATUS=replaying", Receive(systemd), StringComparison.Ordinal);
        Assert.Equal(0, SendSignal(process.Id, 15));
        string log = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(ExitStatus.Success, process.ExitCode);
        Assert.Contains("SIGTERM received", log, StringComparison.Ordinal);
        Assert.Contains("the store is flushed and closed", log, StringComparison.Ordinal);
    }

    private const int ResourceFileSize = 1;

    private static long Place(int writer, int block) => ((writer * 4096L) + block) * BlockSize;

    private static byte[] Block(int writer, int number)
    {
        byte[] block = new byte[BlockSize];
        for (int i = 0; i < BlockSize; i += 8)
        {
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(i), ((long)writer << 32) + number + 1);
        }

        return block;
    }

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int SetLimit(int processId, int resource, ulong[] limit, nint previous);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}
