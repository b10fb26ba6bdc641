namespace Voe.Store.Verify;

/// <summary>Collects findings. Safe from many threads; memory is bounded: of one code so many are kept, the rest is counted.</summary>
/// <param name="maxOfCode">How many of one code are kept.</param>
internal sealed class FindingList(int maxOfCode = FindingList.DefaultMaxOfCode)
{
    /// <summary>How many findings of one code are kept unless told otherwise.</summary>
    public const int DefaultMaxOfCode = 10_000;

    private readonly Lock _lock = new();
    private readonly List<Finding> _findings = []; // guarded by _lock
    private readonly Dictionary<FindingCode, int> _counts = []; // guarded by _lock

    /// <summary>Adds a finding.</summary>
    public void Add(FindingCode code, uint packId, long offset, string message) => Add(new Finding(code, packId, offset, message));

    /// <summary>Adds a finding.</summary>
    public void Add(Finding finding)
    {
        lock (_lock)
        {
            int count = _counts.GetValueOrDefault(finding.Code);
            _counts[finding.Code] = count + 1;
            if (count < maxOfCode)
            {
                _findings.Add(finding);
            }
        }
    }

    /// <summary>Whether there is a finding of that pack that satisfies the condition.</summary>
    public bool Exists(Predicate<Finding> condition)
    {
        lock (_lock)
        {
            return _findings.Exists(condition);
        }
    }

    /// <summary>Replaces findings, to say more of them.</summary>
    public void Replace(Func<Finding, Finding> replacement)
    {
        lock (_lock)
        {
            for (int i = 0; i < _findings.Count; i++)
            {
                _findings[i] = replacement(_findings[i]);
            }
        }
    }

    /// <summary>What was kept, by pack and offset, what is about the store first; and how many more there were.</summary>
    public (IReadOnlyList<Finding> Findings, long Omitted) ToResult()
    {
        lock (_lock)
        {
            long all = _counts.Values.Sum(static count => (long)count);
            return ([.. _findings.OrderBy(static finding => (finding.PackId, finding.Offset))], all - _findings.Count);
        }
    }
}
