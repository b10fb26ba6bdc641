using System.Runtime.InteropServices;
using SharpPcap;
using SharpPcap.LibPcap;

namespace Voe.Server.Aoe.Link;

/// <summary>
/// An interface opened through libpcap for the frames of AoE: a ring that the kernel fills, in immediate mode, not promiscuous,
/// with a filter in the kernel, without the frames that this machine sends.
/// </summary>
/// <remarks>
/// One thread receives. <see cref="TrySend"/> and <see cref="Dispose"/> are not called at once: the caller's lock sees to it.
/// Nothing is allocated for a frame.
/// </remarks>
internal sealed unsafe class PcapSocket : IDisposable
{
    private const string Filter = "ether proto 0x88a2";

    // Behind the MTU: Ethernet header and one VLAN tag.
    private const int HeaderRoom = 18;

    // 450 frames of 9000 bytes, what 7 initiators with 64 frames under way each can send at once.
    private const int RingSize = 4 << 20;

    // The kernel counts a frame with what it takes in memory, 16 KiB for one of 9000 bytes. As much of it as the system allows.
    private const int SendRoom = 4 << 20;

    // Longer than any interface needs to send what waits; then frames are dropped, and asked for again.
    private const int SendTimeoutUs = 100_000;

    // struct pcap_pkthdr of a 64-bit system: a struct timeval, then two lengths of 32 bits.
    private const int CapturedOffset = 16;
    private const int LengthOffset = 20;

    private readonly Device _device;

    private PcapSocket(Device device, int mtu)
    {
        _device = device;
        Mtu = mtu;
    }

    /// <summary>The longest frame that arrives whole, in bytes.</summary>
    public int MaxFrameSize => Mtu + HeaderRoom;

    /// <summary>The MTU that the interface had.</summary>
    public int Mtu { get; }

    /// <summary>A descriptor that is readable while frames wait.</summary>
    public int Descriptor => _device.Descriptor;

    /// <summary>How many frames came when the ring was full, and were lost, since the socket was opened.</summary>
    public long Dropped => _device.Statistics.DroppedPackets;

    /// <summary>What went wrong last, in libpcap's words.</summary>
    public string LastError => _device.LastError;

    /// <summary>Opens an interface.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mtu">Its MTU.</param>
    /// <exception cref="LinkException">It is not there, not up, not ours to open, or libpcap is missing.</exception>
    public static PcapSocket Open(string name, int mtu)
    {
        Device? device = null;
        try
        {
            PcapInterface network = PcapInterface.GetAllPcapInterfaces().FirstOrDefault(network => network.Name == name)
                ?? throw LinkErrors.Missing(name);
            device = new Device(network);
            device.Open(new DeviceConfiguration
            {
                Mode = DeviceModes.None,
                Immediate = true,
                Snaplen = mtu + HeaderRoom,
                BufferSize = RingSize,
                ReadTimeout = 1000,
            });
            device.NonBlockingMode = true;
            device.Filter = Filter;
            SetOptions(name, device.Descriptor);
            return new PcapSocket(device, mtu);
        }
        catch (Exception failure) when (failure is not LinkException)
        {
            device?.Dispose();
            throw LinkErrors.Explain(name, failure);
        }
        catch
        {
            device?.Dispose();
            throw;
        }
    }

    /// <summary>Takes the frame that has waited longest.</summary>
    /// <param name="room">Where it is copied to: room for <see cref="MaxFrameSize"/> bytes.</param>
    /// <param name="length">Its length.</param>
    /// <returns>1: a frame; 0: none waits; -1: the interface fails.</returns>
    public int TryReceive(Span<byte> room, out int length)
    {
        nint header = 0, data = 0;
        while (true)
        {
            int result = _device.GetNextPacketPointers(ref header, ref data);
            length = 0;
            if (result != 1)
            {
                return result;
            }

            uint captured = *(uint*)(header + CapturedOffset);
            if (captured == *(uint*)(header + LengthOffset) && captured <= (uint)room.Length)
            {
                length = (int)captured;
                new ReadOnlySpan<byte>((void*)data, length).CopyTo(room);
                return 1;
            }

            // Longer than the MTU allows, so not whole: as if it had been lost on the wire.
        }
    }

    /// <summary>Sends a frame; may wait for room for a moment. When that fails, <paramref name="error"/> says why.</summary>
    public bool TrySend(ReadOnlySpan<byte> frame, out string error)
    {
        try
        {
            _device.SendPacket(frame);
            error = "";
            return true;
        }
        catch (PcapException failure)
        {
            error = failure.Message;
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _device.Dispose();

    private static void SetOptions(string name, int descriptor)
    {
        int on = 1, room = SendRoom;
        var timeout = new Interop.TimeValue { Microseconds = SendTimeoutUs };

        // libpcap has made the socket one that never waits. Receiving asks the ring alone, so only sends wait from here on.
        bool isDone = Interop.Fcntl(descriptor, Interop.GetFlags, 0) is var flags and >= 0
            && Interop.Fcntl(descriptor, Interop.SetFlags, flags & ~Interop.NonBlocking) == 0
            && Interop.SetSocketOption(descriptor, Interop.SocketLevel, Interop.SendTimeout, &timeout, (uint)sizeof(Interop.TimeValue)) == 0
            && Interop.SetSocketOption(descriptor, Interop.SocketLevel, Interop.SendBuffer, &room, sizeof(int)) == 0

            // Not "inbound" in the filter: libpcap cannot evaluate that for the frames that came before the kernel had the filter,
            // and throws the first of them away.
            && Interop.SetSocketOption(descriptor, Interop.PacketLevel, Interop.IgnoreOutgoing, &on, sizeof(int)) == 0;
        if (!isDone)
        {
            throw new LinkException($"{name}: the packet socket cannot be set up: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private sealed class Device(PcapInterface network) : LibPcapLiveDevice(network)
    {
        public int Descriptor => FileDescriptor;
    }
}
