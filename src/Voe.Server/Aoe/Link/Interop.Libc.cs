using System.Runtime.InteropServices;

namespace Voe.Server.Aoe.Link;

/// <summary>
/// What SharpPcap does not do with its socket: wait for it together with a wish to stop, set its options, and ask the kernel
/// about an interface (netdevice(7), packet(7)).
/// </summary>
internal static unsafe partial class Interop
{
    /// <summary>There is something to receive.</summary>
    public const short PollIn = 1;

    /// <summary>There is no device of that name.</summary>
    public const int ErrorNoDevice = 19; // ENODEV

    /// <summary>fcntl: the flags of a descriptor.</summary>
    public const int GetFlags = 3; // F_GETFL

    /// <summary>fcntl: sets them.</summary>
    public const int SetFlags = 4; // F_SETFL

    /// <summary>That flag: calls do not wait.</summary>
    public const int NonBlocking = 0x800; // O_NONBLOCK

    /// <summary>Options of sockets in general.</summary>
    public const int SocketLevel = 1; // SOL_SOCKET

    /// <summary>How much may wait to be sent, in bytes.</summary>
    public const int SendBuffer = 7; // SO_SNDBUF

    /// <summary>How long a send waits for room.</summary>
    public const int SendTimeout = 21; // SO_SNDTIMEO

    /// <summary>Options of packet sockets.</summary>
    public const int PacketLevel = 263; // SOL_PACKET

    /// <summary>Frames that this machine sends are not received.</summary>
    public const int IgnoreOutgoing = 23; // PACKET_IGNORE_OUTGOING

    /// <summary>ioctl: an interface's flags.</summary>
    public const nuint GetInterfaceFlags = 0x8913; // SIOCGIFFLAGS

    /// <summary>ioctl: its MTU.</summary>
    public const nuint GetInterfaceMtu = 0x8921; // SIOCGIFMTU

    /// <summary>ioctl: its address and kind.</summary>
    public const nuint GetInterfaceAddress = 0x8927; // SIOCGIFHWADDR

    /// <summary>ioctl: its number.</summary>
    public const nuint GetInterfaceIndex = 0x8933; // SIOCGIFINDEX

    private const int EventFlags = 0x80800; // EFD_CLOEXEC | EFD_NONBLOCK

    /// <summary>A descriptor that is readable once <see cref="Signal"/> was called; negative with errno set.</summary>
    public static int CreateEvent() => EventFd(0, EventFlags);

    /// <summary>Makes an event readable.</summary>
    public static void Signal(int eventDescriptor)
    {
        ulong one = 1;
        _ = Write(eventDescriptor, &one, sizeof(ulong));
    }

    /// <summary>Makes an event unreadable again.</summary>
    public static void Reset(int eventDescriptor)
    {
        ulong count;
        _ = Read(eventDescriptor, &count, sizeof(ulong));
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSocketOption(int socket, int level, int name, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(SafeHandle socket, nuint request, InterfaceRequest* argument);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint count, int flags);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, void* data, nuint length);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, void* data, nuint length);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Occurred;
    }

    /// <summary>struct timeval.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeValue
    {
        public long Seconds;
        public long Microseconds;
    }

    /// <summary>struct ifreq: a name, and what is asked about it.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    public struct InterfaceRequest
    {
        /// <summary>Room for a name and the zero behind it.</summary>
        public const int NameSize = 16;

        [FieldOffset(0)]
        public fixed byte Name[NameSize];

        [FieldOffset(16)]
        public short Flags;

        [FieldOffset(16)]
        public int Number;

        /// <summary>The kind of hardware, ARPHRD_.</summary>
        [FieldOffset(16)]
        public ushort Kind;

        [FieldOffset(18)]
        public fixed byte Address[6];
    }
}
