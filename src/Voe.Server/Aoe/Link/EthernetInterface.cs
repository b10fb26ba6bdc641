using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Voe.Server.Aoe.Link;

/// <summary>An interface as the kernel describes it at one moment.</summary>
/// <param name="Index">Its number; an interface that was removed and made anew has another.</param>
/// <param name="IsEthernet">Whether frames on it have Ethernet headers.</param>
/// <param name="IsUp">Whether it is administratively up; without a cable it may be up all the same.</param>
/// <param name="Mtu">In bytes, without the Ethernet header.</param>
/// <param name="Address">Its own address.</param>
internal readonly record struct EthernetInterface(int Index, bool IsEthernet, bool IsUp, int Mtu, MacAddress Address)
{
    /// <summary>The most letters that a name can have.</summary>
    public const int MaxNameLength = Interop.InterfaceRequest.NameSize - 1;

    private const short Up = 1; // IFF_UP
    private const ushort Ethernet = 1; // ARPHRD_ETHER

    /// <summary>Whether <paramref name="name"/> can be the name of an interface at all.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= MaxNameLength
        && name.All(static letter => letter is > ' ' and <= '~' and not '/') && name is not ("." or "..");

    /// <summary>The names of all Ethernet interfaces of this network namespace, in ordinal order.</summary>
    public static IReadOnlyList<string> Names()
    {
        using var reader = new Reader();
        return [.. NetworkInterface.GetAllNetworkInterfaces().Select(network => network.Name)
            .Where(name => reader.Read(name) is { IsEthernet: true }).Order(StringComparer.Ordinal)];
    }

    /// <summary>Asks the kernel about interfaces. Not thread-safe.</summary>
    internal sealed class Reader : IDisposable
    {
        // Any socket will do to ask, and it asks about the network namespace in which it was made.
        private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

        /// <summary>The interface of that name; null when there is none. Allocates nothing.</summary>
        public unsafe EthernetInterface? Read(string name)
        {
            Interop.InterfaceRequest request = default;
            if (!IsName(name) || Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, MaxNameLength)) != name.Length
                || !Ask(Interop.GetInterfaceIndex, ref request))
            {
                return null;
            }

            int index = request.Number;
            bool isKnown = Ask(Interop.GetInterfaceFlags, ref request);
            bool isUp = (request.Flags & Up) != 0;
            isKnown = isKnown && Ask(Interop.GetInterfaceMtu, ref request);
            int mtu = request.Number;
            isKnown = isKnown && Ask(Interop.GetInterfaceAddress, ref request);
            return isKnown
                ? new EthernetInterface(
                    index, request.Kind == Ethernet, isUp, mtu, MacAddress.Read(new ReadOnlySpan<byte>(request.Address, MacAddress.Size)))
                : null;
        }

        /// <inheritdoc/>
        public void Dispose() => _socket.Dispose();

        private unsafe bool Ask(nuint what, ref Interop.InterfaceRequest request)
        {
            fixed (Interop.InterfaceRequest* argument = &request)
            {
                return Interop.Ioctl(_socket.SafeHandle, what, argument) == 0;
            }
        }
    }
}
