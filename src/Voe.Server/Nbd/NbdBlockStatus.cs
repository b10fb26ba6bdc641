using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>
/// Answers BLOCK_STATUS for one worker: a chunk for each context that is asked about, each sent by itself. Its arrays are
/// made once and used again.
/// </summary>
internal sealed class NbdBlockStatus
{
    // The specification allows a million; the client asks again from where an answer ends.
    private const int MaxExtents = 2048;

    private readonly NbdConnection _connection;
    private readonly IBlockDevice _device;
    private readonly NbdReplyEncoder _encoder;
    private readonly StatusExtent[] _extents = new StatusExtent[MaxExtents];
    private readonly byte[] _reply;

    /// <summary>For the workers of that connection.</summary>
    public NbdBlockStatus(NbdConnection connection)
    {
        _connection = connection;
        _device = connection.Export.Device;
        _encoder = new NbdReplyEncoder(connection.Session.Format);
        _reply = GC.AllocateUninitializedArray<byte>(_encoder.StatusSize(MaxExtents), pinned: true);
    }

    /// <summary>Answers a valid request; an error of the device is the reply, or its end.</summary>
    public void Answer(in NbdRequest request)
    {
        uint all = uint.MaxValue >> (NbdSession.MaxContexts - _connection.Session.Contexts.Count);
        uint left = request.ContextMask != 0 ? request.ContextMask : all;
        for (int i = 0; left != 0; i++, left >>= 1)
        {
            if ((left & 1) == 0)
            {
                continue;
            }

            if (!TryDescribe(request, i, isLast: left == 1, out int length))
            {
                left = 1;
            }

            _connection.Send(_reply.AsSpan(0, length));
        }
    }

    private bool TryDescribe(in NbdRequest request, int index, bool isLast, out int length)
    {
        try
        {
            Span<StatusExtent> extents = request.Has(NbdCommandFlags.RequestOne) ? _extents.AsSpan(0, 1) : _extents;
            int count = _connection.Session.Contexts[index].GetStatus(_device, (long)request.Offset, (long)request.Length, extents);
            length = _encoder.WriteStatus(_reply, request, NbdSession.ContextId(index), extents[..count], isLast);
            return true;
        }
        // Whatever a device does wrong, the client is told and the connection lives on.
        catch (Exception failure)
        {
            NbdError error = NbdErrors.FromException(failure, request.Command);
            _connection.Failures.Report(_connection.Export.Name, request.Command, 1, error, failure);
            length = _encoder.WriteError(_reply, request, error);
            return false;
        }
    }
}
