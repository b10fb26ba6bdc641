using Voe.Testing;
using Voe.Testing.Aoe;

namespace Voe.Conformance.Tests.Aoe;

/// <summary>A voe-server with AoE targets at one end of a cable, and clients at the other.</summary>
internal sealed class AoeLab : IDisposable
{
    /// <summary>The volumes and targets: 1.0 and 1.1, 16 MiB each.</summary>
    public const string TwoTargets = """
        [[volume]]
        name = "disk0"
        size = "16MiB"
        [[volume]]
        name = "disk1"
        size = "16MiB"
        [[target]]
        name = "target0"
        volume = "disk0"
        shelf = 1
        slot = 0
        [[target]]
        name = "target1"
        volume = "disk1"
        shelf = 1
        slot = 1

        """;

    private readonly TemporaryDirectory _directory = new();
    private ServerProcess? _server;

    /// <summary>A cable; the test is skipped, aloud, where there can be none.</summary>
    public AoeLab(int mtu = 1500)
    {
        string? whyNot = EthernetLab.WhyNot;
        Assert.SkipUnless(whyNot is null, whyNot ?? "");
        Cable = new EthernetLab(mtu);
    }

    /// <summary>The cable.</summary>
    public EthernetLab Cable { get; }

    /// <summary>The store's directory.</summary>
    public string Store => Path.Combine(_directory.Path, "store");

    /// <summary>What is said behind <c>--aoe</c>.</summary>
    public string Interface { get; set; } = EthernetLab.ServerInterface;

    /// <summary>The server that runs.</summary>
    public ServerProcess Server => _server ?? throw new InvalidOperationException("no server runs");

    /// <summary>Starts the server, anew if one runs, with this configuration and these options beside the usual.</summary>
    public ServerProcess Start(string configuration, params string[] options) => StartThrough([], configuration, options);

    /// <summary>The same, through another program.</summary>
    public ServerProcess StartThrough(IReadOnlyCollection<string> launcher, string configuration, params string[] options)
    {
        _server?.Dispose();
        string file = Path.Combine(_directory.Path, "voe.toml");
        System.IO.File.WriteAllText(file, configuration);
        string socket = "unix:" + Path.Combine(_directory.Path, "nbd");
        return _server = ServerProcess.StartThrough(
            [.. Cable.Launcher, .. launcher],
            ["--config", file, "--store", Store, "--nbd", socket, "--aoe", Interface, .. options]);
    }

    /// <summary>A client of a target, which has asked for its config.</summary>
    public AoeInitiator Connect(int shelf, int slot)
    {
        var client = new AoeInitiator(Cable.ClientInterface, shelf, slot);
        client.QueryConfig();
        return client;
    }

    /// <summary>A file of that size, of zeroes.</summary>
    public string File(string name, long size)
    {
        string path = Path.Combine(_directory.Path, name);
        using FileStream file = System.IO.File.Create(path);
        file.SetLength(size);
        return path;
    }

    /// <summary>Waits until the server's log has a line with these words.</summary>
    public void WaitForLog(string words)
    {
        bool isThere = SpinWait.SpinUntil(() => Server.Log.Contains(words, StringComparison.Ordinal), TimeSpan.FromSeconds(15));
        Assert.True(isThere, $"\"{words}\" is not in the log:\n{Server.Log}");
    }

    public void Dispose()
    {
        _server?.Dispose();
        Cable.Dispose();
        _directory.Dispose();
    }
}
