namespace Voe.Store.Verify;

/// <summary>A log that is being written, when a survey of it begins.</summary>
/// <param name="DurableLsn">What was durable.</param>
/// <param name="LastPackId">The newest pack.</param>
internal readonly record struct LiveLog(ulong DurableLsn, uint LastPackId)
{
    /// <summary>The oldest pack that may still wait for its footer: four wait at most, and one is being written.</summary>
    public uint FirstUnsealedPack => LastPackId > 6 ? LastPackId - 6 : 0;
}
