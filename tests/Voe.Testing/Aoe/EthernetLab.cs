namespace Voe.Testing.Aoe;

/// <summary>
/// An Ethernet cable: one end, <see cref="ClientInterface"/>, is in the network namespace of the test, the other,
/// <see cref="ServerInterface"/>, in one of its own, where a server is started by <see cref="Launcher"/>. Gone when disposed.
/// </summary>
public sealed class EthernetLab : IDisposable
{
    /// <summary>The server's end.</summary>
    public const string ServerInterface = "lan0";

    private static int _count;

    private readonly string _namespace = $"voe-lab-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";

    /// <summary>Makes one; only where <see cref="WhyNot"/> is null.</summary>
    public EthernetLab(int mtu = 1500)
    {
        ClientInterface = $"vlab{Environment.ProcessId % 1_000_000}x{_count % 1000}";
        string size = mtu.ToString(System.Globalization.CultureInfo.InvariantCulture);
        HostTool.Run("ip", "netns", "add", _namespace);
        try
        {
            HostTool.Run(
                "ip", "link", "add", ClientInterface, "mtu", size, "type", "veth",
                "peer", "name", ServerInterface, "mtu", size, "netns", _namespace);
            HostTool.Run("ip", "-n", _namespace, "link", "set", "lo", "up");
            HostTool.Run("ip", "-n", _namespace, "link", "set", ServerInterface, "up");
            HostTool.Run("ip", "link", "set", ClientInterface, "up");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Why there can be none here, or null.</summary>
    public static string? WhyNot =>
        Environment.UserName != "root" ? "making network namespaces needs root"
        : !Directory.Exists("/sys/class/net") || !File.Exists("/proc/self/ns/net") ? "this kernel has no network namespaces"
        : null;

    /// <summary>The client's end.</summary>
    public string ClientInterface { get; }

    /// <summary>The words that start a program in the server's namespace.</summary>
    public IReadOnlyList<string> Launcher => ["ip", "netns", "exec", _namespace];

    /// <summary>Changes the MTU of both ends.</summary>
    public void SetMtu(int mtu)
    {
        string size = mtu.ToString(System.Globalization.CultureInfo.InvariantCulture);
        HostTool.Run("ip", "link", "set", ClientInterface, "mtu", size);
        SetServerInterface("mtu", size);
    }

    /// <summary>Does <c>ip link set</c> on the server's end.</summary>
    public void SetServerInterface(params string[] words) =>
        HostTool.Run("ip", ["-n", _namespace, "link", "set", ServerInterface, .. words]);

    /// <inheritdoc/>
    public void Dispose() => HostTool.Run("ip", "netns", "del", _namespace); // the cable goes with it
}
