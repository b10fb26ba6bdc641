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

    private readonly NbdConnection _connection;
    private readonly NbdResources _resources;
    private readonly IBlockDevice _device;
    private readonly RequestGroup _group = new();
    private readonly BlockRead[] _reads = new BlockRead[RequestGroup.MaxRequests];
    private readonly byte[] _acks = GC.AllocateUninitializedArray<byte>((RequestGroup.MaxRequests + 1) * NbdReply.HeaderSize, pinned: true);
    private readonly ulong[] _unflushed = new ulong[RequestGroup.MaxRequests];
    private int _ackLength;
    private int _unflushedCount;
    private bool _usesReceiveBuffer;

    /// <summary>A worker of a connection in its transmission phase.</summary>
    public NbdWorker(NbdConnection connection, NbdResources resources)
    {
        _connection = connection;
        _resources = resources;
        _device = connection.Export.Device;
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
            if (_group.StreamedWrite is not null)
            {
                return HandleStreamedWrite(_group.StreamedWrite.Value);
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
        foreach (ref readonly NbdReply refusal in _group.Refusals)
        {
            Acknowledge(refusal.Error, refusal.Cookie);
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
#pragma warning disable CA1031 // Whatever a device does wrong, the write is not acknowledged and the connection lives on.
        catch (Exception failure)
#pragma warning restore CA1031
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
            if (request.Command == NbdCommand.Flush)
            {
                _unflushed[_unflushedCount++] = request.Cookie;
            }
            else if (!IsQuick(request))
            {
                AcknowledgeChange(Change(request), request);
            }
        }
    }

    private static bool IsQuick(in NbdRequest request) => request.Command != NbdCommand.Flush && request.Length <= QuickTrimSize;

    private NbdError Change(in NbdRequest request)
    {
        try
        {
            if (request.Command == NbdCommand.Trim)
            {
                _device.Trim((long)request.Offset, request.Length);
            }
            else
            {
                _device.WriteZeroes((long)request.Offset, request.Length, mayTrim: !request.IsNoHole);
            }

            return NbdError.None;
        }
#pragma warning disable CA1031 // As in Write.
        catch (Exception failure)
#pragma warning restore CA1031
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
#pragma warning disable CA1031 // As in Write.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            error = Failed(failure, NbdCommand.Flush, _unflushedCount);
        }

        foreach (ulong cookie in _unflushed.AsSpan(0, _unflushedCount))
        {
            Acknowledge(error, cookie);
        }

        _unflushedCount = 0;
    }

    private void DoReads()
    {
        if (_connection.ReadCost.IsLong(_group.Reads.Length, _group.ReadLength))
        {
            SendAcks();
            _connection.HandOverRole(this);
        }

        byte[] replies = _resources.ReplyBuffers.Rent(
            (int)Math.Max(PinnedBufferPool.StandardSize, _group.ReadLength + ((_group.Count + 1) * NbdReply.HeaderSize)));
        try
        {
            _acks.AsSpan(0, _ackLength).CopyTo(replies);
            int length = ReadAll(replies, _ackLength);
            if (length < 0)
            {
                length = ReadOneByOne(replies, _ackLength);
            }

            _ackLength = 0;
            _connection.Send(replies.AsSpan(0, length));
        }
        finally
        {
            _resources.ReplyBuffers.Return(replies);
        }
    }

    /// <summary>Reads all as one group, a reply's header in front of each; returns where the replies end, or -1 if it failed.</summary>
    private int ReadAll(byte[] replies, int position)
    {
        ReadOnlySpan<NbdRequest> requests = _group.Reads;
        for (int i = 0; i < requests.Length; i++)
        {
            new NbdReply(NbdError.None, requests[i].Cookie).Write(replies.AsSpan(position));
            position += NbdReply.HeaderSize;
            _reads[i] = new BlockRead((long)requests[i].Offset, replies.AsMemory(position, (int)requests[i].Length));
            position += (int)requests[i].Length;
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            _device.Read(_reads.AsSpan(0, requests.Length));
        }
#pragma warning disable CA1031 // The reads are tried one by one, and report then.
        catch (Exception)
#pragma warning restore CA1031
        {
            return -1;
        }

        _connection.ReadCost.Record(requests.Length, _group.ReadLength, start);
        return position;
    }

    /// <summary>Finds out which reads of a group fail: the others must not suffer. Returns where the replies end.</summary>
    private int ReadOneByOne(byte[] replies, int position)
    {
        foreach (ref readonly NbdRequest request in _group.Reads)
        {
            NbdError error = NbdError.None;
            try
            {
                _reads[0] = new BlockRead((long)request.Offset, replies.AsMemory(position + NbdReply.HeaderSize, (int)request.Length));
                _device.Read(_reads.AsSpan(0, 1));
            }
#pragma warning disable CA1031 // As in Write.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                error = Failed(failure, NbdCommand.Read, 1);
            }

            new NbdReply(error, request.Cookie).Write(replies.AsSpan(position));
            position += NbdReply.HeaderSize + (error == NbdError.None ? (int)request.Length : 0);
        }

        return position;
    }

    /// <summary>
    /// Does a write that is larger than a receive buffer piece by piece, as it comes in. Pieces end on borders of the
    /// device's blocks, so that each block is still written whole. After an error the rest of the payload is dropped.
    /// </summary>
    private bool HandleStreamedWrite(NbdRequest request)
    {
        NbdError error = request.Validate(_device.Size, _device.IsReadOnly);
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
            _unflushed[_unflushedCount++] = request.Cookie;
        }
        else
        {
            Acknowledge(error, request.Cookie);
        }
    }

    private void Acknowledge(NbdError error, ulong cookie)
    {
        new NbdReply(error, cookie).Write(_acks.AsSpan(_ackLength));
        _ackLength += NbdReply.HeaderSize;
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
