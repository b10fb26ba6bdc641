using System.Buffers.Binary;

namespace Voe.Server.Aoe;

/// <summary>Commands (AoEr11, 2.5).</summary>
internal enum AoeCommand : byte
{
    /// <summary>An ATA command, with its data.</summary>
    Ata = 0,

    /// <summary>Reads, tests or sets the config string, and tells what the server can take.</summary>
    Config = 1,

    /// <summary>Reads or edits the list of addresses that are answered.</summary>
    Mask = 2,

    /// <summary>Reads or sets the list of addresses that may use the disk.</summary>
    Reserve = 3,
}

/// <summary>Error codes (AoEr11, 2.3).</summary>
internal enum AoeError : byte
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>Unrecognized command code.</summary>
    BadCommand = 1,

    /// <summary>Bad argument parameter.</summary>
    BadArgument = 2,

    /// <summary>Device unavailable.</summary>
    Unavailable = 3,

    /// <summary>Config string present.</summary>
    ConfigPresent = 4,

    /// <summary>Unsupported version.</summary>
    BadVersion = 5,

    /// <summary>The target is reserved.</summary>
    Reserved = 6,
}

/// <summary>
/// The start of a frame (AoEr11, 2). Big-endian:
/// <code>
///  0  Ethernet destination (6)
///  6  Ethernet source (6)
/// 12  Ethernet type 0x88a2 (2)
/// 14  version (upper 4 bits), flags (lower 4): 8 response, 4 error
/// 15  error
/// 16  shelf (2), slot (1)
/// 19  command
/// 20  tag (4)
/// 24  argument of the command
/// </code>
/// </summary>
/// <param name="Source">Who sent it.</param>
/// <param name="Version">The version, 1 for AoEr11.</param>
/// <param name="Address">Whom it is for; may be a broadcast.</param>
/// <param name="Command">What is asked for; may be none of the enum.</param>
/// <param name="Tag">The initiator's mark, as it stands in the frame.</param>
internal readonly record struct AoeHeader(MacAddress Source, byte Version, AoeAddress Address, AoeCommand Command, uint Tag)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 24;

    /// <summary>Bytes before what the MTU counts.</summary>
    public const int EthernetSize = 14;

    /// <summary>Bytes of the shortest frame that goes onto an Ethernet; shorter ones are padded with zeroes.</summary>
    public const int MinFrameSize = 60;

    /// <summary>The version that is spoken.</summary>
    public const byte SpokenVersion = 1;

    /// <summary>The Ethernet type.</summary>
    public const ushort EthernetType = 0x88a2;

    private const byte ResponseFlag = 0x8;
    private const byte ErrorFlag = 0x4;

    /// <summary>
    /// Reads the header of a request to a port; false for all that is none: too short, another type, for somebody else, a
    /// response, or from an address that no station has, or from the port itself.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, MacAddress port, out AoeHeader header)
    {
        header = default;
        if (frame.Length < Size
            || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EthernetType
            || (frame[14] & ResponseFlag) != 0)
        {
            return false;
        }

        MacAddress destination = MacAddress.Read(frame);
        MacAddress source = MacAddress.Read(frame[6..]);
        if ((destination != port && !destination.IsBroadcast) || !source.IsStation || source == port)
        {
            return false;
        }

        header = new AoeHeader(
            source,
            (byte)(frame[14] >> 4),
            new AoeAddress(BinaryPrimitives.ReadUInt16BigEndian(frame[16..]), frame[18]),
            (AoeCommand)frame[19],
            BinaryPrimitives.ReadUInt32BigEndian(frame[20..]));
        return true;
    }

    /// <summary>Writes the header of the answer to this request: all 24 bytes.</summary>
    /// <param name="frame">The answer.</param>
    /// <param name="port">The address that it is sent from.</param>
    /// <param name="target">The target's own address.</param>
    /// <param name="error">What went wrong, if anything.</param>
    public void WriteAnswer(Span<byte> frame, MacAddress port, AoeAddress target, AoeError error)
    {
        Source.Write(frame);
        port.Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], EthernetType);
        frame[14] = (byte)((SpokenVersion << 4) | ResponseFlag | (error != AoeError.None ? ErrorFlag : 0));
        frame[15] = (byte)error;
        BinaryPrimitives.WriteUInt16BigEndian(frame[16..], target.Shelf);
        frame[18] = target.Slot;
        frame[19] = (byte)Command;
        BinaryPrimitives.WriteUInt32BigEndian(frame[20..], Tag);
    }
}
