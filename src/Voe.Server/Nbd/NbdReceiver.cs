namespace Voe.Server.Nbd;

/// <summary>How a receive ended.</summary>
internal enum ReceiveOutcome
{
    /// <summary>With requests.</summary>
    Requests,

    /// <summary>The client has gone, in order or not, or the server stops.</summary>
    Ended,

    /// <summary>The client stood still in the middle of a request while others waited for memory.</summary>
    Stalled,
}

/// <summary>
/// Turns the bytes of a connection into groups of requests. Belongs to the reader role: the worker that holds the role
/// is the only one to touch it. A group's write data lies in the receive buffer, uncopied, until the next call.
/// </summary>
/// <remarks>
/// The bytes between <c>_start</c> and <c>_end</c> of the buffer are received and not yet handled. While the
/// connection has nothing to say, no buffer is held.
/// </remarks>
internal sealed class NbdReceiver
{
    private readonly NbdTransport _transport;
    private readonly PinnedBufferPool _pool;
    private readonly NbdSession _session;
    private readonly CostEstimate _readCost;
    private byte[]? _buffer;
    private int _start;
    private int _end;
    private volatile bool _isStopping;

    /// <summary>A receiver for the requests of a connection.</summary>
    /// <param name="transport">The connection's bytes.</param>
    /// <param name="pool">Where receive buffers come from.</param>
    /// <param name="session">What the requests are for, and how they look.</param>
    /// <param name="readCost">How long reads take: bounds the reads of a group.</param>
    public NbdReceiver(NbdTransport transport, PinnedBufferPool pool, NbdSession session, CostEstimate readCost)
    {
        _readCost = readCost;
        _transport = transport;
        _pool = pool;
        _session = session;
    }

    /// <summary>No further bytes are received; whole requests that were received already still come. From any thread.</summary>
    public void Stop()
    {
        _isStopping = true;
        _transport.StopReceiving();
    }

    /// <summary>Waits for requests and fills <paramref name="group"/> with all that are there.</summary>
    public ReceiveOutcome Receive(RequestGroup group)
    {
        group.Clear();
        while (true)
        {
            group.ReadLimit = _readCost.GroupLimit(RequestGroup.MaxRequests);
            int needed = Parse(group);
            if (group.Count > 0 || group.Streamed is not null || group.End != GroupEnd.None)
            {
                return ReceiveOutcome.Requests;
            }

            ReceiveOutcome outcome = Fill(needed);
            if (outcome != ReceiveOutcome.Requests)
            {
                return outcome;
            }
        }
    }

    /// <summary>
    /// Receives until <paramref name="length"/> bytes of a streamed write's payload are there (as many as fit into a
    /// buffer at most). They stay valid until <see cref="Consume"/>; empty when the connection has ended.
    /// </summary>
    public ReadOnlyMemory<byte> ReceivePayload(int length, out ReceiveOutcome outcome)
    {
        outcome = ReceiveOutcome.Requests;
        length = Math.Min(length, PinnedBufferPool.StandardSize);
        while (_end - _start < length && outcome == ReceiveOutcome.Requests)
        {
            outcome = Fill(length);
        }

        return outcome == ReceiveOutcome.Requests ? _buffer.AsMemory(_start, length) : default;
    }

    /// <summary>Drops the first bytes of what was received.</summary>
    public void Consume(int length) => _start += length;

    /// <summary>
    /// Gives the buffer, with the data of the last group in it, to the caller, who returns it to the pool; what follows
    /// the group goes on in another one. Null, and nothing has changed, when no other buffer is to be had.
    /// </summary>
    public byte[]? TryDetachBuffer()
    {
        byte[]? other = _pool.TryRent();
        if (other is null)
        {
            return null;
        }

        byte[]? buffer = _buffer;
        buffer.AsSpan(_start.._end).CopyTo(other);
        _buffer = other;
        _end -= _start;
        _start = 0;
        return buffer;
    }

    /// <summary>Gives the buffer back, at the end of the connection.</summary>
    public void ReleaseBuffer()
    {
        if (_buffer is not null)
        {
            _pool.Return(_buffer);
            _buffer = null;
            _start = _end = 0;
        }
    }

    /// <summary>Moves whole requests from the buffer to the group; returns the length of the first one that is not whole yet.</summary>
    private int Parse(RequestGroup group)
    {
        int headerSize = _session.RequestHeaderSize;
        while (_end - _start >= headerSize)
        {
            if (!_session.TryReadRequest(_buffer.AsSpan(_start), out NbdRequest request) || request.PayloadLength > NbdProtocol.MaxPayload)
            {
                group.End = GroupEnd.Malformed;
                return 0;
            }

            if (request.Command == NbdCommand.Disconnect)
            {
                group.End = GroupEnd.Disconnect;
                return 0;
            }

            int length = headerSize + (int)request.PayloadLength;
            if (length > PinnedBufferPool.StandardSize)
            {
                if (group.Count == 0)
                {
                    _start += headerSize;
                    group.Streamed = request;
                }

                return 0;
            }

            if (length > _end - _start || !TryAdd(group, request, headerSize))
            {
                return length;
            }

            _start += length;
        }

        return headerSize;
    }

    private bool TryAdd(RequestGroup group, NbdRequest request, int headerSize)
    {
        ReadOnlyMemory<byte> payload = _buffer.AsMemory(_start + headerSize, (int)request.PayloadLength);
        NbdError error = _session.Validate(ref request, payload.Span);
        return error == NbdError.None ? group.TryAdd(request, payload) : group.TryAddRefusal(error, request);
    }

    /// <summary>Receives some bytes behind those that are there, at least one; waits for them.</summary>
    /// <param name="needed">How many bytes, from <c>_start</c> on, must have room in the buffer.</param>
    private ReceiveOutcome Fill(int needed)
    {
        if (_isStopping)
        {
            return ReceiveOutcome.Ended;
        }

        MakeRoom(needed);
        long since = 0;
        int count = _transport.TryReceiveSpinning(_buffer.AsSpan(_end));
        while (count == NbdTransport.WouldBlock)
        {
            if (_start == _end)
            {
                ReleaseBuffer();
                _transport.WaitReadable();
                _buffer = _pool.Rent();
            }
            else if (!_transport.WaitForMore(ref since))
            {
                return ReceiveOutcome.Stalled;
            }

            count = _transport.TryReceive(_buffer.AsSpan(_end));
        }

        _end += count;
        return count == 0 ? ReceiveOutcome.Ended : ReceiveOutcome.Requests;
    }

    /// <summary>
    /// Moves what is not handled yet to the front of the buffer when what is needed would not fit behind it. It fits
    /// into the buffer as a whole, always: larger requests are streamed.
    /// </summary>
    private void MakeRoom(int needed)
    {
        _buffer ??= _pool.Rent();
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_start + needed > _buffer.Length)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
    }
}
