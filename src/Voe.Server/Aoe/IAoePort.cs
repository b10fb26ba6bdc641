namespace Voe.Server.Aoe;

/// <summary>Where one Ethernet frame lies in a larger piece of memory.</summary>
/// <param name="Start">Index of the first byte of its destination address.</param>
/// <param name="Length">Bytes, without the frame check sequence.</param>
internal readonly record struct FrameRange(int Start, int Length);

/// <summary>
/// An Ethernet interface, as the engine sees it: an address, an MTU, and a way to send. The transport that implements it
/// hands what it receives to <see cref="AoeServer.Receive"/>.
/// </summary>
/// <remarks>Safe from many threads. Two ports are the same when they are the same object.</remarks>
internal interface IAoePort
{
    /// <summary>The interface's name, for messages.</summary>
    string Name { get; }

    /// <summary>The interface's own address: the source of every frame that is sent, and the only unicast one that is answered.</summary>
    MacAddress Address { get; }

    /// <summary>
    /// The interface's MTU at this moment, in bytes: what a frame may have behind its 14 bytes of Ethernet header. The
    /// engine asks for each frame, so this is a field that the transport keeps up to date, not a system call.
    /// </summary>
    int Mtu { get; }

    /// <summary>
    /// Sends frames, in order, several at once where the system can. A frame that cannot be sent is dropped, as a network
    /// may do: nothing is thrown, and the engine never learns of it. May wait for room for a moment, and must not
    /// allocate per frame. Called from several threads at once, and from inside <see cref="AoeServer.Receive"/>.
    /// </summary>
    /// <param name="memory">Holds the frames; the engine's, pinned, and only valid during the call.</param>
    /// <param name="frames">Where in it they lie: whole frames with Ethernet header, 60 bytes at least.</param>
    void Send(ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames);
}
