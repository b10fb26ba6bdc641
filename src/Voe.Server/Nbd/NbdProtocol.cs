namespace Voe.Server.Nbd;

/// <summary>
/// The numbers of the NBD protocol (proto.md of NetworkBlockDevice/nbd), under the names that the specification gives
/// them without the prefix NBD_. Everything on the wire is big-endian.
/// </summary>
internal static class NbdProtocol
{
    /// <summary>The port that IANA gave to NBD.</summary>
    public const int DefaultPort = 10809;

    /// <summary>"NBDMAGIC", the first 8 bytes of every connection.</summary>
    public const ulong InitMagic = 0x4e42444d41474943;

    /// <summary>"IHAVEOPT": newstyle follows; also in front of every option of the client.</summary>
    public const ulong OptionMagic = 0x49484156454F5054;

    /// <summary>In front of every reply to an option.</summary>
    public const ulong OptionReplyMagic = 0x0003e889045565a9;

    /// <summary>In front of every request.</summary>
    public const uint RequestMagic = 0x25609513;

    /// <summary>In front of every simple reply.</summary>
    public const uint SimpleReplyMagic = 0x67446698;

    /// <summary>In front of every chunk of a structured reply.</summary>
    public const uint StructuredReplyMagic = 0x668e33ef;

    /// <summary>In front of every request with an extended header.</summary>
    public const uint ExtendedRequestMagic = 0x21e41c71;

    /// <summary>In front of every chunk of a reply with an extended header.</summary>
    public const uint ExtendedReplyMagic = 0x6e8a278c;

    /// <summary>
    /// The largest payload of one read or write, in bytes: what the specification asks every server to take, and what
    /// is told to clients with NBD_INFO_BLOCK_SIZE.
    /// </summary>
    public const int MaxPayload = 32 << 20;

    /// <summary>Longest string of the protocol in bytes ("Strings" in proto.md).</summary>
    public const int MaxStringLength = 4096;
}

/// <summary>Handshake flags of the server and client flags: proto.md, "Handshake flags", "Client flags". The bits are the same.</summary>
[Flags]
internal enum NbdHandshakeFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>Options other than EXPORT_NAME are understood and answered.</summary>
    FixedNewstyle = 1,

    /// <summary>No 124 zero bytes after the answer to EXPORT_NAME.</summary>
    NoZeroes = 2,
}

/// <summary>What an export can do: proto.md, "Transmission flags".</summary>
[Flags]
internal enum NbdTransmissionFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>Always set.</summary>
    HasFlags = 1,

    /// <summary>Writes are refused.</summary>
    ReadOnly = 1 << 1,

    /// <summary>FLUSH is understood.</summary>
    SendFlush = 1 << 2,

    /// <summary>The flag FUA is understood.</summary>
    SendFua = 1 << 3,

    /// <summary>TRIM is understood.</summary>
    SendTrim = 1 << 5,

    /// <summary>WRITE_ZEROES and its flag NO_HOLE are understood.</summary>
    SendWriteZeroes = 1 << 6,

    /// <summary>The flag DF is understood: structured replies or extended headers were negotiated.</summary>
    SendDontFragment = 1 << 7,

    /// <summary>A flush on one connection covers the writes that were replied to on any.</summary>
    CanMultiConn = 1 << 8,

    /// <summary>CACHE is understood.</summary>
    SendCache = 1 << 10,

    /// <summary>The flag FAST_ZERO is understood.</summary>
    SendFastZero = 1 << 11,

    /// <summary>BLOCK_STATUS may have a payload that chooses among the contexts: extended headers were negotiated.</summary>
    BlockStatusPayload = 1 << 12,
}

/// <summary>Options of the client: proto.md, "Option types". Those without a member here are answered with ERR_UNSUP.</summary>
internal enum NbdOption : uint
{
    /// <summary>Choose an export and start, without a way to refuse but hanging up.</summary>
    ExportName = 1,

    /// <summary>End the session.</summary>
    Abort = 2,

    /// <summary>Name all exports.</summary>
    List = 3,

    /// <summary>Go on under TLS.</summary>
    StartTls = 5,

    /// <summary>Tell about an export.</summary>
    Info = 6,

    /// <summary>Tell about an export and start.</summary>
    Go = 7,

    /// <summary>Reply in chunks from now on.</summary>
    StructuredReply = 8,

    /// <summary>Name the metadata contexts of an export.</summary>
    ListMetaContext = 9,

    /// <summary>Choose the metadata contexts that BLOCK_STATUS tells about.</summary>
    SetMetaContext = 10,

    /// <summary>Requests and replies with 64-bit lengths from now on.</summary>
    ExtendedHeaders = 11,
}

/// <summary>Kinds of replies to options: proto.md, "Option reply types".</summary>
internal enum NbdOptionReplyType : uint
{
    /// <summary>Done.</summary>
    Ack = 1,

    /// <summary>One export of a list.</summary>
    Server = 2,

    /// <summary>One fact about an export.</summary>
    Info = 3,

    /// <summary>One metadata context.</summary>
    MetaContext = 4,

    /// <summary>An option that this server does not know.</summary>
    ErrorUnsupported = 0x8000_0001,

    /// <summary>An option that this server knows and was told not to allow.</summary>
    ErrorPolicy = 0x8000_0002,

    /// <summary>An option whose data makes no sense.</summary>
    ErrorInvalid = 0x8000_0003,

    /// <summary>Nothing but STARTTLS will do.</summary>
    ErrorTlsRequired = 0x8000_0005,

    /// <summary>No such export.</summary>
    ErrorUnknown = 0x8000_0006,

    /// <summary>The server is about to stop.</summary>
    ErrorShutdown = 0x8000_0007,

    /// <summary>More data than this server takes.</summary>
    ErrorTooBig = 0x8000_0009,

    /// <summary>Extended headers were negotiated, and there is no way back from them.</summary>
    ErrorExtendedHeadersRequired = 0x8000_000a,
}

/// <summary>Facts about an export: proto.md, NBD_REP_INFO.</summary>
internal enum NbdInfoType : ushort
{
    /// <summary>Size and transmission flags.</summary>
    Export = 0,

    /// <summary>The canonical name.</summary>
    Name = 1,

    /// <summary>A sentence for people.</summary>
    Description = 2,

    /// <summary>Minimum, preferred and maximum size of requests.</summary>
    BlockSize = 3,
}

/// <summary>Request types: proto.md, "Request types".</summary>
internal enum NbdCommand : ushort
{
    /// <summary>Read.</summary>
    Read = 0,

    /// <summary>Write; the payload follows the header.</summary>
    Write = 1,

    /// <summary>Finish what is in flight and hang up; not replied to.</summary>
    Disconnect = 2,

    /// <summary>Make everything that was replied to durable.</summary>
    Flush = 3,

    /// <summary>Give up what a range holds.</summary>
    Trim = 4,

    /// <summary>A range will be used soon.</summary>
    Cache = 5,

    /// <summary>Make a range read as zeroes.</summary>
    WriteZeroes = 6,

    /// <summary>Describe a range in the contexts that were chosen.</summary>
    BlockStatus = 7,
}

/// <summary>Flags of a request: proto.md, "Command flags".</summary>
[Flags]
internal enum NbdCommandFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>What the request changes is durable before its reply. Allowed on every command.</summary>
    Fua = 1,

    /// <summary>Zeroes are to be allocated, not a hole.</summary>
    NoHole = 1 << 1,

    /// <summary>Data is to come in one chunk ("don't fragment").</summary>
    DontFragment = 1 << 2,

    /// <summary>One extent of each context is enough.</summary>
    RequestOne = 1 << 3,

    /// <summary>Zero only if that is faster than a write.</summary>
    FastZero = 1 << 4,

    /// <summary>The length is that of a payload which follows. Only with extended headers.</summary>
    PayloadLength = 1 << 5,
}

/// <summary>Error numbers on the wire: proto.md, "Error values".</summary>
internal enum NbdError : uint
{
    /// <summary>No error.</summary>
    None = 0,

    /// <summary>Not permitted: a write to a read-only export.</summary>
    NotPermitted = 1,

    /// <summary>The device failed.</summary>
    InputOutput = 5,

    /// <summary>The request makes no sense.</summary>
    Invalid = 22,

    /// <summary>No room, or a write beyond the end.</summary>
    NoSpace = 28,

    /// <summary>More than one reply can hold.</summary>
    Overflow = 75,

    /// <summary>Zeroing is not faster than writing.</summary>
    NotSupported = 95,

    /// <summary>The export is gone.</summary>
    Shutdown = 108,
}

/// <summary>How a connection's messages look, as its handshake agreed on.</summary>
internal enum NbdReplyFormat
{
    /// <summary>Simple replies.</summary>
    Simple,

    /// <summary>Structured replies where there is data or an error, simple ones else.</summary>
    Structured,

    /// <summary>Extended headers, in both directions.</summary>
    Extended,
}

/// <summary>Flags of a chunk: proto.md, "Structured and extended header reply flags".</summary>
[Flags]
internal enum NbdChunkFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The last chunk of its reply.</summary>
    Done = 1,
}

/// <summary>Kinds of chunks: proto.md, "Structured reply types".</summary>
internal enum NbdChunkType : ushort
{
    /// <summary>Nothing; the last of a reply.</summary>
    None = 0,

    /// <summary>Bytes of the export: 8 offset, the bytes.</summary>
    OffsetData = 1,

    /// <summary>A range that reads as zeroes: 8 offset, 4 length.</summary>
    OffsetHole = 2,

    /// <summary>Extents of one context: 4 its id, then 4 length and 4 status for each.</summary>
    BlockStatus = 5,

    /// <summary>The same with extended headers: 4 id, 4 count, then 8 length and 8 status for each.</summary>
    BlockStatusExtended = 6,

    /// <summary>An error: 4 error, 2 length of the text, the text.</summary>
    Error = 0x8001,

    /// <summary>An error at a place: the same and 8 offset.</summary>
    ErrorOffset = 0x8002,
}
