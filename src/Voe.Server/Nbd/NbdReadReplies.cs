using System.Diagnostics;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>
/// Does the reads of a group for one worker, and lays out their replies one behind the other in one buffer, for one send.
/// Its arrays are made once and used again.
/// </summary>
/// <remarks>
/// Where replies have chunks, a long read tells its holes without their zeroes. Whether there are any costs nothing to
/// find out where there are none: a block that was read and is not all zeroes is no hole, so the device is only asked when
/// such a block was seen.
/// </remarks>
internal sealed class NbdReadReplies
{
    // A shorter read sends its zeroes: they cost less than another look into the device's map.
    private const int MinSparseRead = 64 << 10;

    // A hole below it is sent as data, which keeps chunks few; and a chunk's header always fits into the room of a hole.
    private const int MinHole = 4096;
    private const int MaxExtents = 64;

    private readonly NbdConnection _connection;
    private readonly IBlockDevice _device;
    private readonly NbdReplyEncoder _encoder;
    private readonly BlockRead[] _reads = new BlockRead[RequestGroup.MaxRequests];
    private readonly DeviceExtent[] _extents = new DeviceExtent[MaxExtents];

    /// <summary>For a worker of that connection.</summary>
    public NbdReadReplies(NbdConnection connection)
    {
        _connection = connection;
        _device = connection.Export.Device;
        _encoder = new NbdReplyEncoder(connection.Session.Format);
    }

    /// <summary>Reads, and writes the replies to <paramref name="replies"/> from <paramref name="position"/> on.</summary>
    /// <param name="requests">The requests, each valid.</param>
    /// <param name="length">Bytes that they ask for in all.</param>
    /// <param name="replies">The buffer; has room for those bytes and <see cref="NbdReplyEncoder.MaxOverhead"/> for each request.</param>
    /// <param name="position">Where the first reply goes.</param>
    /// <returns>Where the last reply ends.</returns>
    public int Write(ReadOnlySpan<NbdRequest> requests, long length, byte[] replies, int position) =>
        TryReadAll(requests, length, replies, position)
            ? WriteAll(requests, replies, position)
            : ReadOneByOne(requests, replies, position);

    /// <summary>Reads all as one group, with room for a reply's header in front of each.</summary>
    private bool TryReadAll(ReadOnlySpan<NbdRequest> requests, long length, byte[] replies, int position)
    {
        for (int i = 0; i < requests.Length; i++)
        {
            position += _encoder.DataHeaderSize;
            _reads[i] = new BlockRead((long)requests[i].Offset, replies.AsMemory(position, (int)requests[i].Length));
            position += (int)requests[i].Length;
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            _device.Read(_reads.AsSpan(0, requests.Length));
        }
        // The reads are tried one by one, and report then.
        catch (Exception)
        {
            return false;
        }

        _connection.ReadCost.Record(requests.Length, length, start);
        return true;
    }

    /// <summary>
    /// Puts the headers to the data of <see cref="TryReadAll"/>. What follows something that became shorter moves up, so
    /// a reply never reaches beyond where its data was read to.
    /// </summary>
    private int WriteAll(ReadOnlySpan<NbdRequest> requests, byte[] replies, int position)
    {
        int source = position;
        foreach (ref readonly NbdRequest request in requests)
        {
            var length = (int)request.Length;
            source += _encoder.DataHeaderSize;
            if (length == 0)
            {
                position += _encoder.WriteDone(replies.AsSpan(position), request);
            }
            else if (MayHaveHoles(request, replies.AsSpan(source, length)))
            {
                position = WriteSparse(request, replies, source, position);
            }
            else
            {
                position = WriteData(request, request.Offset, length, isLast: true, replies, source, position);
            }

            source += length;
        }

        return position;
    }

    private int WriteData(in NbdRequest request, ulong offset, int length, bool isLast, byte[] replies, int source, int position)
    {
        _encoder.WriteDataHeader(replies.AsSpan(position), request, offset, length, isLast);
        position += _encoder.DataHeaderSize;
        if (position != source)
        {
            replies.AsSpan(source, length).CopyTo(replies.AsSpan(position));
        }

        return position + length;
    }

    private bool MayHaveHoles(in NbdRequest request, ReadOnlySpan<byte> data)
    {
        if (!_encoder.HasChunks || data.Length < MinSparseRead || request.Has(NbdCommandFlags.DontFragment))
        {
            return false;
        }

        int block = Math.Max(MinHole, _device.PreferredBlockSize);
        for (int at = (int)(-(long)request.Offset & (block - 1)); at + block <= data.Length; at += block)
        {
            if (!data.Slice(at, block).ContainsAnyExcept((byte)0))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes data and holes as the device says they are; all that it does not tell is data.</summary>
    private int WriteSparse(in NbdRequest request, byte[] replies, int source, int position)
    {
        ulong at = request.Offset;
        ulong end = request.Offset + request.Length;
        foreach (DeviceExtent extent in _extents.AsSpan(0, GetExtents(request)))
        {
            if (extent.Kind != ExtentKind.Hole || extent.Length < MinHole)
            {
                continue;
            }

            var hole = (ulong)extent.Offset;
            if (hole > at)
            {
                var length = (int)(hole - at);
                position = WriteData(request, at, length, isLast: false, replies, source, position);
                source += length;
            }

            at = hole + (ulong)extent.Length;
            source += (int)extent.Length;
            position += _encoder.WriteHole(replies.AsSpan(position), request, hole, (int)extent.Length, isLast: at == end);
        }

        return at < end
            ? WriteData(request, at, (int)(end - at), isLast: true, replies, source, position)
            : position;
    }

    private int GetExtents(in NbdRequest request)
    {
        try
        {
            return _device.GetExtents((long)request.Offset, (long)request.Length, _extents);
        }
        catch (Voe.Store.StoreException)
        {
            // The data was read all the same, and is sent as it is.
            return 0;
        }
    }

    /// <summary>Finds out which reads of a group fail: the others must not suffer. Returns where the replies end.</summary>
    private int ReadOneByOne(ReadOnlySpan<NbdRequest> requests, byte[] replies, int position)
    {
        foreach (ref readonly NbdRequest request in requests)
        {
            var length = (int)request.Length;
            int data = position + _encoder.DataHeaderSize;
            Exception? failure = TryRead(request.Offset, replies.AsMemory(data, length));
            if (failure is null)
            {
                position = length == 0
                    ? position + _encoder.WriteDone(replies.AsSpan(position), request)
                    : WriteData(request, request.Offset, length, isLast: true, replies, data, position);
                continue;
            }

            NbdError error = NbdErrors.FromException(failure, NbdCommand.Read);
            _connection.Failures.Report(_connection.Export.Name, NbdCommand.Read, 1, error, failure);
            if (!_encoder.HasChunks)
            {
                position += _encoder.WriteError(replies.AsSpan(position), request, error);
                continue;
            }

            int good = ReadUpToFailure(request, replies, data);
            if (good > 0)
            {
                position = WriteData(request, request.Offset, good, isLast: good == length, replies, data, position);
            }

            position += good == length ? 0 : _encoder.WriteError(replies.AsSpan(position), request, error, request.Offset + (ulong)good);
        }

        return position;
    }

    /// <summary>Reads a failing request block by block; returns how many of its bytes are good, up to the first that is not.</summary>
    private int ReadUpToFailure(in NbdRequest request, byte[] replies, int data)
    {
        int block = _device.PreferredBlockSize;
        int good = 0;
        while (good < (int)request.Length)
        {
            ulong offset = request.Offset + (ulong)good;
            int length = (int)Math.Min((ulong)block - (offset & (ulong)(block - 1)), request.Length - (ulong)good);
            if (TryRead(offset, replies.AsMemory(data + good, length)) is not null)
            {
                break;
            }

            good += length;
        }

        return good;
    }

    private Exception? TryRead(ulong offset, Memory<byte> buffer)
    {
        _reads[0] = new BlockRead((long)offset, buffer);
        try
        {
            _device.Read(_reads.AsSpan(0, 1));
            return null;
        }
        // Whatever a device does wrong, the read is not answered with data and the connection lives on.
        catch (Exception failure)
        {
            return failure;
        }
    }
}
