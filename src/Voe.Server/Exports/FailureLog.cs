using Microsoft.Extensions.Logging;

namespace Voe.Server.Exports;

/// <summary>
/// Reports the failed requests of a client, one line a second at most: a client that meets a full disk fails thousands of
/// times. Safe from many threads.
/// </summary>
/// <param name="logger">Where to.</param>
/// <param name="time">The clock.</param>
/// <param name="client">Who asks, by which protocol.</param>
internal sealed class FailureLog(ILogger logger, TimeProvider time, string client)
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
    public void Report<TCommand, TError>(string export, TCommand command, int count, TError error, Exception failure)
        where TCommand : struct, Enum
        where TError : struct, Enum
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
            "{Client}, \"{Export}\": {Count} {Command} failed with {Error} ({Suppressed} more since the last message): {Message}",
            client,
            export,
            count,
            command,
            error,
            suppressed,
            failure.Message);
    }
}
