using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Voe.Server.Aoe;

/// <summary>
/// Which target is found at which address. Safe from many threads; a reader sees the table as it was at one moment.
/// </summary>
internal sealed class AoeTargetTable
{
    private ImmutableArray<AoeTarget> _targets = []; // in the order of addresses

    /// <summary>All targets, in the order of their addresses.</summary>
    public ImmutableArray<AoeTarget> All => ImmutableInterlocked.InterlockedCompareExchange(ref _targets, default, default);

    /// <summary>Adds a target; false when its address is taken.</summary>
    public bool TryAdd(AoeTarget target) => ImmutableInterlocked.Update(
        ref _targets,
        static (targets, added) => targets.Any(other => other.Address == added.Address)
            ? targets
            : [.. targets.Append(added).OrderBy(other => other.Address)],
        target);

    /// <summary>Takes a target out; the caller stops it. False when there is none at that address.</summary>
    public bool TryRemove(AoeAddress address, [NotNullWhen(true)] out AoeTarget? target)
    {
        while (TryFind(address, out target))
        {
            AoeTarget found = target;
            if (ImmutableInterlocked.Update(ref _targets, static (targets, removed) => targets.Remove(removed), found))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Finds the target at an address.</summary>
    public bool TryFind(AoeAddress address, [NotNullWhen(true)] out AoeTarget? target)
    {
        ImmutableArray<AoeTarget> targets = All;
        int at = IndexOf(targets, address);
        target = at >= 0 ? targets[at] : null;
        return target is not null;
    }

    /// <summary>Where in a table's targets the one at an address is; -1 if there is none.</summary>
    public static int IndexOf(ImmutableArray<AoeTarget> targets, AoeAddress address)
    {
        int low = 0;
        for (int high = targets.Length - 1; low <= high;)
        {
            int middle = (low + high) / 2;
            int order = targets[middle].Address.CompareTo(address);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}
