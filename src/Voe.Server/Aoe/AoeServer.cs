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
    /// <summary>The firmware version of the config answer: major and minor version of this program, a byte each.</summary>
    public static readonly ushort FirmwareNumber = (ushort)((Version.Major << 8) | Version.Minor);

    /// <summary>The firmware revision of IDENTIFY DEVICE: this program's version.</summary>
    public static readonly string FirmwareName = Version.ToString(3);

    private readonly Lock _gate = new();
    private readonly Stack<ReceivePass> _passes = new();
    private readonly ILogger _logger;
    private volatile bool _isEnding;

    /// <summary>An engine that serves the targets of a table, which may change while it runs.</summary>
    public AoeServer(AoeTargetTable targets, ILogger logger)
    {
        Targets = targets;
        _logger = logger;
    }

    /// <summary>The targets.</summary>
    public AoeTargetTable Targets { get; }

    private static Version Version => typeof(AoeServer).Assembly.GetName().Version!;

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
        if (_isEnding)
        {
            return;
        }

        ReceivePass pass = TakePass();
        pass.Handle(port, memory, frames, Targets.All);
        ReturnPass(pass);
    }

    /// <summary>
    /// Tells everybody on the wire of all targets: an unsolicited config answer for each, to the broadcast address, or to
    /// the members of the target's mask or access list if it has one. To be called when a port came up and when its MTU changed.
    /// </summary>
    public void Announce(IAoePort port)
    {
        foreach (AoeTarget target in Targets.All)
        {
            Announce(port, target);
        }
    }

    /// <summary>Tells everybody on the wire of one target, which was added.</summary>
    public void Announce(IAoePort port, AoeTarget target)
    {
        ReceivePass pass = TakePass();
        pass.Announce(port, target);
        ReturnPass(pass);
    }

    /// <summary>
    /// Takes no frame any more and stops all targets: what waits is written and answered, so ports must still send.
    /// Returns false when that was not done in time.
    /// </summary>
    public bool Stop(TimeSpan timeout)
    {
        _isEnding = true;
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        bool isDone = true;
        foreach (AoeTarget target in Targets.All)
        {
            bool hasEnded = target.Stop(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64)));
            if (!hasEnded)
            {
                _logger.LogWarning("aoe: {Target} is still busy with its device; what waits there is not answered", target.Address);
            }

            isDone &= hasEnded;
        }

        return isDone;
    }

    private ReceivePass TakePass()
    {
        lock (_gate)
        {
            return _passes.TryPop(out ReceivePass? pass) ? pass : new ReceivePass();
        }
    }

    // One that threw is not returned: nobody knows what it still holds.
    private void ReturnPass(ReceivePass pass)
    {
        lock (_gate)
        {
            _passes.Push(pass);
        }
    }
}
