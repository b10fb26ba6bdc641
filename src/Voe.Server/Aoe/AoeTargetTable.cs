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
            : [.. targets.Append(added).OrderBy(other => (other.Address.Shelf, other.Address.Slot))],
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
        foreach (AoeTarget candidate in All)
        {
            if (candidate.Address == address)
            {
                target = candidate;
                return true;
            }
        }

        target = null;
        return false;
    }
}
