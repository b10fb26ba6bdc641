using System.Diagnostics;
using System.Net.Sockets;

namespace Voe.Server.Nbd;

/// <summary>
/// The socket of one connection, TCP or unix: non-blocking calls, and poll where there is nothing to do. Never used with
/// the asynchronous calls of <see cref="Socket"/>, which would cost a thread hand-over for each request. Raw system
/// calls were not worth it: with these calls a 4 KiB request costs 2.4 to 3.6 us of the server's processor in all, against a
/// device in memory, which is what the kernel's part takes.
/// </summary>
/// <remarks>The socket is owned and closed by <see cref="Dispose"/>.</remarks>
internal sealed class NbdSocket : NbdTransport
{
    private const int MaxScore = 16;
    private const int RetryMask = 63;
    private const int WaitSliceMicroseconds = 500_000;

    private readonly Socket _socket;
    private readonly NbdResources _resources;
    private readonly long _spinTicks;

    // Touched by the receiving thread alone: whether spinning has paid lately (above 0), and how often it was not tried.
    private int _spinScore = MaxScore;
    private int _spinsSkipped;
    private volatile bool _isAborted;

    /// <summary>Takes over a connected socket.</summary>
    public NbdSocket(Socket socket, NbdResources resources)
    {
        _socket = socket;
        _resources = resources;
        _spinTicks = (long)(resources.Limits.SpinTime.TotalSeconds * Stopwatch.Frequency);
        socket.Blocking = false;
        if (socket.AddressFamily == AddressFamily.Unix)
        {
            // Twice what the kernel gives by default: a reply of 256 KiB leaves in fewer pieces. TCP tunes itself.
            socket.SendBufferSize = 1 << 20;
        }
        else
        {
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, optionValue: true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
        }
    }

    /// <inheritdoc/>
    public override int TryReceive(Span<byte> buffer)
    {
        int count = _socket.Receive(buffer, SocketFlags.None, out SocketError error);
        return error switch
        {
            SocketError.Success => count,
            SocketError.WouldBlock or SocketError.Interrupted => WouldBlock,
            _ => 0,
        };
    }

    /// <inheritdoc/>
    public override int TryReceiveSpinning(Span<byte> buffer)
    {
        int count = TryReceive(buffer);
        if (count != WouldBlock || _spinTicks == 0)
        {
            return count;
        }

        // A connection whose requests come too rarely for spinning stops it, and tries again now and then.
        if ((_spinScore <= 0 && (++_spinsSkipped & RetryMask) != 0) || !_resources.Spin.TryBeginSpin())
        {
            return WouldBlock;
        }

        long end = Stopwatch.GetTimestamp() + _spinTicks;
        do
        {
            count = TryReceive(buffer);
        }
        while (count == WouldBlock && Stopwatch.GetTimestamp() < end);
        _resources.Spin.EndSpin();
        _spinScore = count != WouldBlock ? Math.Min(MaxScore, _spinScore + 2) : Math.Max(0, _spinScore - 1);
        return count;
    }

    /// <inheritdoc/>
    public override void WaitReadable() => _socket.Poll(-1, SelectMode.SelectRead);

    /// <inheritdoc/>
    public override bool WaitForMore(ref long since) => WaitWhileTolerable(SelectMode.SelectRead, ref since);

    /// <summary>Sleeps until there is something to receive or the connection has ended; false after <paramref name="deadline"/>.</summary>
    public bool WaitReadable(long deadline) => WaitUntil(SelectMode.SelectRead, deadline);

    /// <inheritdoc/>
    public override bool ReceiveExactly(Span<byte> buffer, long deadline)
    {
        while (!buffer.IsEmpty)
        {
            int count = TryReceive(buffer);
            if (count == 0 || (count == WouldBlock && !WaitUntil(SelectMode.SelectRead, deadline)))
            {
                return false;
            }

            buffer = buffer[Math.Max(count, 0)..];
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Send(ReadOnlySpan<byte> bytes, long deadline)
    {
        while (TrySend(ref bytes))
        {
            if (bytes.IsEmpty)
            {
                return true;
            }

            if (!WaitUntil(SelectMode.SelectWrite, deadline))
            {
                return false;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override bool Send(ReadOnlySpan<byte> bytes)
    {
        long since = 0;
        int length = bytes.Length;
        while (TrySend(ref bytes))
        {
            if (bytes.IsEmpty)
            {
                return true;
            }

            since = bytes.Length < length ? 0 : since;
            length = bytes.Length;
            if (!WaitWhileTolerable(SelectMode.SelectWrite, ref since))
            {
                return false;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override void StopReceiving() => Shutdown(SocketShutdown.Receive);

    /// <inheritdoc/>
    public override void Abort()
    {
        _isAborted = true;
        Shutdown(SocketShutdown.Both);
    }

    /// <inheritdoc/>
    public override void Dispose() => _socket.Dispose();

    /// <summary>Sends what the kernel takes and cuts it off <paramref name="bytes"/>; false when the connection has ended.</summary>
    private bool TrySend(ref ReadOnlySpan<byte> bytes)
    {
        int count = _socket.Send(bytes, SocketFlags.None, out SocketError error);
        if (error == SocketError.Success)
        {
            bytes = bytes[count..];
            return true;
        }

        return error is SocketError.WouldBlock or SocketError.Interrupted or SocketError.NoBufferSpaceAvailable;
    }

    private bool WaitUntil(SelectMode mode, long deadline)
    {
        TimeSpan left = _resources.Time.GetElapsedTime(_resources.Time.GetTimestamp(), deadline);
        return left > TimeSpan.Zero
            && _socket.Poll((int)Math.Min(left.TotalMicroseconds + 1, int.MaxValue), mode)
            && !_isAborted;
    }

    // The end of a connection is not always an event that poll is asked about (POLLHUP alone): whoever waits tries the
    // call itself again after each slice of time, and learns of it there.
    private bool WaitWhileTolerable(SelectMode mode, ref long since)
    {
        if (!_socket.Poll(WaitSliceMicroseconds, mode))
        {
            long now = _resources.Time.GetTimestamp();
            since = since == 0 ? now : since;
            if (_resources.IsMemoryScarce && _resources.Time.GetElapsedTime(since, now) > _resources.Limits.StallTime)
            {
                return false;
            }
        }

        return !_isAborted;
    }

    private void Shutdown(SocketShutdown how)
    {
        try
        {
            _socket.Shutdown(how);
        }
        catch (SocketException)
        {
            // The peer was faster: the connection has ended already, which is all that is wanted.
        }
        catch (ObjectDisposedException)
        {
            // Likewise, by the connection's last thread.
        }
    }
}
