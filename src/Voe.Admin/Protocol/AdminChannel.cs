using System.Net.Sockets;
using System.Text.Json;
using Voe.Admin.Commands;

namespace Voe.Admin.Protocol;

/// <summary>
/// Messages over a connected socket. One thread receives at a time, one sends at a time; <see cref="Abort"/> from any thread.
/// Memory grows with what has arrived, never on the word of a length.
/// </summary>
internal sealed class AdminChannel : IDisposable
{
    private const int FirstBuffer = 16 << 10;
    private const byte LineEnd = (byte)'\n';

    private readonly Socket _socket;
    private readonly TimeProvider _time;
    private readonly int _maxLine;
    private byte[] _buffer = new byte[FirstBuffer];
    private int _start; // of what was received and not used
    private int _end;

    /// <summary>A channel that owns the socket.</summary>
    /// <param name="socket">The socket, connected, in blocking mode.</param>
    /// <param name="maxLine">The longest line that is accepted, its end included.</param>
    /// <param name="time">The clock.</param>
    public AdminChannel(Socket socket, int maxLine, TimeProvider time)
    {
        _socket = socket;
        _maxLine = maxLine;
        _time = time;
    }

    /// <summary>Whether there is something to receive, or the other side has gone.</summary>
    public bool HasInput => _end > _start || _socket.Poll(0, SelectMode.SelectRead);

    /// <summary>Whether the other side has gone and left nothing to receive.</summary>
    public bool IsAbandoned => _end == _start && _socket.Poll(0, SelectMode.SelectRead) && _socket.Available == 0;

    /// <summary>Receives a message; null when the other side ended in peace, between two.</summary>
    /// <param name="idleLimit">How long its first byte may take.</param>
    /// <param name="messageLimit">How long the rest may take.</param>
    /// <exception cref="AdminException">It is none, too long or too slow; or the connection broke.</exception>
    public AdminMessage? Receive(TimeSpan idleLimit, TimeSpan messageLimit)
    {
        if (_start == _end && !Fill(idleLimit))
        {
            return null;
        }

        long began = _time.GetTimestamp();
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf(LineEnd);
            if (length >= 0)
            {
                length += searched;
                if (length >= _maxLine)
                {
                    throw TooLong();
                }

                AdminMessage message = Parse(_buffer.AsSpan(_start, length));
                _start += length + 1;
                return message;
            }

            searched = _end - _start;
            if (searched >= _maxLine)
            {
                throw TooLong();
            }

            if (!Fill(Left(messageLimit, began)))
            {
                throw new AdminException(AdminErrorKind.Protocol, "the connection ended in the middle of a line");
            }
        }
    }

    /// <summary>Receives the bytes that follow a line.</summary>
    /// <exception cref="AdminException">They did not all come, or not in time.</exception>
    public void ReceiveData(Span<byte> destination, TimeSpan limit)
    {
        long began = _time.GetTimestamp();
        int buffered = Math.Min(destination.Length, _end - _start);
        _buffer.AsSpan(_start, buffered).CopyTo(destination);
        _start += buffered;
        destination = destination[buffered..];
        while (destination.Length > 0)
        {
            int count = ReceiveSome(destination, Left(limit, began));
            if (count == 0)
            {
                throw new AdminException(AdminErrorKind.Protocol, "the connection ended in the middle of a block");
            }

            destination = destination[count..];
        }
    }

    /// <summary>Sends a message, and the bytes that follow it; waits while the other side has no room.</summary>
    /// <exception cref="AdminException">The other side has gone.</exception>
    public void Send(AdminMessage message, ReadOnlySpan<byte> data = default)
    {
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(message, AdminJson.Default.AdminMessage);
        Array.Resize(ref line, line.Length + 1);
        line[^1] = LineEnd;
        try
        {
            SendAll(line);
            SendAll(data);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw Gone(e);
        }
    }

    /// <summary>Ends the connection at once: who receives or sends is woken up.</summary>
    public void Abort()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static AdminMessage Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, AdminJson.Default.AdminMessage)
                ?? throw new AdminException(AdminErrorKind.Protocol, "null is no message");
        }
        catch (JsonException e)
        {
            throw new AdminException(AdminErrorKind.Protocol, $"a line is no message: {e.Message}", e);
        }
    }

    private static AdminException Gone(Exception cause) =>
        new(AdminErrorKind.Cancelled, $"the connection broke: {cause.Message}", cause);

    private AdminException TooLong() => new(AdminErrorKind.Protocol, $"a line has at most {_maxLine} bytes, this one has more");

    private TimeSpan Left(TimeSpan limit, long began) =>
        limit == Timeout.InfiniteTimeSpan ? limit : limit - _time.GetElapsedTime(began);

    // Receives more into the buffer; false at the end of the stream.
    private bool Fill(TimeSpan limit)
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length && _start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        else if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        int count = ReceiveSome(_buffer.AsSpan(_end), limit);
        _end += count;
        return count > 0;
    }

    private int ReceiveSome(Span<byte> destination, TimeSpan limit)
    {
        try
        {
            if (limit != Timeout.InfiniteTimeSpan
                && (limit <= TimeSpan.Zero || !_socket.Poll(limit, SelectMode.SelectRead)))
            {
                throw new AdminException(AdminErrorKind.Protocol, "nothing came in time");
            }

            return _socket.Receive(destination, SocketFlags.None);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw Gone(e);
        }
    }

    private void SendAll(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            data = data[_socket.Send(data, SocketFlags.None)..];
        }
    }
}
