namespace Voe.Server.Nbd;

/// <summary>
/// The bytes of one connection, in both directions: a plain socket (<see cref="NbdSocket"/>) or TLS over one
/// (<see cref="NbdTlsTransport"/>).
/// </summary>
/// <remarks>
/// One thread receives at a time, and one sends at a time; the two may be different. <see cref="StopReceiving"/> and
/// <see cref="Abort"/> may come from any thread. Nothing throws when the connection ends: the results tell.
/// </remarks>
internal abstract class NbdTransport : IDisposable
{
    /// <summary>Nothing there yet.</summary>
    public const int WouldBlock = -1;

    /// <summary>Receives what is there: bytes received, 0 when the connection has ended, or <see cref="WouldBlock"/>.</summary>
    public abstract int TryReceive(Span<byte> buffer);

    /// <summary>As <see cref="TryReceive"/>, polling for some microseconds while that pays.</summary>
    public abstract int TryReceiveSpinning(Span<byte> buffer);

    /// <summary>Sleeps until there is something to receive or the connection has ended.</summary>
    public abstract void WaitReadable();

    /// <summary>
    /// Sleeps until there is something to receive, or for a while; call it again when there was not. False when the
    /// connection is to be given up: it stood still for too long in the middle of a request, while others wait for the
    /// memory that it holds.
    /// </summary>
    /// <param name="since">0 at first; keeps the time since when the client stands still.</param>
    public abstract bool WaitForMore(ref long since);

    /// <summary>Fills the buffer before <paramref name="deadline"/> (a timestamp of the clock); false if not.</summary>
    public abstract bool ReceiveExactly(Span<byte> buffer, long deadline);

    /// <summary>Sends all bytes before <paramref name="deadline"/> (a timestamp of the clock); false if not.</summary>
    public abstract bool Send(ReadOnlySpan<byte> bytes, long deadline);

    /// <summary>Sends all bytes, however long the client takes unless others wait for memory; false at the connection's end.</summary>
    public abstract bool Send(ReadOnlySpan<byte> bytes);

    /// <summary>Wakes the receiving thread, which then sees the end of the connection; replies can still be sent.</summary>
    public abstract void StopReceiving();

    /// <summary>Ends the connection in both directions at once, wherever its threads wait.</summary>
    public abstract void Abort();

    /// <summary>Closes the connection; by its last thread.</summary>
    public abstract void Dispose();
}
