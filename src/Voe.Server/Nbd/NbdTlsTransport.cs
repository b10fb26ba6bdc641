using System.Net.Security;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Voe.Server.Nbd;

/// <summary>
/// TLS over a socket, by <see cref="SslStream"/>'s blocking calls on top of a stream that sleeps as the socket does. Slower
/// than plain connections by the encryption and a copy; nothing of it is on their path.
/// </summary>
/// <remarks>
/// Whether a call of <see cref="SslStream"/> would block cannot be asked. It holds no more than one record that it has
/// decrypted, so a read of more than that empties it: then nothing is there unless the socket has something. Smaller reads
/// go through a buffer of that size. A read may still sleep for the rest of a record that has begun to arrive.
/// </remarks>
internal sealed class NbdTlsTransport : NbdTransport
{
    // More than SslStream ever holds: a record of 16 KiB, and what is left of the one before.
    private const int PieceSize = 64 << 10;

    private readonly NbdSocket _socket;
    private readonly NbdSocketStream _stream;
    private readonly SslStream _tls;

    // Touched by the receiving thread alone.
    private readonly byte[] _staging = new byte[PieceSize];
    private int _stagedStart;
    private int _stagedEnd;

    // What the client sent along with the end of its handshake may be there before anything else was read.
    private bool _mayHoldMore = true;

    /// <summary>TLS over that socket, which it owns from now on.</summary>
    public NbdTlsTransport(NbdSocket socket)
    {
        _socket = socket;
        _stream = new NbdSocketStream(socket);
        _tls = new SslStream(_stream, leaveInnerStreamOpen: true);
    }

    /// <summary>Does the server's side of the TLS handshake; null, or why it failed.</summary>
    /// <param name="tls">The certificates.</param>
    /// <param name="deadline">Until when (a timestamp of the clock).</param>
    public string? TryAccept(NbdTls tls, long deadline)
    {
        _stream.Deadline = deadline;
        try
        {
            _tls.AuthenticateAsServer(tls.CreateOptions());
            return null;
        }
        catch (Exception failure) when (IsEnd(failure))
        {
            // The outer message says no more than that it failed.
            return failure is AuthenticationException { InnerException: { } cause }
                ? $"{failure.Message} {cause.Message}"
                : failure.Message;
        }
        finally
        {
            _stream.Deadline = null;
        }
    }

    /// <summary>What is spoken, and with whom, for the log.</summary>
    public string Describe() => _tls.RemoteCertificate is { } client
        ? $"{_tls.SslProtocol}, with the certificate \"{client.Subject}\""
        : $"{_tls.SslProtocol}";

    /// <inheritdoc/>
    public override int TryReceive(Span<byte> buffer) => Receive(buffer, spins: false);

    /// <inheritdoc/>
    public override int TryReceiveSpinning(Span<byte> buffer) => Receive(buffer, spins: true);

    /// <inheritdoc/>
    public override void WaitReadable() => _socket.WaitReadable();

    /// <inheritdoc/>
    public override bool WaitForMore(ref long since) => _socket.WaitForMore(ref since);

    /// <inheritdoc/>
    public override bool ReceiveExactly(Span<byte> buffer, long deadline)
    {
        _stream.Deadline = deadline;
        try
        {
            while (!buffer.IsEmpty)
            {
                int count = TryReceive(buffer);
                if (count == 0 || (count == WouldBlock && !_socket.WaitReadable(deadline)))
                {
                    return false;
                }

                buffer = buffer[Math.Max(count, 0)..];
            }

            return true;
        }
        finally
        {
            _stream.Deadline = null;
        }
    }

    /// <inheritdoc/>
    public override bool Send(ReadOnlySpan<byte> bytes, long deadline)
    {
        _stream.Deadline = deadline;
        try
        {
            return Send(bytes);
        }
        finally
        {
            _stream.Deadline = null;
        }
    }

    /// <inheritdoc/>
    public override bool Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            // SslStream may copy what it is given, so it gets little at a time: memory for replies is bounded elsewhere.
            for (; bytes.Length > PieceSize; bytes = bytes[PieceSize..])
            {
                _tls.Write(bytes[..PieceSize]);
            }

            _tls.Write(bytes);
            return true;
        }
        catch (Exception failure) when (IsEnd(failure))
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public override void StopReceiving() => _socket.StopReceiving();

    /// <inheritdoc/>
    public override void Abort() => _socket.Abort();

    /// <inheritdoc/>
    public override void Dispose()
    {
        try
        {
            // Says goodbye if the socket takes it at once. The stream completes all calls before it returns.
            _stream.Deadline = 0;
            _tls.ShutdownAsync().GetAwaiter().GetResult();
        }
        // Nobody is left to tell: the client has gone already, or the handshake never ended.
        catch (Exception)
        {
        }

        _tls.Dispose();
        _stream.Dispose();
        _socket.Dispose();
    }

    // What SslStream throws when the other side, or the socket, gave up.
    private static bool IsEnd(Exception failure) => failure is IOException or AuthenticationException or InvalidOperationException
        or OperationCanceledException or CryptographicException or ExternalException;

    private int Receive(Span<byte> buffer, bool spins)
    {
        if (_stagedStart < _stagedEnd)
        {
            return TakeStaged(buffer);
        }

        if (!_mayHoldMore && _stream.Fill(spins) == WouldBlock)
        {
            return WouldBlock;
        }

        if (buffer.Length >= PieceSize)
        {
            return Read(buffer[..PieceSize]);
        }

        _stagedStart = 0;
        _stagedEnd = Read(_staging);
        return TakeStaged(buffer);
    }

    private int TakeStaged(Span<byte> buffer)
    {
        int count = Math.Min(buffer.Length, _stagedEnd - _stagedStart);
        _staging.AsSpan(_stagedStart, count).CopyTo(buffer);
        _stagedStart += count;
        return count;
    }

    private int Read(Span<byte> buffer)
    {
        try
        {
            int count = _tls.Read(buffer);
            _mayHoldMore = count == buffer.Length;
            return count;
        }
        catch (Exception failure) when (IsEnd(failure))
        {
            return 0;
        }
    }
}
