namespace Voe.Store.Repair;

/// <summary>What a repair does about the log.</summary>
internal sealed class LogPlan
{
    /// <summary>The packs, by number. Those behind the end of the log are not among them.</summary>
    public List<PackPlan> Packs { get; } = [];

    /// <summary>Files of packs that must get another name, from and to; done by way of a third name.</summary>
    public List<(string From, string To)> Renames { get; } = [];

    /// <summary>What is known to have been durable.</summary>
    public ulong DurableLsn { get; set; }

    /// <summary>Whether the checkpoint of the index is a place of this log.</summary>
    public bool IsIndexOfLog { get; set; }

    /// <summary>Steps that are about no pack's content.</summary>
    public List<RepairStep> Steps { get; } = [];

    /// <summary>Everything, in the order of the log.</summary>
    public IEnumerable<RepairStep> AllSteps => Steps.Concat(Packs.SelectMany(static pack => pack.Steps));
}
