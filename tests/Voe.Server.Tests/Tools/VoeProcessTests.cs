using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Voe.Testing;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Tool.ExitStatus; // here, since the server's own is nearer else

/// <summary>The real voe beside a real voe-server.</summary>
public sealed class VoeServedProcessTests() : VoeProcessTests(isServed: true)
{
    private ServerProcess Running => Server!;

    [Fact]
    public void A_new_volume_is_an_export_at_once_and_a_deleted_one_none()
    {
        Does("volume", "create", "a", "--size", "1M");
        using (NbdClient client = Attach("a"))
        {
            Assert.Equal(1 << 20, client.Size);
            Assert.Equal(0u, client.DoWrite(0, "VoE"u8));
        }

        Does("import", WriteImage(), "b");
        using (NbdClient client = Attach("b"))
        {
            Assert.Equal(File.ReadAllBytes(FilePath("image"))[..4096], client.DoRead(0, 4096));
        }

        Assert.Equal("deleted b\n", DoesUntil("deleted", "volume", "delete", "b", "--yes"));
        using var late = new NbdClient(new UnixDomainSocketEndPoint(Running.SocketPath!));
        late.Greet();
        Assert.NotEqual(NbdClient.ReplyAck, late.Option(NbdClient.OptionGo, NbdClient.InfoData("b"))[^1].Error);
    }

    [Fact]
    public void An_attached_volume_grows_and_shrinks_under_its_clients()
    {
        Does("volume", "create", "a", "--size", "1M");
        using NbdClient client = Attach("a");
        byte[] data = Encoding.ASCII.GetBytes("beyond the old end");
        Assert.Equal(28u, client.DoWrite(1 << 20, data)); // ENOSPC
        Assert.Contains("see that when they attach it anew", Does("volume", "resize", "a", "2M"), StringComparison.Ordinal);
        Assert.Equal(0u, client.DoWrite(1 << 20, data, NbdClient.Fua));
        Assert.Equal(data, client.DoRead(1 << 20, data.Length));
        using (NbdClient again = Attach("a"))
        {
            Assert.Equal(2 << 20, again.Size);
        }

        Refuses(ExitStatus.Refused, "say --yes", "volume", "resize", "a", "1M");
        Does("volume", "resize", "a", "1M", "--yes");
        Assert.Equal(28u, client.DoWrite(1 << 20, data));
        Does("volume", "resize", "a", "2M");
        Assert.Equal(new byte[data.Length], client.DoRead(1 << 20, data.Length));
    }

    [Fact]
    public void An_attached_volume_is_deleted_by_force_only_and_its_clients_are_disconnected()
    {
        Does("volume", "create", "a", "--size", "1M");
        using NbdClient client = Attach("a");
        Assert.Equal(0u, client.DoWrite(0, "VoE"u8));
        Refuses(ExitStatus.Refused, "is attached by 1 client", "volume", "delete", "a", "--yes");
        Refuses(ExitStatus.Refused, "is attached by clients", "import", WriteImage(), "a", "--force");
        Assert.Equal(0u, client.DoWrite(0, "VoE"u8));
        using (NbdClient second = Attach("a"))
        {
            Assert.Equal(2, Json("volume", "show", "a").GetProperty("connections").GetInt32());
        }

        Assert.StartsWith("deleted a, and disconnected ", Does("volume", "delete", "a", "--yes", "--force"), StringComparison.Ordinal);
        Assert.True(client.IsClosedByServer());
        Assert.Equal("", Names());
    }

    [Fact]
    public void A_renamed_volume_stays_attached_and_is_found_under_its_new_name()
    {
        Does("volume", "create", "a", "--size", "1M");
        using NbdClient client = Attach("a");
        Assert.Contains("clients that have it attached keep it", Does("volume", "rename", "a", "b"), StringComparison.Ordinal);
        Assert.Equal(0u, client.DoWrite(0, "VoE"u8));
        using NbdClient again = Attach("b");
        Assert.Equal("VoE"u8.ToArray(), again.DoRead(0, 3));
        Assert.Equal(2, Json("volume", "show", "b").GetProperty("connections").GetInt32());
    }

    [Fact]
    public void What_a_command_did_survives_the_death_of_the_server()
    {
        Does("volume", "create", "a", "--size", "1M");
        string image = WriteImage();
        Does("import", image, "b");
        Does("volume", "rename", "a", "c");
        Running.Kill();
        Assert.True(File.Exists(Path.Combine(StorePath, "admin.sock")));

        // The socket that is left leads nowhere, so the store is opened; and a new server takes its place.
        Assert.Equal("b c", Names());
        using ServerProcess again = StartServer();
        Does("export", "b", FilePath("out"));
        AssertSameFile(image, FilePath("out"));
        Assert.Contains($"process {again.Id}", Does("status"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_import_that_the_death_of_the_server_cut_off_is_done_again_from_the_start()
    {
        using VoeProcess voe = VoeProcess.Start(StorePath, "import", "-", "a");
        voe.Input.Write(new byte[3 << 20]);
        voe.Input.Flush();
        WaitFor("a.partial");
        Running.Kill();
        voe.Input.Close();
        Assert.Equal(ExitStatus.Refused, voe.Wait());
        Assert.Contains("the server ended the connection", voe.Error, StringComparison.Ordinal);
        Assert.Equal("a.partial", Names());
        Does("import", WriteImage(), "a");
        Assert.Equal("a", Names());
    }

    [Fact]
    public void Many_clients_at_once_are_served_one_by_one()
    {
        VoeProcess[] all = [.. Enumerable.Range(0, 4).Select(i => Create($"v{i}"))];
        VoeProcess[] same = [.. Enumerable.Range(0, 3).Select(_ => Create("same"))];
        Assert.All(all, voe => Assert.Equal(0, voe.Wait()));
        Assert.Equal([0, ExitStatus.Refused, ExitStatus.Refused], same.Select(voe => voe.Wait()).Order());
        Array.ForEach([.. all, .. same], voe => voe.Dispose());
        Assert.Equal("same v0 v1 v2 v3", Names());

        VoeProcess Create(string name) => VoeProcess.Start(StorePath, "volume", "create", name, "--size", "1M");
    }

    [Fact]
    public void Names_of_volumes_are_suggested_to_a_shell()
    {
        Does("volume", "create", "golden", "--size", "1M");
        string line = $"voe --store {StorePath} volume show gol";
        Assert.Equal(0, Invoke($"[suggest:{line.Length}]", line));
        Assert.Equal("golden\n", Output);
    }

    [Theory]
    [InlineData("voe vol", "volume")]
    [InlineData("voe volume re", "rename resize")]
    [InlineData("voe --store STORE volume show gol", "golden")]
    public void Bash_completes_the_command_line_by_the_script(string line, string expected)
    {
        Does("volume", "create", "golden", "--size", "1M");
        Assert.Equal(0, Invoke("completion", "bash"));
        line = line.Replace("STORE", StorePath, StringComparison.Ordinal);
        string[] command = VoeProcess.Command("");
        string words = string.Join(' ', command[..^2].Select(word => $"'{word}'")); // without --store
        string script = $$"""
            voe() { {{words}} "$@"; }
            {{Output}}
            COMP_LINE="{{line}}" COMP_POINT={{line.Length}}
            COMP_WORDS=({{line}}) COMP_CWORD={{line.Split(' ').Length - 1}}
            _voe
            printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' '
            """;
        using var bash = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("bash", ["-c", script]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        Assert.Equal(expected + "\n", bash.StandardOutput.ReadToEnd());
        bash.WaitForExit();
    }

    private NbdClient Attach(string export) => NbdClient.Connect(new UnixDomainSocketEndPoint(Running.SocketPath!), export);

    // The server learns of a client's leave a moment after the client.
    private string DoesUntil(string wanted, params string[] arguments)
    {
        while (Invoke(["--store", StorePath, .. arguments]) != 0)
        {
            Assert.Contains("is attached by", Error, StringComparison.Ordinal);
        }

        Assert.StartsWith(wanted, Output, StringComparison.Ordinal);
        return Output;
    }
}

/// <summary>The real voe, which opens the store itself.</summary>
public sealed class VoeDirectProcessTests() : VoeProcessTests(isServed: false)
{
    [Fact]
    public void A_server_that_is_told_to_change_nothing_changes_nothing()
    {
        Does("import", WriteImage(), "a");
        using ServerProcess server = StartServer("--read-only");
        string[][] changes =
        [
            ["volume", "create", "b", "--size", "1M"], ["volume", "resize", "a", "10M"], ["volume", "rename", "a", "b"],
            ["volume", "set", "a", "--compression", "none"], ["volume", "delete", "a", "--yes"], ["import", FilePath("image"), "b"],
        ];
        Assert.All(changes, change => Refuses(ExitStatus.Refused, "--read-only", change));
        Does("export", "a", FilePath("out"));
        AssertSameFile(FilePath("image"), FilePath("out"));
        Assert.True(Json("status").GetProperty("server").GetProperty("isReadOnly").GetBoolean());
    }

    [Fact]
    public void A_volume_that_a_target_names_is_neither_renamed_nor_deleted_and_its_target_follows_an_import()
    {
        Does("import", WriteImage(), "a");
        File.WriteAllText(FilePath("voe.toml"), """
            [[target]]
            name = "boot"
            backend = "cas"
            volume = "a"
            read-only = true
            """);
        using ServerProcess server = StartServer("--config", FilePath("voe.toml"));
        Refuses(ExitStatus.Refused, "is named by the server's configuration", "volume", "rename", "a", "b");
        Refuses(ExitStatus.Refused, "is named by the server's configuration", "volume", "delete", "a", "--yes");
        Refuses(ExitStatus.Refused, "exports something else", "volume", "create", "boot", "--size", "1M");
        Does("import", WriteImage("other", seed: 2), "a", "--force");
        using NbdClient client = NbdClient.Connect(new UnixDomainSocketEndPoint(server.SocketPath!), "boot");
        Assert.Equal(File.ReadAllBytes(FilePath("other"))[..4096], client.DoRead(0, 4096));
        Assert.Equal(1u, client.DoWrite(0, "VoE"u8)); // EPERM
        Assert.Equal("boot", Assert.Single(Json("status").GetProperty("server").GetProperty("exports").EnumerateArray())
            .GetProperty("name").GetString());
    }

    [Fact]
    public void A_program_that_holds_the_store_without_a_socket_is_named()
    {
        using VoeProcess importer = VoeProcess.Start(StorePath, "import", "-", "a");
        importer.Input.Write(new byte[1 << 20]);
        importer.Input.Flush(); // when it returns, the most of it was read, so the store is open
        (int status, _, string error) = VoeProcess.Run(StorePath, "status");
        Assert.Equal(ExitStatus.Store, status);
        Assert.Contains("the store is in use", error, StringComparison.Ordinal);
        importer.Signal(PosixSignal.SIGTERM);
        Assert.Equal(ExitStatus.Interrupted, importer.Wait());
    }
}

/// <summary>The real voe: pipes and signals, whoever has the store open.</summary>
public abstract class VoeProcessTests(bool isServed) : VoeBench(isServed)
{
    [Fact]
    public void Images_go_through_pipes()
    {
        byte[] image = File.ReadAllBytes(WriteImage());
        using (VoeProcess import = VoeProcess.Start(StorePath, "import", "-", "a"))
        {
            import.Input.Write(image);
            import.Input.Close();
            Assert.Equal(0, import.Wait());
            Assert.Equal("", import.Error);
            string told = Encoding.UTF8.GetString(import.Output);
            Assert.StartsWith("imported standard input as a: 5244416 bytes", told, StringComparison.Ordinal);
        }

        (int status, byte[] output, string error) = VoeProcess.Run(StorePath, "export", "a", "-");
        Assert.Equal(0, status);
        Assert.True(image.AsSpan().SequenceEqual(output), "the image came back changed");
        Assert.StartsWith("exported a to standard output: 5244416 bytes", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGTERM)]
    public void An_interrupted_import_leaves_no_volume(PosixSignal signal)
    {
        using VoeProcess voe = VoeProcess.Start(StorePath, "import", "-", "a");
        byte[] noise = new byte[3 << 20];
        new Random(1).NextBytes(noise);
        voe.Input.Write(noise);
        voe.Input.Flush(); // when it returns, the most of it was read, so voe listens to signals
        if (Server is not null)
        {
            WaitFor("a.partial");
        }

        voe.Signal(signal);
        Assert.Equal(ExitStatus.Interrupted, voe.Wait());
        Assert.Contains("interrupted", voe.Error, StringComparison.Ordinal);
        Assert.Equal("", Names());
    }

    [Fact]
    public void An_export_that_nobody_reads_to_the_end_fails()
    {
        Does("import", WriteImage(), "a");
        using VoeProcess voe = VoeProcess.Start(StorePath, "export", "a", "/dev/full");
        Assert.Equal(ExitStatus.Refused, voe.Wait());
        Assert.Contains("No space left", voe.Error, StringComparison.Ordinal);
    }

    /// <summary>Waits until a volume of that name is there.</summary>
    protected void WaitFor(string name)
    {
        while (!Names().Split(' ').Contains(name, StringComparer.Ordinal))
        {
            Assert.False(Server!.HasExited);
        }
    }
}
