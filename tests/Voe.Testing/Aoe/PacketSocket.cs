using System.Net.NetworkInformation;
using System.Runtime.InteropServices;

namespace Voe.Testing.Aoe;

/// <summary>
/// A packet socket for AoE's frames on one interface (packet(7)): sends and receives many with one call. Needs CAP_NET_RAW.
/// Not thread-safe.
/// </summary>
public sealed unsafe partial class PacketSocket : IDisposable
{
    /// <summary>Room for one frame.</summary>
    public const int FrameRoom = 9216;

    private const int PacketFamily = 17; // AF_PACKET
    private const int RawType = 3 | 0x80000; // SOCK_RAW | SOCK_CLOEXEC
    private const ushort AoeProtocol = 0xa288; // 0x88a2 in network order
    private const int DoNotWait = 0x40; // MSG_DONTWAIT
    private const int BufferSize = 8 << 20;

    private readonly int _socket;
    private readonly int _capacity;
    private readonly byte* _sendRoom;
    private readonly byte* _receiveRoom;
    private readonly Vector* _vectors;
    private readonly Message* _outgoing;
    private readonly Message* _incoming;

    /// <summary>Opens a socket for groups of at most <paramref name="capacity"/> frames.</summary>
    public PacketSocket(string networkInterface, int capacity)
    {
        NetworkInterface network = NetworkInterface.GetAllNetworkInterfaces().Single(network => network.Name == networkInterface);
        Address = network.GetPhysicalAddress().GetAddressBytes();
        _capacity = capacity;
        _socket = Check(Socket(PacketFamily, RawType, AoeProtocol), "socket");
        byte* address = stackalloc byte[20]; // struct sockaddr_ll
        new Span<byte>(address, 20).Clear();
        *(ushort*)address = PacketFamily;
        *(ushort*)(address + 2) = AoeProtocol;
        *(int*)(address + 4) = Index(networkInterface);
        Check(Bind(_socket, address, 20), "bind");
        Option(263, 23, 1); // SOL_PACKET, PACKET_IGNORE_OUTGOING
        Option(1, 33, BufferSize); // SOL_SOCKET, SO_RCVBUFFORCE
        Option(1, 32, BufferSize); // SO_SNDBUFFORCE
        _sendRoom = (byte*)NativeMemory.AllocZeroed((nuint)(capacity * FrameRoom));
        _receiveRoom = (byte*)NativeMemory.AllocZeroed((nuint)(capacity * FrameRoom));
        _vectors = (Vector*)NativeMemory.AllocZeroed((nuint)(2 * capacity), (nuint)sizeof(Vector));
        _outgoing = (Message*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(Message));
        _incoming = (Message*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(Message));
        for (int i = 0; i < capacity; i++)
        {
            _vectors[i] = new Vector { Base = _sendRoom + (i * FrameRoom) };
            _vectors[capacity + i] = new Vector { Base = _receiveRoom + (i * FrameRoom), Length = FrameRoom };
            _outgoing[i] = new Message { Vectors = _vectors + i, VectorCount = 1 };
            _incoming[i] = new Message { Vectors = _vectors + capacity + i, VectorCount = 1 };
        }
    }

    /// <summary>The interface's Ethernet address.</summary>
    public IReadOnlyList<byte> Address { get; }

    /// <summary>Where frame <paramref name="index"/> of the group to send is written.</summary>
    public Span<byte> ToSend(int index) => new(_sendRoom + (index * FrameRoom), FrameRoom);

    /// <summary>Says how long frame <paramref name="index"/> of the group to send is.</summary>
    public void SetLength(int index, int length) => _vectors[index].Length = (nuint)length;

    /// <summary>Sends the first frames of the group.</summary>
    public void Send(int count)
    {
        for (int sent = 0; sent < count;)
        {
            sent += Check(SendMessages(_socket, _outgoing + sent, (uint)(count - sent), 0), "sendmmsg");
        }
    }

    /// <summary>Takes the frames that wait, or waits for one.</summary>
    /// <returns>How many came before the time was over.</returns>
    public int Receive(int timeoutMs)
    {
        var descriptor = new PollDescriptor { Descriptor = _socket, Events = 1 };
        int ready = Poll(&descriptor, 1, timeoutMs);
        return ready <= 0 ? 0 : Math.Max(0, ReceiveMessages(_socket, _incoming, (uint)_capacity, DoNotWait, null));
    }

    /// <summary>Frame <paramref name="index"/> of those that came; valid until the next call of <see cref="Receive"/>.</summary>
    public ReadOnlySpan<byte> Received(int index) => new(_receiveRoom + (index * FrameRoom), (int)_incoming[index].Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Close(_socket);
        NativeMemory.Free(_sendRoom);
        NativeMemory.Free(_receiveRoom);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_outgoing);
        NativeMemory.Free(_incoming);
    }

    private void Option(int level, int name, int value) => Check(SetSocketOption(_socket, level, name, &value, sizeof(int)), "setsockopt");

    private static int Check(int result, string call) => result >= 0
        ? result
        : throw new IOException($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Occurred;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        public void* Base;
        public nuint Length;
    }

    /// <summary>struct mmsghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
        public int Padding; // the end of struct msghdr
        public uint Length;
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int socket, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(int socket, int level, int name, void* value, int length);

    [LibraryImport("libc", EntryPoint = "sendmmsg", SetLastError = true)]
    private static partial int SendMessages(int socket, Message* messages, uint count, int flags);

    [LibraryImport("libc", EntryPoint = "recvmmsg", SetLastError = true)]
    private static partial int ReceiveMessages(int socket, Message* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Index(string name);
}
