namespace Voe.Testing;

/// <summary>
/// The oracle for many clients of one volume that write whole chunks: which of the writes to a chunk may be seen after a
/// crash, from when each began and returned. Safe from many threads.
/// </summary>
/// <remarks>
/// A write can no longer be seen once another one that certainly survives has begun after it had returned. When the
/// process dies all writes that returned survive; when the power fails, those that returned before a flush began that
/// has itself returned.
/// </remarks>
public sealed class ChunkHistory(int chunkCount)
{
    private readonly Lock _gate = new();
    private readonly List<Entry>[] _chunks =
        [.. Enumerable.Range(0, chunkCount).Select(_ => new List<Entry> { new(0, 0) { Returned = 0 } })];
    private long _clock;
    private long _flushedUpTo;

    /// <summary>A write of the content with that number (1 or more; 0 is the hole at the beginning) begins.</summary>
    public void Begin(int chunk, long content)
    {
        lock (_gate)
        {
            _chunks[chunk].Add(new Entry(content, ++_clock));
        }
    }

    /// <summary>It has returned.</summary>
    public void Acknowledge(int chunk, long content)
    {
        lock (_gate)
        {
            _chunks[chunk].Find(entry => entry.Content == content)!.Returned = ++_clock;
        }
    }

    /// <summary>A flush begins; the result is for <see cref="EndFlush"/>.</summary>
    public long BeginFlush()
    {
        lock (_gate)
        {
            return ++_clock;
        }
    }

    /// <summary>A flush has returned.</summary>
    public void EndFlush(long begun)
    {
        lock (_gate)
        {
            _flushedUpTo = Math.Max(_flushedUpTo, begun);
        }
    }

    /// <summary>Whether a chunk may hold that content now, or after a crash.</summary>
    public bool IsAllowed(int chunk, long content, bool powerLost)
    {
        lock (_gate)
        {
            List<Entry> entries = _chunks[chunk];
            Entry? candidate = entries.Find(entry => entry.Content == content);
            long survives = powerLost ? _flushedUpTo : long.MaxValue;
            return candidate is not null && !entries.Exists(other => other.Begun > candidate.Returned && other.Returned < survives);
        }
    }

    /// <summary>Takes what each chunk holds for the truth from then on.</summary>
    public void Adopt(int chunk, long content)
    {
        lock (_gate)
        {
            _chunks[chunk].Clear();
            _chunks[chunk].Add(new Entry(content, 0) { Returned = 0 });
        }
    }

    private sealed class Entry(long content, long begun)
    {
        public long Content { get; } = content;

        public long Begun { get; } = begun;

        /// <summary>Never, while it is in flight.</summary>
        public long Returned { get; set; } = long.MaxValue;
    }
}
