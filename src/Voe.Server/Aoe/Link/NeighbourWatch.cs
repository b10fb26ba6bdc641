using System.Buffers.Binary;
using Microsoft.Extensions.Logging;

namespace Voe.Server.Aoe.Link;

/// <summary>
/// Notices other servers that answer to addresses of this one: asks everybody when a link came up, and looks at the answers,
/// and at what others announce when they start. Whoever it is, is told of once. Safe from many threads.
/// </summary>
/// <param name="targets">The addresses of this server.</param>
/// <param name="links">Its links: what comes from them is no neighbour's, though it may reach another link.</param>
/// <param name="logger">Where it is told.</param>
internal sealed class NeighbourWatch(AoeTargetTable targets, IReadOnlyList<IAoePort> links, ILogger logger)
{
    // AoEr11, 2: offsets in a frame, and what stands there in an answer to a config query.
    private const int EtherTypeOffset = 12;
    private const int FlagsOffset = 14;
    private const int ShelfOffset = 16;
    private const int SlotOffset = 18;
    private const int CommandOffset = 19;
    private const int TagOffset = 20;
    private const int HeaderSize = 24;
    private const int FrameSize = 60;
    private const ushort EtherType = 0x88a2;
    private const byte Version = 0x10;
    private const byte Response = 0x08;
    private const byte QueryConfig = 1;
    private const uint Tag = 0x766f6531; // "voe1"

    // Whoever floods the wire with answers fills neither memory nor log.
    private const int MaxTold = 64;

    private readonly HashSet<(MacAddress, AoeAddress)> _told = []; // guarded by itself

    /// <summary>Asks everybody on the wire for his targets.</summary>
    public static void Ask(IAoePort port)
    {
        Span<byte> frame = stackalloc byte[FrameSize];
        frame.Clear();
        MacAddress.Broadcast.Write(frame);
        port.Address.Write(frame[MacAddress.Size..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[EtherTypeOffset..], EtherType);
        frame[FlagsOffset] = Version;
        BinaryPrimitives.WriteUInt16BigEndian(frame[ShelfOffset..], AoeAddress.AnyShelf);
        frame[SlotOffset] = AoeAddress.AnySlot;
        frame[CommandOffset] = QueryConfig;
        BinaryPrimitives.WriteUInt32BigEndian(frame[TagOffset..], Tag);
        port.Send(frame, [new FrameRange(0, FrameSize)]);
    }

    /// <summary>Looks at frames that a link received.</summary>
    public void Look(IAoePort port, ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames)
    {
        foreach (FrameRange range in frames)
        {
            ReadOnlySpan<byte> frame = memory.Slice(range.Start, range.Length);
            if (frame.Length >= HeaderSize && (frame[FlagsOffset] & Response) != 0 && frame[CommandOffset] == QueryConfig
                && BinaryPrimitives.ReadUInt16BigEndian(frame[EtherTypeOffset..]) == EtherType)
            {
                LookAtAnswer(port, frame);
            }
        }
    }

    private void LookAtAnswer(IAoePort port, ReadOnlySpan<byte> frame)
    {
        var address = new AoeAddress(BinaryPrimitives.ReadUInt16BigEndian(frame[ShelfOffset..]), frame[SlotOffset]);
        var source = MacAddress.Read(frame[MacAddress.Size..]);
        if (!targets.TryFind(address, out _) || links.Any(link => link.Address == source))
        {
            return;
        }

        lock (_told)
        {
            if (_told.Count >= MaxTold || !_told.Add((source, address)))
            {
                return;
            }
        }

        logger.LogWarning(
            "{Interface}: another AoE server, {Source}, answers to {Address} as well: clients that use both will damage what they write. "
            + "Give one of them another address", port.Name, source, address);
    }
}
