namespace Voe.Testing;

/// <summary>What has happened to a store, from the mildest to the worst.</summary>
public enum CrashKind
{
    /// <summary>The process alone: nothing that was acknowledged may be lost.</summary>
    ProcessDied,

    /// <summary>A sync has failed: what was not flushed may be lost, and what is still seen may be lost later.</summary>
    MediumFailed,

    /// <summary>The power: what was not flushed may be lost, and what is still there is durable.</summary>
    PowerLost,
}

/// <summary>
/// The oracle for one client of a store: what every volume reads as now, and what each may read as after a crash.
/// </summary>
/// <remarks>
/// A store has one log, so after any crash it must hold what its first m changes made, all volumes together: m is the
/// count of those acknowledged, perhaps with the one in flight, when the process died (P1); and at least the count of
/// those flushed when the power failed (P2). Checking that is stronger than looking at each chunk for itself, and
/// implies that no chunk is torn (P3).
/// </remarks>
public sealed class ReferenceStore
{
    private readonly Dictionary<int, ReferenceVolume> _durable = [];
    private readonly List<StoreChange> _sinceDurable = [];
    private readonly Dictionary<int, ReferenceVolume> _volumes = [];
    private StoreChange? _inFlight;
    private CrashKind _crash = CrashKind.ProcessDied;

    /// <summary>The volumes as all acknowledged changes have made them, by the reference's own number.</summary>
    public IReadOnlyDictionary<int, ReferenceVolume> Volumes => _volumes;

    /// <summary>How many acknowledged changes are not known to be durable.</summary>
    public int UnflushedCount => _sinceDurable.Count;

    /// <summary>A change was given to the store; until it is acknowledged or refused, a crash may find it done or not.</summary>
    public void Begin(StoreChange change)
    {
        if (_inFlight is not null)
        {
            throw new InvalidOperationException("one change at a time");
        }

        _inFlight = change;
    }

    /// <summary>The change in flight has returned.</summary>
    public void Acknowledge()
    {
        StoreChange change = _inFlight ?? throw new InvalidOperationException("nothing is in flight");
        _inFlight = null;
        change.Apply(_volumes);
        _sinceDurable.Add(change);
        if (change.IsDurable)
        {
            Flushed();
        }
    }

    /// <summary>Everything acknowledged so far is durable.</summary>
    public void Flushed()
    {
        foreach (StoreChange change in _sinceDurable)
        {
            change.Apply(_durable);
        }

        _sinceDurable.Clear();
    }

    /// <summary>Something has happened to the store; of several such things the worst counts.</summary>
    public void Crash(CrashKind kind) => _crash = kind > _crash ? kind : _crash;

    /// <summary>
    /// Compares what the store reads as after a crash, or after it has refused the change in flight, with what it may, and
    /// takes it for the truth from then on.
    /// </summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Recover(IReadOnlyList<ReferenceVolume> actual)
    {
        List<StoreChange> log = [.. _sinceDurable];
        int acknowledged = log.Count;
        if (_inFlight is not null)
        {
            log.Add(_inFlight);
        }

        Dictionary<int, ReferenceVolume> state = Copy(_durable);
        int least = _crash == CrashKind.ProcessDied ? acknowledged : 0;
        string? difference = null;
        for (int m = 0; m <= log.Count; m++)
        {
            if (m >= least)
            {
                string? found = Compare(state, actual);
                if (found is null)
                {
                    Adopt(state, log, m);
                    return null;
                }

                // The difference that tells most is that from the last acknowledged state.
                difference = m <= acknowledged ? found : difference;
                if (m < log.Count && IsSplit(state, log[m], actual))
                {
                    AdoptSplit(state, log, m, actual);
                    return null;
                }
            }

            if (m < log.Count)
            {
                log[m].Apply(state);
            }
        }

        return $"after {_crash} the store is in none of the allowed states: "
            + $"{acknowledged} changes acknowledged since the last flush, "
            + $"{(_inFlight is null ? "none" : _inFlight)} in flight; {difference}";
    }

    /// <summary>Compares what the store reads as with what it must. Returns what is wrong, or null.</summary>
    public string? Compare(IReadOnlyList<ReferenceVolume> actual) => Compare(_volumes, actual);

    private static string? Compare(Dictionary<int, ReferenceVolume> expected, IReadOnlyList<ReferenceVolume> actual)
    {
        if (expected.Count != actual.Count)
        {
            return $"expected volumes [{Names(expected.Values)}], found [{Names(actual)}]";
        }

        foreach (ReferenceVolume volume in expected.Values)
        {
            string? difference = Find(actual, volume.Name) is { } found ? volume.DifferenceFrom(found) : $"volume {volume.Name} is missing";
            if (difference is not null)
            {
                return difference;
            }
        }

        return null;
    }

    private static bool IsSplit(Dictionary<int, ReferenceVolume> state, StoreChange change, IReadOnlyList<ReferenceVolume> actual)
    {
        if (!change.MayBeSplit)
        {
            return false;
        }

        Dictionary<int, ReferenceVolume> next = Copy(state);
        change.Apply(next);
        return state.Count == actual.Count && state.All(volume =>
            Find(actual, volume.Value.Name) is { } found && volume.Value.IsMixWith(next[volume.Key], found));
    }

    private void AdoptSplit(Dictionary<int, ReferenceVolume> state, List<StoreChange> log, int m, IReadOnlyList<ReferenceVolume> actual)
    {
        int id = log[m].VolumeId;
        var partial = new StoreChange.Write(id, [(0, Find(actual, state[id].Name)!.Content.ToArray())]);
        partial.Apply(state);
        log[m] = partial;
        Adopt(state, log, m + 1);
    }

    /// <summary>The first m changes are what is there. After a loss of power all of it is durable, for it survived one.</summary>
    private void Adopt(Dictionary<int, ReferenceVolume> state, List<StoreChange> log, int m)
    {
        _sinceDurable.Clear();
        if (_crash == CrashKind.PowerLost)
        {
            Replace(_durable, state);
        }
        else
        {
            _sinceDurable.AddRange(log.Take(m));
        }

        Replace(_volumes, state);
        _inFlight = null;
        _crash = CrashKind.ProcessDied;
    }

    private static void Replace(Dictionary<int, ReferenceVolume> target, Dictionary<int, ReferenceVolume> source)
    {
        target.Clear();
        foreach ((int id, ReferenceVolume volume) in source)
        {
            target.Add(id, volume.Clone());
        }
    }

    private static Dictionary<int, ReferenceVolume> Copy(Dictionary<int, ReferenceVolume> volumes) =>
        volumes.ToDictionary(volume => volume.Key, volume => volume.Value.Clone());

    private static ReferenceVolume? Find(IReadOnlyList<ReferenceVolume> volumes, string name) =>
        volumes.FirstOrDefault(volume => string.Equals(volume.Name, name, StringComparison.Ordinal));

    private static string Names(IEnumerable<ReferenceVolume> volumes) =>
        string.Join(", ", volumes.Select(volume => volume.Name).Order(StringComparer.Ordinal));
}
