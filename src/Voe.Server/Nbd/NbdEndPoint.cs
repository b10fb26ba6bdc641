using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Voe.Server.Nbd;

/// <summary>
/// Where a listener listens: <c>HOST:PORT</c>, <c>HOST</c> (port 10809), <c>[IPv6]:PORT</c> or <c>unix:PATH</c>. A host
/// is an address, <c>localhost</c>, or <c>*</c> for all addresses.
/// </summary>
/// <param name="EndPoint">The address; port 0 stands for any free port.</param>
internal sealed record NbdEndPoint(EndPoint EndPoint)
{
    private const string UnixPrefix = "unix:";

    // sun_path of sockaddr_un has 108 bytes, the terminating zero among them.
    private const int MaxUnixPathBytes = 107;

    /// <summary>Where clients of the same machine find the server if nothing else is said.</summary>
    public static NbdEndPoint Default => new(new IPEndPoint(IPAddress.Loopback, NbdProtocol.DefaultPort));

    /// <summary>The path of a unix socket, or null.</summary>
    public string? UnixPath { get; private init; }

    /// <summary>Whether other machines may reach it.</summary>
    public bool IsBeyondLoopback => EndPoint is IPEndPoint ip && !IPAddress.IsLoopback(ip.Address);

    /// <summary>The address of a socket.</summary>
    public static NbdEndPoint Of(EndPoint endPoint) =>
        new(endPoint) { UnixPath = endPoint is UnixDomainSocketEndPoint ? endPoint.ToString() : null };

    /// <summary>Parses the text form; if that fails, <paramref name="error"/> says what would be right.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out NbdEndPoint? endPoint, out string error)
    {
        endPoint = null;
        error = "";
        if (text.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            string path = text[UnixPrefix.Length..];
            if (path.Length == 0 || Encoding.UTF8.GetByteCount(path) > MaxUnixPathBytes)
            {
                error = $"\"{text}\": the path of a unix socket has 1 to {MaxUnixPathBytes} bytes";
                return false;
            }

            endPoint = new NbdEndPoint(new UnixDomainSocketEndPoint(path)) { UnixPath = path };
            return true;
        }

        if (!TrySplit(text, out string host, out int port) || !TryParseHost(host, out IPAddress? address))
        {
            error = $"\"{text}\" is no address to listen on: write HOST:PORT, with an IPv4 address, an IPv6 address in brackets, "
                + "localhost or * as host and a port from 0 (any) to 65535, or unix:PATH";
            return false;
        }

        endPoint = new NbdEndPoint(new IPEndPoint(address, port));
        return true;
    }

    /// <summary>The URI under which clients find it.</summary>
    public override string ToString() => UnixPath is not null
        ? $"nbd+unix:///?socket={UnixPath}"
        : $"nbd://{EndPoint}";

    private static bool TrySplit(string text, out string host, out int port)
    {
        port = NbdProtocol.DefaultPort;
        int end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) + 1 : text.LastIndexOf(':');
        host = end <= 0 ? text : text[..end];
        string rest = text[host.Length..];
        return rest.Length == 0
            || (rest[0] == ':' && int.TryParse(rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
                && port <= IPEndPoint.MaxPort);
    }

    private static bool TryParseHost(string host, [NotNullWhen(true)] out IPAddress? address)
    {
        address = host switch
        {
            "localhost" => IPAddress.Loopback,
            "*" => IPAddress.IPv6Any,
            _ => null,
        };
        if (address is not null)
        {
            return true;
        }

        bool isBracketed = host.StartsWith('[') && host.EndsWith(']');
        return IPAddress.TryParse(isBracketed ? host[1..^1] : host, out address)
            && (address.AddressFamily == AddressFamily.InterNetworkV6) == isBracketed;
    }
}
