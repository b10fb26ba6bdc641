namespace Voe.Store.Devices;

/// <summary>
/// Locks on ranges of bytes. Whoever rewrites a block that is changed in part only holds its range alone; those who write
/// whole blocks may overlap among themselves. First come, first served, so nobody waits for ever. Hold one at a time.
/// </summary>
internal sealed class RangeLocks
{
    // Monitor, since System.Threading.Lock cannot wait for a change.
    private readonly object _gate = new();
    private readonly List<Entry> _entries = []; // in the order of arrival; those who hold and those who wait
    private long _lastTicket;

    /// <summary>Waits for the half-open range; returns what <see cref="Exit"/> takes.</summary>
    public long Enter(long start, long end, bool isAlone)
    {
        lock (_gate)
        {
            var entry = new Entry(++_lastTicket, start, end, isAlone);
            _entries.Add(entry);
            while (MustWait(entry))
            {
                Monitor.Wait(_gate);
            }

            return entry.Ticket;
        }
    }

    /// <summary>Gives a range back.</summary>
    public void Exit(long ticket)
    {
        lock (_gate)
        {
            int index = _entries.FindIndex(entry => entry.Ticket == ticket);
            bool mayBeWaitedFor = index < _entries.Count - 1;
            _entries.RemoveAt(index);
            if (mayBeWaitedFor)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool MustWait(in Entry entry)
    {
        foreach (Entry earlier in _entries)
        {
            if (earlier.Ticket == entry.Ticket)
            {
                return false;
            }

            if (earlier.Start < entry.End && entry.Start < earlier.End && (earlier.IsAlone || entry.IsAlone))
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct Entry(long Ticket, long Start, long End, bool IsAlone);
}
