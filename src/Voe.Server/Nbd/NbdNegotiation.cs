using Microsoft.Extensions.Logging;
using Voe.Server.Exports;

namespace Voe.Server.Nbd;

/// <summary>
/// The handshake of one connection: fixed newstyle, up to the choice of an export. It has a time limit as a whole, and
/// a limit on each option's length before anything is allocated for it.
/// </summary>
internal sealed class NbdNegotiation
{
    // The name and the list of facts of INFO and GO, with room to spare.
    private const int MaxOptionLength = 16 << 10;

    // Data of an option that is refused is read and dropped, up to this length; what claims more is no client.
    private const int MaxDroppedLength = 1 << 20;

    private readonly NbdSocket _socket;
    private readonly NbdResources _resources;
    private readonly string _peer;
    private readonly long _deadline;
    private NbdHandshakeFlags _clientFlags;
    private NbdReplyFormat _format;

    // What the last SET_META_CONTEXT chose, and for which export; void for any other.
    private IReadOnlyList<IMetaContext> _contexts = [];
    private Export? _contextsExport;

    /// <summary>A handshake whose time begins now.</summary>
    public NbdNegotiation(NbdSocket socket, NbdResources resources, string peer)
    {
        _socket = socket;
        Transport = socket;
        _resources = resources;
        _peer = peer;
        _deadline = resources.Time.GetTimestamp()
            + (long)(resources.Limits.HandshakeTime.TotalSeconds * resources.Time.TimestampFrequency);
    }

    /// <summary>What follows an option.</summary>
    private enum Next
    {
        Option,
        Transmission,
        End,
    }

    /// <summary>What the transmission phase goes on with: the socket, or TLS over it. The caller disposes it.</summary>
    public NbdTransport Transport { get; private set; }

    private bool SpeaksFixedNewstyle => (_clientFlags & NbdHandshakeFlags.FixedNewstyle) != NbdHandshakeFlags.None;

    private bool IsTls => Transport != _socket;

    /// <summary>Speaks with the client until it has chosen; null when the connection is to be closed.</summary>
    public NbdSession? Run()
    {
        Span<byte> flags = stackalloc byte[NbdHandshake.ClientFlagsSize];
        if (!Send(NbdHandshake.Greeting()) || !Transport.ReceiveExactly(flags, _deadline))
        {
            return Refuse("no client flags came in time");
        }

        if (!NbdHandshake.TryReadClientFlags(flags, out _clientFlags))
        {
            return Refuse("it set client flags that this server did not offer");
        }

        if (_resources.Tls is { IsRequired: true } && !SpeaksFixedNewstyle)
        {
            return Refuse("it does not speak fixed newstyle, and so no TLS, which this server requires");
        }

        Span<byte> header = stackalloc byte[NbdHandshake.OptionHeaderSize];
        NbdSession? chosen = null;
        Next next = Next.Option;
        while (next == Next.Option)
        {
            if (!Transport.ReceiveExactly(header, _deadline))
            {
                return Refuse("it left, or did not choose an export in time");
            }

            if (!NbdHandshake.TryReadOptionHeader(header, out NbdOption option, out uint length) || length > MaxDroppedLength)
            {
                return Refuse("it sent something that is no option");
            }

            next = AnswerOption(option, (int)length, out chosen);
        }

        return next == Next.Transmission ? chosen : null;
    }

    private Next AnswerOption(NbdOption option, int length, out NbdSession? chosen)
    {
        chosen = null;
        if (_resources.Tls is { IsRequired: true } && !IsTls && option is not (NbdOption.StartTls or NbdOption.Abort))
        {
            return RequireTls(option, length);
        }

        bool isKnown = Enum.IsDefined(option);
        if (!isKnown || length > MaxOptionLength)
        {
            if (!Drop(length) || option == NbdOption.ExportName)
            {
                return Next.End;
            }

            return Reply(isKnown
                ? NbdHandshake.OptionError(option, NbdOptionReplyType.ErrorTooBig, $"at most {MaxOptionLength} bytes")
                : NbdHandshake.OptionError(
                    option, NbdOptionReplyType.ErrorUnsupported, $"this server does not know option {(uint)option}"));
        }

        byte[] data = new byte[length];
        if (!Transport.ReceiveExactly(data, _deadline))
        {
            return Next.End;
        }

        switch (option)
        {
            case NbdOption.ExportName:
                return AnswerExportName(data, out chosen);
            case NbdOption.Abort:
                Reply(NbdHandshake.OptionReply(option, NbdOptionReplyType.Ack));
                return Next.End;
            case NbdOption.List:
                return AnswerList(data);
            case NbdOption.StartTls:
                return AnswerStartTls(data);
            case NbdOption.StructuredReply:
            case NbdOption.ExtendedHeaders:
                return AnswerFormat(option, data);
            case NbdOption.ListMetaContext:
            case NbdOption.SetMetaContext:
                return AnswerMetaContext(option, data);
            default:
                return AnswerInfo(option, data, out chosen);
        }
    }

    /// <summary>Refuses everything that comes before TLS (proto.md, "FORCEDTLS mode").</summary>
    private Next RequireTls(NbdOption option, int length)
    {
        if (!Drop(length) || option == NbdOption.ExportName)
        {
            Refuse("it asked for an export without TLS, which this server requires");
            return Next.End;
        }

        return Reply(NbdHandshake.OptionError(option, NbdOptionReplyType.ErrorTlsRequired, "this server requires TLS: STARTTLS first"));
    }

    private Next AnswerStartTls(byte[] data)
    {
        const NbdOption Option = NbdOption.StartTls;
        if (data.Length > 0 || IsTls)
        {
            string reason = IsTls ? "this is TLS already" : "STARTTLS has no data";
            return Reply(NbdHandshake.OptionError(Option, NbdOptionReplyType.ErrorInvalid, reason));
        }

        if (_resources.Tls is not { } tls || !SpeaksFixedNewstyle)
        {
            return Reply(NbdHandshake.OptionError(Option, NbdOptionReplyType.ErrorPolicy, "this server was started without a certificate"));
        }

        // Nothing that came in the clear before this counts any more: somebody else may have sent it.
        _format = NbdReplyFormat.Simple;
        ForgetContexts();
        if (!Send(NbdHandshake.OptionReply(Option, NbdOptionReplyType.Ack)))
        {
            return Next.End;
        }

        var transport = new NbdTlsTransport(_socket);
        Transport = transport;
        if (transport.TryAccept(tls, _deadline) is { } failure)
        {
            Refuse($"TLS failed: {failure}");
            return Next.End;
        }

        _resources.Logger.LogInformation("nbd: {Peer} speaks {Tls}", _peer, transport.Describe());
        return Next.Option;
    }

    private Next AnswerExportName(byte[] data, out NbdSession? chosen)
    {
        chosen = null;

        // There is no way to say no here but to hang up.
        if (_format == NbdReplyFormat.Extended)
        {
            Refuse("it asked for extended headers and then used EXPORT_NAME, which has none");
            return Next.End;
        }

        if (!NbdHandshake.TryReadName(data, out string name) || !_resources.Exports.TryFind(name, out Export? export))
        {
            Refuse($"it asked for an export that does not exist: \"{Printable(name)}\"");
            return Next.End;
        }

        chosen = SessionFor(export);
        bool withZeroes = (_clientFlags & NbdHandshakeFlags.NoZeroes) == NbdHandshakeFlags.None;
        byte[] answer = NbdHandshake.ExportNameAnswer(export, NbdHandshake.TransmissionFlags(chosen), withZeroes);
        return Send(answer) ? Next.Transmission : Next.End;
    }

    private Next AnswerList(byte[] data)
    {
        if (data.Length > 0)
        {
            return Reply(NbdHandshake.OptionError(NbdOption.List, NbdOptionReplyType.ErrorInvalid, "LIST has no data"));
        }

        foreach (Export export in _resources.Exports.All)
        {
            if (!Send(NbdHandshake.OptionReply(NbdOption.List, NbdOptionReplyType.Server, NbdHandshake.ServerData(export))))
            {
                return Next.End;
            }
        }

        return Reply(NbdHandshake.OptionReply(NbdOption.List, NbdOptionReplyType.Ack));
    }

    private Next AnswerInfo(NbdOption option, byte[] data, out NbdSession? chosen)
    {
        chosen = null;
        if (!NbdHandshake.TryReadInfoRequest(data, out string name, out NbdInfoType[] wanted))
        {
            return Reply(NbdHandshake.OptionError(option, NbdOptionReplyType.ErrorInvalid, "the lengths in the option's data do not fit"));
        }

        if (!_resources.Exports.TryFind(name, out Export? export))
        {
            return ReplyUnknown(option, name);
        }

        NbdSession session = SessionFor(export);
        bool isSent = SendInfo(option, NbdHandshake.ExportInfo(export, NbdHandshake.TransmissionFlags(session)));
        foreach (NbdInfoType type in wanted.Distinct())
        {
            byte[]? info = type switch
            {
                NbdInfoType.Name => NbdHandshake.TextInfo(type, export.Name),
                NbdInfoType.Description when export.Description.Length > 0 => NbdHandshake.TextInfo(type, export.Description),
                NbdInfoType.BlockSize => NbdHandshake.BlockSizeInfo(export),
                _ => null,
            };
            isSent = isSent && (info is null || SendInfo(option, info));
        }

        if (!isSent || !Send(NbdHandshake.OptionReply(option, NbdOptionReplyType.Ack)))
        {
            return Next.End;
        }

        chosen = session;
        return option == NbdOption.Go ? Next.Transmission : Next.Option;
    }

    /// <summary>STRUCTURED_REPLY and EXTENDED_HEADERS; the second takes precedence, and asking twice does no harm.</summary>
    private Next AnswerFormat(NbdOption option, byte[] data)
    {
        if (data.Length > 0)
        {
            return Reply(NbdHandshake.OptionError(option, NbdOptionReplyType.ErrorInvalid, "this option has no data"));
        }

        if (option == NbdOption.StructuredReply && _format == NbdReplyFormat.Extended)
        {
            return Reply(NbdHandshake.OptionError(
                option, NbdOptionReplyType.ErrorExtendedHeadersRequired, "extended headers were agreed on, and take precedence"));
        }

        _format = option == NbdOption.ExtendedHeaders ? NbdReplyFormat.Extended : NbdReplyFormat.Structured;
        return Reply(NbdHandshake.OptionReply(option, NbdOptionReplyType.Ack));
    }

    private Next AnswerMetaContext(NbdOption option, byte[] data)
    {
        bool isList = option == NbdOption.ListMetaContext;
        if (!isList)
        {
            // Also when this fails (proto.md, NBD_OPT_SET_META_CONTEXT).
            ForgetContexts();
        }

        if (_format == NbdReplyFormat.Simple)
        {
            return Reply(NbdHandshake.OptionError(
                option, NbdOptionReplyType.ErrorInvalid, "structured replies or extended headers must be agreed on first"));
        }

        if (!NbdMetaContextOption.TryRead(data, out string name, out string[] queries))
        {
            return Reply(NbdHandshake.OptionError(
                option, NbdOptionReplyType.ErrorInvalid, "the lengths in the option's data do not fit, or a query has no namespace"));
        }

        if (!_resources.Exports.TryFind(name, out Export? export))
        {
            return ReplyUnknown(option, name);
        }

        IMetaContext[] found = isList && queries.Length == 0
            ? [.. MetaContexts.Of(export)]
            : [.. queries.SelectMany(query => MetaContexts.Match(export, query, isList)).Distinct().Take(NbdSession.MaxContexts)];
        for (int i = 0; i < found.Length; i++)
        {
            byte[] context = NbdMetaContextOption.ContextData(isList ? 0 : NbdSession.ContextId(i), found[i].Name);
            if (!Send(NbdHandshake.OptionReply(option, NbdOptionReplyType.MetaContext, context)))
            {
                return Next.End;
            }
        }

        if (!isList)
        {
            _contexts = found;
            _contextsExport = export;
        }

        return Reply(NbdHandshake.OptionReply(option, NbdOptionReplyType.Ack));
    }

    private void ForgetContexts()
    {
        _contexts = [];
        _contextsExport = null;
    }

    private NbdSession SessionFor(Export export) => new(export, _format, export == _contextsExport ? _contexts : []);

    private Next ReplyUnknown(NbdOption option, string name)
    {
        string reason = name.Length > 0
            ? $"no export \"{Printable(name)}\""
            : $"there is no default export among {_resources.Exports.Count}: say which one";
        return Reply(NbdHandshake.OptionError(option, NbdOptionReplyType.ErrorUnknown, reason));
    }

    private bool SendInfo(NbdOption option, byte[] info) => Send(NbdHandshake.OptionReply(option, NbdOptionReplyType.Info, info));

    private Next Reply(byte[] message) => Send(message) ? Next.Option : Next.End;

    private bool Send(byte[] message) => Transport.Send(message, _deadline);

    private bool Drop(int length)
    {
        Span<byte> piece = stackalloc byte[1024];
        while (length > 0)
        {
            int count = Math.Min(length, piece.Length);
            if (!Transport.ReceiveExactly(piece[..count], _deadline))
            {
                return false;
            }

            length -= count;
        }

        return true;
    }

    private NbdSession? Refuse(string reason)
    {
        _resources.Logger.LogInformation("nbd: {Peer} closed in the handshake: {Reason}", _peer, reason);
        return null;
    }

    /// <summary>A client's text, fit for a log line: short, without control characters.</summary>
    private static string Printable(string text) =>
        string.Concat(text.Take(64).Select(character => char.IsControl(character) ? '?' : character));
}
