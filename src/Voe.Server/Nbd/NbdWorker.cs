using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>
/// One thread of a connection: takes the reader role, receives groups of requests, lets the device do them, replies.
/// All arrays are made once; a request in the steady state allocates nothing.
/// </summary>
/// <remarks>
/// Within a group: writes first, all as one call of the device; then quick trims; then reads, likewise one call; one
/// send with all replies; and last what may take long (flushes, big trims, what carries FUA). All requests of a group
/// were in flight together, so any order is right (proto.md, "Ordering of messages and writes"); a flush covers every
/// write that was replied to before the client sent it, since those calls of the device had returned by then.
/// </remarks>
internal sealed class NbdWorker
{
    // A trim up to this size is done at once, as a write would be.
    private const uint QuickTrimSize = 8 << 20;

    // What is brought into the device's cache between two looks at whether the client is still there.
    private const int PrefetchPiece = 4 << 20;

    // A CACHE that asks for more is done in part: more would drive out of the cache what came before.
    private const long MaxPrefetch = 1L << 30;

    // Of a group that goes well, all replies without data; errors have texts, and may need several sends.
    private const int AckSize = (RequestGroup.MaxRequests * NbdChunk.ExtendedHeaderSize) + NbdReplyEncoder.MaxOverhead;

    private readonly NbdConnection _connection;
    private readonly NbdResources _resources;
    private readonly IBlockDevice _device;
    private readonly RequestGroup _group = new();
    private readonly NbdReplyEncoder _encoder;
    private readonly NbdReadReplies _readReplies;
    private readonly byte[] _acks = GC.AllocateUninitializedArray<byte>(AckSize, pinned: true);
    private readonly NbdRequest[] _unflushed = new NbdRequest[RequestGroup.MaxRequests];
    private NbdBlockStatus? _blockStatus;
    private int _ackLength;
    private int _unflushedCount;
    private bool _usesReceiveBuffer;

    /// <summary>A worker of a connection in its transmission phase.</summary>
    public NbdWorker(NbdConnection connection, NbdResources resources)
    {
        _connection = connection;
        _resources = resources;
        _device = connection.Export.Device;
        _encoder = new NbdReplyEncoder(connection.Session.Format);
        _readReplies = new NbdReadReplies(connection);
    }

    /// <summary>Works until the connection ends or has no work for so many threads.</summary>
    public void Run(bool holdsRole)
    {
        while (holdsRole || _connection.TakeRole())
        {
            holdsRole = ServeGroup();
        }
    }

    /// <summary>
    /// Whether the write data of the group that this worker handles lies in the connection's receive buffer and is
    /// still needed. Read under the connection's gate by whoever passes the role on.
    /// </summary>
    public bool UsesReceiveBuffer => Volatile.Read(ref _usesReceiveBuffer);

    /// <summary>The receive buffer, when the role went on without it; this worker returns it to the pool.</summary>
    public byte[]? DetachedBuffer { get; set; }

    /// <summary>Receives and handles one group; returns whether the role is still held.</summary>
    private bool ServeGroup()
    {
        ReceiveOutcome outcome = _connection.Receiver.Receive(_group);
        if (outcome != ReceiveOutcome.Requests)
        {
            EndConnection(outcome == ReceiveOutcome.Ended ? "gone" : "closed: it stood still while others waited for memory");
            return false;
        }

        _resources.Spin.BeginWork();
        try
        {
            if (_group.Streamed is not null)
            {
                return HandleStreamed(_group.Streamed.Value);
            }

            if (_group.End == GroupEnd.None)
            {
                return HandleGroupAndMayPassRole();
            }

            // The last group: nothing follows for which the role would be handed over.
            HandleGroup();
            EndConnection(_group.End == GroupEnd.Disconnect ? "gone" : "closed: it sent something that is no request, or too large");
            return false;
        }
        finally
        {
            _resources.Spin.EndWork();
        }
    }

    private bool HandleGroupAndMayPassRole()
    {
        Volatile.Write(ref _usesReceiveBuffer, !_group.Writes.IsEmpty);
        _connection.BeginGroup(this);
        bool holdsRole = false;
        try
        {
            HandleGroup();
        }
        finally
        {
            holdsRole = _connection.EndGroup(this);
            if (DetachedBuffer is not null)
            {
                _resources.ReceiveBuffers.Return(DetachedBuffer);
                DetachedBuffer = null;
            }
        }

        return holdsRole;
    }

    private void HandleGroup()
    {
        foreach (ref readonly NbdRefusal refusal in _group.Refusals)
        {
            Acknowledge(refusal.Error, refusal.Request);
        }

        if (!_group.Writes.IsEmpty)
        {
            DoWrites();
        }

        bool hasSlow = DoQuickOthers() | _unflushedCount > 0;
        if (!_group.Reads.IsEmpty)
        {
            DoReads();
        }

        SendAcks();
        if (hasSlow)
        {
            DoSlowOthers();
            FlushAndAcknowledge();
            SendAcks();
        }
    }

    private void DoWrites()
    {
        // Writing is work for the processor: another thread can only help if there is a processor for it.
        if (_connection.WriteCost.IsLong(_group.Writes.Length, _group.WriteLength) && _resources.Spin.HasIdleProcessor)
        {
            _connection.HandOverRole(this);
        }

        NbdError error = Write(_group.Writes, _group.WriteLength);
        Volatile.Write(ref _usesReceiveBuffer, value: false);
        foreach (ref readonly NbdRequest request in _group.WriteRequests)
        {
            AcknowledgeChange(error, request);
        }
    }

    private NbdError Write(ReadOnlySpan<BlockWrite> writes, long length)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            _device.Write(writes);
        }
        // Whatever a device does wrong, the write is not acknowledged and the connection lives on.
        catch (Exception failure)
        {
            return Failed(failure, NbdCommand.Write, writes.Length);
        }

        _connection.WriteCost.Record(writes.Length, length, start);
        return NbdError.None;
    }

    /// <summary>Does trims and write-zeroes that are quick; returns whether others are left.</summary>
    private bool DoQuickOthers()
    {
        bool isLeft = false;
        foreach (ref readonly NbdRequest request in _group.Others)
        {
            if (IsQuick(request))
            {
                AcknowledgeChange(Change(request), request);
            }
            else
            {
                isLeft = true;
            }
        }

        return isLeft;
    }

    private void DoSlowOthers()
    {
        foreach (ref readonly NbdRequest request in _group.Others)
        {
            if (IsQuick(request))
            {
                continue;
            }

            switch (request.Command)
            {
                case NbdCommand.Flush:
                    _unflushed[_unflushedCount++] = request;
                    break;
                case NbdCommand.BlockStatus:
                    _blockStatus ??= new NbdBlockStatus(_connection);
                    _blockStatus.Answer(request);
                    break;
                case NbdCommand.Cache:
                    Acknowledge(Prefetch(request), request);
                    break;
                default:
                    AcknowledgeChange(Change(request), request);
                    break;
            }
        }
    }

    private static bool IsQuick(in NbdRequest request) =>
        request.Command is NbdCommand.Trim or NbdCommand.WriteZeroes && request.Length <= QuickTrimSize;

    private NbdError Prefetch(in NbdRequest request)
    {
        SendAcks();
        _connection.HandOverRole(this);
        var offset = (long)request.Offset;
        long end = offset + (long)Math.Min(request.Length, MaxPrefetch);
        try
        {
            for (; offset < end && !_connection.IsEnding; offset += PrefetchPiece)
            {
                _device.Prefetch(offset, Math.Min(PrefetchPiece, end - offset));
            }

            return NbdError.None;
        }
        // As in Write.
        catch (Exception failure)
        {
            return Failed(failure, NbdCommand.Cache, 1);
        }
    }

    private NbdError Change(in NbdRequest request)
    {
        try
        {
            if (request.Command == NbdCommand.Trim)
            {
                _device.Trim((long)request.Offset, (long)request.Length);
                return NbdError.None;
            }

            bool mayTrim = !request.Has(NbdCommandFlags.NoHole);
            if (request.Has(NbdCommandFlags.FastZero) && !_device.ZeroesFast(mayTrim))
            {
                return NbdError.NotSupported;
            }

            _device.WriteZeroes((long)request.Offset, (long)request.Length, mayTrim);
            return NbdError.None;
        }
        // As in Write.
        catch (Exception failure)
        {
            return Failed(failure, request.Command, 1);
        }
    }

    private void FlushAndAcknowledge()
    {
        if (_unflushedCount == 0)
        {
            return;
        }

        if (_connection.FlushCost.IsLong(1, 0))
        {
            _connection.HandOverRole(this);
        }

        NbdError error = NbdError.None;
        long start = Stopwatch.GetTimestamp();
        try
        {
            _device.Flush();
            _connection.FlushCost.Record(1, 0, start);
        }
        // As in Write.
        catch (Exception failure)
        {
            error = Failed(failure, NbdCommand.Flush, _unflushedCount);
        }

        foreach (ref readonly NbdRequest request in _unflushed.AsSpan(0, _unflushedCount))
        {
            Acknowledge(error, request);
        }

        _unflushedCount = 0;
    }

    private void DoReads()
    {
        if (_connection.ReadCost.IsWorthSharing(_group.Reads.Length, _group.ReadLength, _resources.Spin.HasIdleProcessor))
        {
            SendAcks();
            _connection.HandOverRole(this);
        }

        byte[] replies = _resources.ReplyBuffers.Rent(
            (int)Math.Max(PinnedBufferPool.StandardSize, _group.ReadLength + ((_group.Count + 1) * NbdReplyEncoder.MaxOverhead)));
        try
        {
            _acks.AsSpan(0, _ackLength).CopyTo(replies);
            int length = _readReplies.Write(_group.Reads, _group.ReadLength, replies, _ackLength);
            _ackLength = 0;
            _connection.Send(replies.AsSpan(0, length));
        }
        finally
        {
            _resources.ReplyBuffers.Return(replies);
        }
    }

    /// <summary>
    /// Does a write that is larger than a receive buffer piece by piece, as it comes in. Pieces end on borders of the
    /// device's blocks, so that each block is still written whole. After an error the rest of the payload is dropped.
    /// </summary>
    private bool HandleStreamed(NbdRequest request)
    {
        // A payload of that size belongs to no other command; it is dropped (proto.md, NBD_CMD_FLAG_PAYLOAD_LEN).
        NbdError error = request.Command == NbdCommand.Write ? _connection.Session.Validate(ref request, default) : NbdError.Invalid;
        long offset = (long)request.Offset;
        int left = (int)request.Length;
        while (left > 0)
        {
            ReadOnlyMemory<byte> payload = _connection.Receiver.ReceivePayload(left, out ReceiveOutcome outcome);
            if (outcome != ReceiveOutcome.Requests)
            {
                EndConnection("gone in the middle of a write");
                return false;
            }

            int length = payload.Length;
            if (length < left)
            {
                length -= (int)((offset + length) & (_device.PreferredBlockSize - 1));
            }

            if (error == NbdError.None)
            {
                error = Write([new BlockWrite(offset, payload[..length])], length);
            }

            _connection.Receiver.Consume(length);
            offset += length;
            left -= length;
        }

        AcknowledgeChange(error, request);
        Volatile.Write(ref _usesReceiveBuffer, value: false);
        _connection.BeginGroup(this);
        FlushAndAcknowledge();
        SendAcks();
        return _connection.EndGroup(this);
    }

    private NbdError Failed(Exception failure, NbdCommand command, int count)
    {
        NbdError error = NbdErrors.FromException(failure, command);
        _connection.Failures.Report(_connection.Export.Name, command, count, error, failure);
        return error;
    }

    /// <summary>Puts the reply to a change in line; a change with FUA that went well waits for the flush.</summary>
    private void AcknowledgeChange(NbdError error, in NbdRequest request)
    {
        if (error == NbdError.None && request.IsFua)
        {
            _unflushed[_unflushedCount++] = request;
        }
        else
        {
            Acknowledge(error, request);
        }
    }

    private void Acknowledge(NbdError error, in NbdRequest request)
    {
        if (_acks.Length - _ackLength < NbdReplyEncoder.MaxOverhead)
        {
            SendAcks();
        }

        Span<byte> destination = _acks.AsSpan(_ackLength);
        _ackLength += error == NbdError.None ? _encoder.WriteDone(destination, request) : _encoder.WriteError(destination, request, error);
    }

    private void SendAcks()
    {
        if (_ackLength > 0)
        {
            _connection.Send(_acks.AsSpan(0, _ackLength));
            _ackLength = 0;
        }
    }

    private void EndConnection(string reason)
    {
        _resources.Logger.LogInformation("nbd: {Peer} on \"{Export}\" {Reason}", _connection.Peer, _connection.Export.Name, reason);
        _connection.Close();
    }
}
