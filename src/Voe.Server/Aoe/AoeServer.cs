using Microsoft.Extensions.Logging;

namespace Voe.Server.Aoe;

/// <summary>
/// The AoE engine: takes frames from ports, and answers them by its targets (AoEr11). It knows no socket and has no thread
/// for reads; each target has one for its writes.
/// </summary>
/// <remarks>
/// Safe from many threads: each port has one or more that call <see cref="Receive"/>. Frames of one initiator should
/// stay in the order in which they came, so a port with several threads spreads frames by their source address.
/// </remarks>
internal sealed class AoeServer
{
    /// <summary>An engine that serves the targets of a table, which may change while it runs.</summary>
    public AoeServer(AoeTargetTable targets, ILogger logger)
    {
        Targets = targets;
        _ = logger;
    }

    /// <summary>The targets.</summary>
    public AoeTargetTable Targets { get; }

    /// <summary>
    /// Handles a group of frames as they stood waiting in a receive ring: the more at once, the better they merge.
    /// Answers to everything but what changes or flushes a device are sent before this returns; the answers to those come
    /// later, from another thread. Throws nothing for anything that a frame may hold.
    /// </summary>
    /// <param name="port">Where they came from, and where the answers go.</param>
    /// <param name="memory">Holds the frames. Only read, and only during the call: what is needed later is copied.</param>
    /// <param name="frames">Where in it they lie: whole frames with Ethernet header, of any type and to anybody, in order.</param>
    public void Receive(IAoePort port, ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames)
    {
    }

    /// <summary>
    /// Tells everybody on the wire of all targets: an unsolicited config answer for each, to the broadcast address, or to
    /// the members of the target's mask or access list if it has one. To be called when a port came up and when its MTU changed.
    /// </summary>
    public void Announce(IAoePort port)
    {
    }

    /// <summary>Tells everybody on the wire of one target, which was added.</summary>
    public void Announce(IAoePort port, AoeTarget target)
    {
    }

    /// <summary>
    /// Takes no frame any more and stops all targets: what waits is written and answered, so ports must still send.
    /// Returns false when that was not done in time.
    /// </summary>
    public bool Stop(TimeSpan timeout) => timeout >= TimeSpan.Zero;
}
