using Microsoft.Extensions.Logging;

namespace Voe.Server.Nbd;

/// <summary>
/// Reports the failed requests of a connection, one line a second at most: a client that meets a full disk fails
/// thousands of times. Safe from many threads.
/// </summary>
internal sealed class FailureLog(ILogger logger, TimeProvider time, string peer)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _lastTime;
    private long _suppressed;
    private bool _hasReported;

    /// <summary>Reports that a device failed.</summary>
    /// <param name="export">The export's name.</param>
    /// <param name="command">What it was asked to do.</param>
    /// <param name="count">How many requests failed by this.</param>
    /// <param name="error">What the client is told.</param>
    /// <param name="failure">What the device said.</param>
    public void Report(string export, NbdCommand command, int count, NbdError error, Exception failure)
    {
        long suppressed;
        lock (_gate)
        {
            long now = time.GetTimestamp();
            if (_hasReported && time.GetElapsedTime(_lastTime, now) < Interval)
            {
                _suppressed += count;
                return;
            }

            _hasReported = true;
            _lastTime = now;
            suppressed = _suppressed;
            _suppressed = 0;
        }

        // An exception of the store says all that there is to know in its message; of any other, the place counts.
        logger.LogError(
            failure is Store.StoreException ? null : failure,
            "nbd: {Peer}, \"{Export}\": {Count} {Command} failed with {Error} ({Suppressed} more since the last message): {Message}",
            peer,
            export,
            count,
            command,
            error,
            suppressed,
            failure.Message);
    }
}
