using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>Why a group is the last one of its connection.</summary>
internal enum GroupEnd
{
    /// <summary>It is not: more requests may come.</summary>
    None,

    /// <summary>The client said DISC.</summary>
    Disconnect,

    /// <summary>The client sent what is no request, or too large a one.</summary>
    Malformed,
}

/// <summary>A request that failed a check.</summary>
/// <param name="Error">What it is answered with.</param>
/// <param name="Request">The request.</param>
internal readonly record struct NbdRefusal(NbdError Error, NbdRequest Request);

/// <summary>
/// The requests that one receive brought, sorted by what is to be done with them. They are all in flight at once, so
/// the client cannot expect any order among them. Belongs to one worker; its arrays are made once and used again.
/// </summary>
internal sealed class RequestGroup
{
    /// <summary>Requests in a group at most.</summary>
    public const int MaxRequests = 256;

    /// <summary>Bytes of headers and data of a group's replies at most, unless it has a single, larger read.</summary>
    public const int MaxReplySize = PinnedBufferPool.StandardSize;

    private readonly BlockWrite[] _writes = new BlockWrite[MaxRequests];
    private readonly NbdRequest[] _writeRequests = new NbdRequest[MaxRequests];
    private readonly NbdRequest[] _reads = new NbdRequest[MaxRequests];
    private readonly NbdRequest[] _others = new NbdRequest[MaxRequests];
    private readonly NbdRefusal[] _refusals = new NbdRefusal[MaxRequests];
    private int _writeCount;
    private int _readCount;
    private int _otherCount;
    private int _refusalCount;

    /// <summary>The writes, for the device. Their data lies in the receive buffer.</summary>
    public ReadOnlySpan<BlockWrite> Writes => _writes.AsSpan(0, _writeCount);

    /// <summary>The headers of <see cref="Writes"/>, in the same order.</summary>
    public ReadOnlySpan<NbdRequest> WriteRequests => _writeRequests.AsSpan(0, _writeCount);

    /// <summary>The reads.</summary>
    public ReadOnlySpan<NbdRequest> Reads => _reads.AsSpan(0, _readCount);

    /// <summary>All other requests.</summary>
    public ReadOnlySpan<NbdRequest> Others => _others.AsSpan(0, _otherCount);

    /// <summary>Requests that failed a check.</summary>
    public ReadOnlySpan<NbdRefusal> Refusals => _refusals.AsSpan(0, _refusalCount);

    /// <summary>Bytes of data to write.</summary>
    public long WriteLength { get; private set; }

    /// <summary>Bytes of data to read.</summary>
    public long ReadLength { get; private set; }

    /// <summary>
    /// Reads in a group at most. Set below <see cref="MaxRequests"/> when reads wait for the disk: a smaller group leaves
    /// the next reads to another worker, so that they wait at the same time.
    /// </summary>
    public int ReadLimit { get; set; } = MaxRequests;

    /// <summary>How many requests there are.</summary>
    public int Count => _writeCount + _readCount + _otherCount + _refusalCount;

    /// <summary>
    /// A request whose payload is larger than a receive buffer, and is still to be received; its header was taken off the
    /// stream. A write, but for a client that errs. Such a group has no other request.
    /// </summary>
    public NbdRequest? Streamed { get; set; }

    /// <summary>Why the connection ends after this group, if it does.</summary>
    public GroupEnd End { get; set; }

    /// <summary>Forgets all requests.</summary>
    public void Clear()
    {
        _writeCount = _readCount = _otherCount = _refusalCount = 0;
        WriteLength = ReadLength = 0;
        Streamed = null;
        End = GroupEnd.None;
    }

    /// <summary>Adds a request that was found valid; false when the group has no room for it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="payload">A write's data; stays where it is until the group has been handled.</param>
    public bool TryAdd(in NbdRequest request, ReadOnlyMemory<byte> payload)
    {
        if (Count == MaxRequests)
        {
            return false;
        }

        switch (request.Command)
        {
            case NbdCommand.Write:
                _writes[_writeCount] = new BlockWrite((long)request.Offset, payload);
                _writeRequests[_writeCount++] = request;
                WriteLength += payload.Length;
                return true;
            case NbdCommand.Read:
                // What each request there can be may need beside its data is taken off first.
                var length = (int)request.Length;
                if (_readCount >= ReadLimit
                    || (_readCount > 0 && ReadLength + length > MaxReplySize - (MaxRequests * NbdReplyEncoder.MaxOverhead)))
                {
                    return false;
                }

                _reads[_readCount++] = request;
                ReadLength += length;
                return true;
            default:
                _others[_otherCount++] = request;
                return true;
        }
    }

    /// <summary>Adds the refusal of a request; false when the group has no room for it.</summary>
    public bool TryAddRefusal(NbdError error, in NbdRequest request)
    {
        if (Count == MaxRequests)
        {
            return false;
        }

        _refusals[_refusalCount++] = new NbdRefusal(error, request);
        return true;
    }
}
