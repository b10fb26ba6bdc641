namespace Voe.Server.Nbd;

/// <summary>
/// A socket as a blocking stream, for <see cref="System.Net.Security.SslStream"/>. It reads more than it is asked for, since
/// that asks for a few bytes at a time. One thread may read while another writes. Its asynchronous calls complete before
/// they return.
/// </summary>
/// <remarks>A call that cannot go on, or takes longer than it may, throws <see cref="IOException"/>.</remarks>
internal sealed class NbdSocketStream(NbdSocket socket) : Stream
{
    private const int BufferSize = 64 << 10;

    // Touched by the reading thread alone.
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _start;
    private int _end;
    private bool _isEnded;

    /// <summary>
    /// Until when calls may take (a timestamp of the clock). Null: as long as it takes, unless others wait for memory. Not to
    /// be changed while a call runs.
    /// </summary>
    public long? Deadline { get; set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Makes sure that there is something to read, without sleeping.</summary>
    /// <returns>How much there is; 0 at the connection's end; <see cref="NbdTransport.WouldBlock"/> if there is nothing.</returns>
    public int Fill(bool spins)
    {
        if (_start < _end || _isEnded)
        {
            return _end - _start;
        }

        int count = spins ? socket.TryReceiveSpinning(_buffer) : socket.TryReceive(_buffer);
        if (count != NbdTransport.WouldBlock)
        {
            _start = 0;
            _end = count;
            _isEnded = count == 0;
        }

        return count;
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        long since = 0;
        while (Fill(spins: false) == NbdTransport.WouldBlock)
        {
            if (!(Deadline is { } deadline ? socket.WaitReadable(deadline) : socket.WaitForMore(ref since)))
            {
                throw new IOException("the client stood still for too long, or has gone");
            }
        }

        int count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        return count;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Read(buffer.Span));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!(Deadline is { } deadline ? socket.Send(buffer, deadline) : socket.Send(buffer)))
        {
            throw new IOException("the client takes nothing more, or has gone");
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing waits here.
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
