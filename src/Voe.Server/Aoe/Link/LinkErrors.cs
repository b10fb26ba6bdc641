using SharpPcap;

namespace Voe.Server.Aoe.Link;

/// <summary>Why an interface cannot be used, in words that say what to do.</summary>
internal static class LinkErrors
{
    private const string Package = "libpcap0.8";

    /// <summary>There is no interface of that name.</summary>
    public static LinkException Missing(string name)
    {
        IReadOnlyList<string> names = EthernetInterface.Names();
        string there = names.Count == 0 ? "there is no Ethernet interface at all" : $"there are {string.Join(", ", names)}";
        return new LinkException($"there is no interface \"{name}\": {there}");
    }

    /// <summary>The interface is no Ethernet.</summary>
    public static LinkException NotEthernet(string name) => new($"{name} is no Ethernet interface, and AoE needs one");

    /// <summary>Explains what libpcap said.</summary>
    public static LinkException Explain(string name, Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is DllNotFoundException)
            {
                return new LinkException($"{name}: libpcap is not installed: apt install {Package}", failure);
            }
        }

        return failure is PcapException { Error: PcapError.PermissionDenied or PcapError.PromiscuousPermissionDenied }
            ? new LinkException(Forbidden(name), failure)
            : new LinkException($"{name} cannot be opened: {failure.Message}", failure);
    }

    // The kernel takes them from the file that it runs: voe-server, not voe-server.dll.
    private static string Forbidden(string name) =>
        $"{name} cannot be opened: AoE needs the capability CAP_NET_RAW. Give it to the program, once: setcap cap_net_raw=ep "
        + $"{Path.Combine(AppContext.BaseDirectory, "voe-server")}; or to the service, in its unit: AmbientCapabilities=CAP_NET_RAW and "
        + "RestrictAddressFamilies=AF_PACKET AF_NETLINK (contrib/voe-server.service)";
}
