namespace Voe.Testing;

/// <summary>A clock that goes on by some seconds whenever it is looked at: waiting costs no time, and every run sees the same.</summary>
public sealed class SteppingClock : TimeProvider
{
    private const int Step = 5;
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _seconds;

    /// <inheritdoc/>
    public override long TimestampFrequency => 1;

    /// <inheritdoc/>
    public override long GetTimestamp() => Interlocked.Add(ref _seconds, Step);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => Start.AddSeconds(GetTimestamp());
}
