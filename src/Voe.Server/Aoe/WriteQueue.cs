using System.Diagnostics;
using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>What became of a request that was to wait.</summary>
internal enum Enqueued
{
    /// <summary>It waits.</summary>
    Waits,

    /// <summary>There is no room: the frame is dropped, and the initiator sends it again.</summary>
    Full,

    /// <summary>It waits already: the frame is dropped.</summary>
    Repeats,

    /// <summary>It was done before: it is to be answered.</summary>
    Done,

    /// <summary>The target has ended: the frame is dropped.</summary>
    Ended,
}

/// <summary>
/// The requests of a target that change or flush its device, and the thread that does them: it takes all that wait, writes
/// them together, flushes once, and answers; what comes meanwhile gathers for the next time.
/// </summary>
/// <remarks>
/// Safe from many threads. Bounded in requests and in bytes; nobody waits for room, since frames may be dropped. Requests
/// are done in the order in which they came; of the writes of one group no order can be seen but in what they leave.
/// </remarks>
internal sealed class WriteQueue
{
    private const int LargestFrameData = 64 << 10;
    private const int FewestRecent = 2048;
    private const int MostQuick = 2;

    private static readonly TimeSpan LongestGathering = TimeSpan.FromMicroseconds(200);

    // Monitor, since System.Threading.Lock cannot wait for a change.
    private readonly object _gate = new();
    private readonly AoeTarget _target;
    private readonly WriteCommitter _committer; // of whoever has a group
    private readonly RecentWrites _recent;
    private readonly WriteGroup _first;
    private readonly WriteGroup _second;
    private readonly string _name;
    private readonly Action<WriteGroup> _note;

    // Of the thread that writes: how many requests the last group had, how long it took, and how many came meanwhile.
    private int _lastCount;
    private TimeSpan _lastDuration;
    private int _leftCount;

    // Guarded by _gate.
    private WriteGroup _gathering;
    private bool _isStarted;
    private bool _isBusy; // somebody has a group
    private bool _isEnding;
    private bool _hasEnded;

    /// <summary>A queue for a target; its thread starts with the first request.</summary>
    public WriteQueue(AoeTarget target)
    {
        _target = target;
        int entries = target.Options.BufferCount * 4;
        int bytes = target.Options.BufferCount * LargestFrameData;
        _first = new WriteGroup(entries, bytes);
        _second = new WriteGroup(entries, bytes);
        _gathering = _first;
        _committer = new WriteCommitter(target, entries);
        _recent = new RecentWrites(Math.Max(FewestRecent, entries * 4));
        _name = $"aoe {target.Address} writes";
        _note = Note;
    }

    /// <summary>
    /// Bytes of memory that waiting data has taken and may take again; the merging of scattered frames takes half as much at most.
    /// </summary>
    public int MemorySize
    {
        get
        {
            lock (_gate)
            {
                return _first.MemorySize + _second.MemorySize;
            }
        }
    }

    /// <summary>Puts a request in line, with a copy of its data. Who adds some calls <see cref="Wake"/> after the last.</summary>
    public Enqueued TryAdd(WriteEntry entry, ReadOnlySpan<byte> data)
    {
        bool isNoted = entry.Action is AtaAction.Write or AtaAction.Trim;
        uint checksum = isNoted ? RecentWrites.Checksum(data) : 0;
        lock (_gate)
        {
            if (_isEnding)
            {
                return Enqueued.Ended;
            }

            if (!_gathering.HasRoom(data.Length))
            {
                return Enqueued.Full;
            }

            if (isNoted)
            {
                Recurrence recurrence = _recent.Note(entry.Frame, checksum, out entry.Ticket);
                if (recurrence != Recurrence.New)
                {
                    return recurrence == Recurrence.Done ? Enqueued.Done : Enqueued.Repeats;
                }
            }

            _gathering.Add(entry, data);
            return Enqueued.Waits;
        }
    }

    /// <summary>Lets the thread know that there are requests.</summary>
    /// <param name="mayWrite">
    /// Whether the caller has nothing else to do: then it does a write or two itself, if they need no flush and nobody else
    /// writes. To hand them over would take longer than to do them.
    /// </param>
    public void Wake(bool mayWrite)
    {
        WriteGroup? group = null;
        lock (_gate)
        {
            if (mayWrite && !_isBusy && IsQuick())
            {
                group = Take();
            }
            else
            {
                Start();
            }
        }

        if (group is not null)
        {
            Do(group);
        }
    }

    /// <summary>Takes no request any more, and waits until those that are there were done; false when time ran out.</summary>
    public bool Stop(TimeSpan timeout)
    {
        lock (_gate)
        {
            _isEnding = true;
            Monitor.PulseAll(_gate);
            return !_isStarted || _hasEnded || WaitForEnd(timeout);
        }
    }

    private bool WaitForEnd(TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (!_hasEnded)
        {
            long left = deadline - Environment.TickCount64;
            if (left <= 0 || !Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left)))
            {
                return _hasEnded;
            }
        }

        return true;
    }

    // Under _gate, as all up to Do.
    private void Start()
    {
        if (!_isStarted)
        {
            _isStarted = true;
            new Thread(Run) { Name = _name, IsBackground = true }.Start();
        }

        Monitor.PulseAll(_gate);
    }

    private bool IsQuick()
    {
        if (_gathering.Count is 0 or > MostQuick || !_target.Disk.IsWriteCacheOn)
        {
            return false;
        }

        foreach (ref readonly WriteEntry entry in _gathering.Entries)
        {
            if (entry.Action != AtaAction.Write)
            {
                return false;
            }
        }

        return true;
    }

    private WriteGroup Take()
    {
        WriteGroup group = _gathering;
        _gathering = ReferenceEquals(group, _first) ? _second : _first;
        _isBusy = true;
        return group;
    }

    private void Do(WriteGroup group)
    {
        try
        {
            _committer.Commit(group, _note);
        }
        finally
        {
            lock (_gate)
            {
                group.Clear();
                _isBusy = false;
                if (_gathering.Count > 0)
                {
                    Start();
                }
                else if (_isEnding)
                {
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    private void Run()
    {
        while (AwaitFirst())
        {
            AwaitMore();
            WriteGroup? group = TakeGroup();
            if (group is not null)
            {
                long start = Stopwatch.GetTimestamp();
                int count = group.Count;
                Do(group);
                _lastDuration = Stopwatch.GetElapsedTime(start);
                _lastCount = count;
            }
        }
    }

    /// <summary>
    /// Waits a moment for those who were just answered: they send again at once, and without that two halves of the frames
    /// under way would take turns, each with a flush of its own. As many as were under way are waited for, and at most a
    /// part of the time that their flush takes, so that it costs little when nobody comes.
    /// </summary>
    private void AwaitMore()
    {
        TimeSpan patience = _lastDuration / 4 < LongestGathering ? _lastDuration / 4 : LongestGathering;
        long start = Stopwatch.GetTimestamp();
        int expected = _lastCount + _leftCount;
        while (IsFewer(expected) && Stopwatch.GetElapsedTime(start) < patience)
        {
            Thread.Yield();
        }
    }

    private bool IsFewer(int expected)
    {
        lock (_gate)
        {
            return _gathering.Count > 0 && _gathering.Count < expected && !_isEnding && !_target.Disk.IsWriteCacheOn;
        }
    }

    /// <summary>Waits until there is something; false when that is the end.</summary>
    private bool AwaitFirst()
    {
        lock (_gate)
        {
            _leftCount = _gathering.Count;
            while (_gathering.Count == 0 || _isBusy)
            {
                if (_isEnding && !_isBusy)
                {
                    _hasEnded = true;
                    Monitor.PulseAll(_gate);
                    return false;
                }

                Monitor.Wait(_gate);
            }

            return true;
        }
    }

    /// <summary>Takes what is there; null if somebody else did so in between.</summary>
    private WriteGroup? TakeGroup()
    {
        lock (_gate)
        {
            return _gathering.Count > 0 && !_isBusy ? Take() : null;
        }
    }

    /// <summary>Notes how the writes of a group ended, before they are answered.</summary>
    private void Note(WriteGroup group)
    {
        lock (_gate)
        {
            foreach (ref readonly WriteEntry entry in group.Entries)
            {
                if (entry.Ticket != 0)
                {
                    _recent.Complete(entry.Ticket, entry.Failure.IsNone);
                }
            }
        }
    }
}
