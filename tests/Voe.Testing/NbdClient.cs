using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Voe.Testing;

/// <summary>A reply to a request, or to an option with its data.</summary>
/// <param name="Error">The error of a reply; the reply type of an option's.</param>
/// <param name="Cookie">The request's cookie; the option of an option's reply.</param>
/// <param name="Data">What came with it.</param>
public readonly record struct NbdClientReply(uint Error, ulong Cookie, byte[] Data);

/// <summary>A message of the transmission phase as it came: a simple reply without data, or a chunk.</summary>
/// <param name="Magic">Its magic number, which tells simple, structured and extended apart.</param>
/// <param name="Flags">A chunk's flags; 1 (done) for a simple reply.</param>
/// <param name="Type">A chunk's type; for a simple reply 0, or the type of an error.</param>
/// <param name="Cookie">The request's cookie.</param>
/// <param name="Offset">The request's offset, with extended headers.</param>
/// <param name="Data">The payload; of a simple reply with an error, the error.</param>
public readonly record struct NbdClientChunk(uint Magic, ushort Flags, ushort Type, ulong Cookie, ulong Offset, byte[] Data)
{
    /// <summary>Whether it is the last of its reply.</summary>
    public bool IsDone => (Flags & 1) != 0;

    /// <summary>Whether it tells of an error.</summary>
    public bool IsError => (Type & 0x8000) != 0;

    /// <summary>The error that it tells of, or 0.</summary>
    public uint Error => IsError ? BinaryPrimitives.ReadUInt32BigEndian(Data) : 0;

    /// <summary>The first 8 bytes of a chunk of data or a hole: where it lies.</summary>
    public long DataOffset => BinaryPrimitives.ReadInt64BigEndian(Data);

    /// <summary>The text of an error.</summary>
    public string Message => Encoding.UTF8.GetString(Data, 6, BinaryPrimitives.ReadUInt16BigEndian(Data.AsSpan(4)));
}

/// <summary>
/// A small NBD client, written from proto.md alone and sharing no code with the server, so that a number that is wrong
/// in the one is not wrong in the other. Blocking; every call fails after 20 seconds. Not thread-safe, but one thread may send and
/// another receive.
/// </summary>
public sealed class NbdClient : IDisposable
{
    /// <summary>Command numbers.</summary>
    public const ushort Read = 0, Write = 1, Disconnect = 2, Flush = 3, Trim = 4, Cache = 5, WriteZeroes = 6, BlockStatus = 7;

    /// <summary>Command flags.</summary>
    public const ushort Fua = 1, NoHole = 2, DontFragment = 4, RequestOne = 8, FastZero = 16, PayloadLength = 32;

    /// <summary>Options.</summary>
    public const uint OptionExportName = 1, OptionAbort = 2, OptionList = 3, OptionStartTls = 5, OptionInfo = 6, OptionGo = 7,
        OptionStructuredReply = 8, OptionListMetaContext = 9, OptionSetMetaContext = 10, OptionExtendedHeaders = 11;

    /// <summary>Types of replies to options.</summary>
    public const uint ReplyAck = 1, ReplyServer = 2, ReplyInfo = 3, ReplyMetaContext = 4, ReplyUnsupported = 0x80000001,
        ReplyPolicy = 0x80000002, ReplyInvalid = 0x80000003, ReplyTlsRequired = 0x80000005, ReplyUnknown = 0x80000006,
        ReplyTooBig = 0x80000009, ReplyExtendedHeadersRequired = 0x8000000a;

    /// <summary>Types of chunks.</summary>
    public const ushort ChunkNone = 0, ChunkData = 1, ChunkHole = 2, ChunkStatus = 5, ChunkStatusExtended = 6, ChunkError = 0x8001,
        ChunkErrorOffset = 0x8002;

    private const int TimeoutMs = 20_000;

    private readonly Socket _socket;
    private ulong _nextCookie = 1;
    private bool _isExtended;
    private SslStream? _tls;

    /// <summary>Connects; sends nothing yet.</summary>
    public NbdClient(EndPoint server)
    {
        ArgumentNullException.ThrowIfNull(server);
        _socket = new Socket(
            server.AddressFamily, SocketType.Stream, server is UnixDomainSocketEndPoint ? ProtocolType.Unspecified : ProtocolType.Tcp)
        {
            ReceiveTimeout = TimeoutMs,
            SendTimeout = TimeoutMs,
        };
        _socket.Connect(server);
        if (server is IPEndPoint)
        {
            _socket.NoDelay = true;
        }
    }

    /// <summary>The export's size, after <see cref="Go"/>.</summary>
    public long Size { get; private set; }

    /// <summary>The transmission flags, after <see cref="Go"/>.</summary>
    public int TransmissionFlags { get; private set; }

    /// <summary>Connects to an export and starts its transmission phase.</summary>
    public static NbdClient Connect(EndPoint server, string export)
    {
        var client = new NbdClient(server);
        client.Greet();
        client.Go(export);
        return client;
    }

    /// <summary>Sends raw bytes.</summary>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        if (_tls is not null)
        {
            _tls.Write(bytes);
            return;
        }

        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    /// <summary>Receives exactly that many bytes.</summary>
    public byte[] Receive(int count)
    {
        byte[] bytes = new byte[count];
        ReceiveInto(bytes);
        return bytes;
    }

    /// <summary>Fills the buffer.</summary>
    public void ReceiveInto(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int received = _tls?.Read(buffer) ?? _socket.Receive(buffer);
            buffer = received > 0 ? buffer[received..] : throw new EndOfStreamException("the server has closed the connection");
        }
    }

    /// <summary>Waits until the server has closed the connection; false if it sends something instead.</summary>
    public bool IsClosedByServer()
    {
        try
        {
            return (_tls?.Read(new byte[1]) ?? _socket.Receive(new byte[1])) == 0;
        }
        catch (IOException) when (_tls is not null)
        {
            return true;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
    }

    /// <summary>Receives one byte; null when the server has ended the connection in order.</summary>
    public byte? TryReceive()
    {
        byte[] one = new byte[1];
        return (_tls?.Read(one) ?? _socket.Receive(one)) > 0 ? one[0] : null;
    }

    /// <summary>Sends raw bytes below TLS.</summary>
    public void SendUnderTls(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    /// <summary>Nothing more will be sent; replies can still be received.</summary>
    public void StopSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Receives the greeting and answers with client flags; returns the handshake flags.</summary>
    public int Greet(uint clientFlags = 3)
    {
        byte[] greeting = Receive(18);
        if (!greeting.AsSpan(0, 16).SequenceEqual("NBDMAGICIHAVEOPT"u8))
        {
            throw new InvalidDataException($"this is no NBD server: {Convert.ToHexString(greeting)}");
        }

        Send(BigEndian(clientFlags));
        return BinaryPrimitives.ReadUInt16BigEndian(greeting.AsSpan(16));
    }

    /// <summary>Goes on under TLS; the server has acknowledged STARTTLS.</summary>
    /// <exception cref="System.Security.Authentication.AuthenticationException">No TLS came about.</exception>
    public void SpeakTls(SslClientAuthenticationOptions options)
    {
        var stream = new SslStream(new NetworkStream(_socket, ownsSocket: false));
        stream.AuthenticateAsClient(options);
        _tls = stream;
    }

    /// <summary>Sends an option.</summary>
    public void SendOption(uint option, ReadOnlySpan<byte> data, uint? claimedLength = null) =>
        Send([.. "IHAVEOPT"u8, .. BigEndian(option), .. BigEndian(claimedLength ?? (uint)data.Length), .. data]);

    /// <summary>Receives one reply to an option.</summary>
    public NbdClientReply ReceiveOptionReply()
    {
        byte[] header = Receive(20);
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != 0x3e889045565a9)
        {
            throw new InvalidDataException($"this is no reply to an option: {Convert.ToHexString(header)}");
        }

        return new NbdClientReply(
            BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)),
            BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8)),
            Receive(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(16))));
    }

    /// <summary>Sends an option and receives its replies up to the final one.</summary>
    public IReadOnlyList<NbdClientReply> Option(uint option, ReadOnlySpan<byte> data)
    {
        SendOption(option, data);
        var replies = new List<NbdClientReply>();
        do
        {
            replies.Add(ReceiveOptionReply());
        }
        while (replies[^1].Error is ReplyServer or ReplyInfo or ReplyMetaContext);
        return replies;
    }

    /// <summary>The data of INFO and GO.</summary>
    public static byte[] InfoData(string export, params ushort[] wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        byte[] name = Encoding.UTF8.GetBytes(export);
        return [.. BigEndian((uint)name.Length), .. name, .. BigEndian((ushort)wanted.Length), .. wanted.SelectMany(BigEndian)];
    }

    /// <summary>Starts the transmission phase with GO.</summary>
    public void Go(string export)
    {
        IReadOnlyList<NbdClientReply> replies = Option(OptionGo, InfoData(export));
        if (replies[^1].Error != ReplyAck)
        {
            throw new InvalidOperationException($"GO was refused: {replies[^1].Error:x} {Encoding.UTF8.GetString(replies[^1].Data)}");
        }

        Size = BinaryPrimitives.ReadInt64BigEndian(replies[0].Data.AsSpan(2));
        TransmissionFlags = BinaryPrimitives.ReadUInt16BigEndian(replies[0].Data.AsSpan(10));
    }

    /// <summary>The bytes of a request.</summary>
    public static byte[] Request(
        ushort command, ulong offset, uint length, ulong cookie, ushort flags = 0, ReadOnlySpan<byte> payload = default) =>
    [
        .. BigEndian(0x25609513u), .. BigEndian(flags), .. BigEndian(command), .. BigEndian(cookie), .. BigEndian(offset),
        .. BigEndian(length), .. payload,
    ];

    /// <summary>The bytes of a request with an extended header.</summary>
    public static byte[] ExtendedRequest(
        ushort command, ulong offset, ulong length, ulong cookie, ushort flags = 0, ReadOnlySpan<byte> payload = default) =>
    [
        .. BigEndian(0x21e41c71u), .. BigEndian(flags), .. BigEndian(command), .. BigEndian(cookie), .. BigEndian(offset),
        .. BigEndian(length), .. payload,
    ];

    /// <summary>The data of LIST_META_CONTEXT and SET_META_CONTEXT.</summary>
    public static byte[] ContextQuery(string export, params string[] queries)
    {
        ArgumentNullException.ThrowIfNull(queries);
        return [.. Text(export), .. BigEndian((uint)queries.Length), .. queries.SelectMany(Text)];
        static byte[] Text(string text) => [.. BigEndian((uint)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];
    }

    /// <summary>Connects with structured replies, and with those contexts, if any.</summary>
    public static NbdClient ConnectStructured(EndPoint server, string export, params string[] contexts) =>
        Connect(server, export, OptionStructuredReply, contexts);

    /// <summary>Connects with extended headers, and with those contexts, if any.</summary>
    public static NbdClient ConnectExtended(EndPoint server, string export, params string[] contexts) =>
        Connect(server, export, OptionExtendedHeaders, contexts);

    /// <summary>Receives one message: a chunk, or a simple reply without data.</summary>
    public NbdClientChunk ReceiveChunk()
    {
        byte[] start = Receive(16);
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(start);
        ulong cookie = BinaryPrimitives.ReadUInt64BigEndian(start.AsSpan(8));
        if (magic == 0x67446698)
        {
            uint error = BinaryPrimitives.ReadUInt32BigEndian(start.AsSpan(4));
            return new NbdClientChunk(magic, 1, error == 0 ? ChunkNone : ChunkError, cookie, 0, [.. BigEndian(error), 0, 0]);
        }

        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(start.AsSpan(4));
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(start.AsSpan(6));
        switch (magic)
        {
            case 0x668e33ef:
                return new NbdClientChunk(magic, flags, type, cookie, 0, Receive(BinaryPrimitives.ReadInt32BigEndian(Receive(4))));
            case 0x6e8a278c:
                byte[] rest = Receive(16);
                ulong offset = BinaryPrimitives.ReadUInt64BigEndian(rest);
                int length = checked((int)BinaryPrimitives.ReadUInt64BigEndian(rest.AsSpan(8)));
                return new NbdClientChunk(magic, flags, type, cookie, offset, Receive(length));
            default:
                throw new InvalidDataException($"this is no reply: {Convert.ToHexString(start)}");
        }
    }

    /// <summary>Receives all chunks of one reply, which no other may be mixed with.</summary>
    public IReadOnlyList<NbdClientChunk> ReceiveChunks()
    {
        var chunks = new List<NbdClientChunk>();
        do
        {
            chunks.Add(ReceiveChunk());
        }
        while (!chunks[^1].IsDone);
        return chunks;
    }

    /// <summary>Sends one request in the form that was agreed on, and receives its chunks.</summary>
    public IReadOnlyList<NbdClientChunk> DoChunks(
        ushort command, long offset, long length, ushort flags = 0, ReadOnlySpan<byte> payload = default)
    {
        ulong cookie = _nextCookie++;
        Send(_isExtended
            ? ExtendedRequest(command, (ulong)offset, (ulong)length, cookie, flags, payload)
            : Request(command, (ulong)offset, (uint)length, cookie, flags, payload));
        IReadOnlyList<NbdClientChunk> chunks = ReceiveChunks();
        return chunks.All(chunk => chunk.Cookie == cookie && chunk.Offset == (_isExtended ? (ulong)offset : 0))
            ? chunks
            : throw new InvalidDataException($"replies to other requests than {cookie} came, or with other offsets");
    }

    /// <summary>Sends a request with a new cookie, which is returned.</summary>
    public ulong SendRequest(ushort command, long offset, long length, ushort flags = 0, ReadOnlySpan<byte> payload = default)
    {
        ulong cookie = _nextCookie++;
        Send(Request(command, (ulong)offset, (uint)length, cookie, flags, payload));
        return cookie;
    }

    /// <summary>Receives one simple reply.</summary>
    /// <param name="dataLength">Tells from its cookie how much data follows one without an error; null for none.</param>
    public NbdClientReply ReceiveReply(Func<ulong, int>? dataLength = null)
    {
        byte[] header = Receive(16);
        if (BinaryPrimitives.ReadUInt32BigEndian(header) != 0x67446698)
        {
            throw new InvalidDataException($"this is no simple reply: {Convert.ToHexString(header)}");
        }

        uint error = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4));
        ulong cookie = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8));
        return new NbdClientReply(error, cookie, error == 0 && dataLength is not null ? Receive(dataLength(cookie)) : []);
    }

    /// <summary>Sends one request and receives its reply.</summary>
    public NbdClientReply Do(ushort command, long offset, long length, ushort flags = 0, ReadOnlySpan<byte> payload = default)
    {
        ulong cookie = SendRequest(command, offset, length, flags, payload);
        NbdClientReply reply = ReceiveReply(_ => command == Read ? (int)length : 0);
        return reply.Cookie == cookie
            ? reply
            : throw new InvalidDataException($"a reply to request {reply.Cookie} came, not to {cookie}");
    }

    /// <summary>Writes; returns the error.</summary>
    public uint DoWrite(long offset, ReadOnlySpan<byte> data, ushort flags = 0) => Do(Write, offset, data.Length, flags, data).Error;

    /// <summary>Reads; throws if there is an error.</summary>
    public byte[] DoRead(long offset, int length)
    {
        NbdClientReply reply = Do(Read, offset, length);
        return reply.Error == 0 ? reply.Data : throw new IOException($"error {reply.Error} reading {length} bytes at {offset}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tls?.Dispose();
        _socket.Dispose();
    }

    private static NbdClient Connect(EndPoint server, string export, uint format, string[] contexts)
    {
        var client = new NbdClient(server) { _isExtended = format == OptionExtendedHeaders };
        client.Greet();
        RequireAck(client.Option(format, []));
        if (contexts.Length > 0)
        {
            RequireAck(client.Option(OptionSetMetaContext, ContextQuery(export, contexts)));
        }

        client.Go(export);
        return client;
    }

    private static void RequireAck(IReadOnlyList<NbdClientReply> replies)
    {
        if (replies[^1].Error != ReplyAck)
        {
            throw new InvalidOperationException($"refused: {replies[^1].Error:x} {Encoding.UTF8.GetString(replies[^1].Data)}");
        }
    }

    private static byte[] BigEndian(ushort value) => [(byte)(value >> 8), (byte)value];

    private static byte[] BigEndian(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] BigEndian(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
