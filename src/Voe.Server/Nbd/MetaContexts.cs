using Voe.Server.Exports;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>A run of bytes with one status in some context.</summary>
/// <param name="Length">Length in bytes, at least 1.</param>
/// <param name="Status">The status; its meaning is the context's.</param>
internal readonly record struct StatusExtent(long Length, ulong Status);

/// <summary>
/// A metadata context (proto.md, "Metadata querying"): one kind of fact about the bytes of an export. Safe from many threads.
/// </summary>
internal interface IMetaContext
{
    /// <summary>The full name: namespace, colon, leaf.</summary>
    string Name { get; }

    /// <summary>
    /// Describes the start of a range: fills <paramref name="extents"/> with consecutive extents from
    /// <paramref name="offset"/> on, none beyond the range, neighbours of different status, and returns how many. At least
    /// one; fewer than the whole range when the span is full or the search long. Statuses have 32 bits.
    /// </summary>
    /// <exception cref="Voe.Store.StoreException">As from the device.</exception>
    int GetStatus(IBlockDevice device, long offset, long length, Span<StatusExtent> extents);
}

/// <summary>Which contexts there are, and how clients ask for them. A further context is added to <see cref="Of"/> alone.</summary>
internal static class MetaContexts
{
    /// <summary>All contexts of an export.</summary>
    public static IReadOnlyList<IMetaContext> Of(Export export)
    {
        ArgumentNullException.ThrowIfNull(export);
        return [AllocationContext.Instance];
    }

    /// <summary>The contexts of an export that a query means.</summary>
    /// <param name="export">The export.</param>
    /// <param name="query">A name; when contexts are listed, also a namespace with its colon and no leaf, which means all of it.</param>
    /// <param name="isList">Whether contexts are listed; else they are chosen, and such a query means none.</param>
    public static IEnumerable<IMetaContext> Match(Export export, string query, bool isList)
    {
        bool isWildcard = isList && query.IndexOf(':', StringComparison.Ordinal) == query.Length - 1;
        return Of(export).Where(context => isWildcard
            ? context.Name.StartsWith(query, StringComparison.Ordinal)
            : string.Equals(context.Name, query, StringComparison.Ordinal));
    }
}

/// <summary>The context <c>base:allocation</c>: what is a hole, and so reads as zeroes.</summary>
internal sealed class AllocationContext : IMetaContext
{
    /// <summary>The one instance.</summary>
    public static readonly AllocationContext Instance = new();

    private const ulong Hole = 1;
    private const ulong Zero = 2;
    private const int ExtentsPerCall = 128;

    // So that one request, however long its range, takes a fraction of a second: see IBlockDevice.GetExtents.
    private const int MaxCalls = 16;

    private AllocationContext()
    {
    }

    /// <inheritdoc/>
    public string Name => "base:allocation";

    /// <inheritdoc/>
    public int GetStatus(IBlockDevice device, long offset, long length, Span<StatusExtent> extents)
    {
        Span<DeviceExtent> found = stackalloc DeviceExtent[ExtentsPerCall];
        long end = offset + length;
        int count = 0;
        for (int call = 0; call < MaxCalls && offset < end; call++)
        {
            int foundCount = device.GetExtents(offset, end - offset, found);
            foreach (DeviceExtent extent in found[..foundCount])
            {
                ulong status = extent.Kind == ExtentKind.Hole ? Hole | Zero : 0;
                if (count > 0 && extents[count - 1].Status == status)
                {
                    extents[count - 1] = extents[count - 1] with { Length = extents[count - 1].Length + extent.Length };
                }
                else if (count == extents.Length)
                {
                    return count;
                }
                else
                {
                    extents[count++] = new StatusExtent(extent.Length, status);
                }

                offset += extent.Length;
            }
        }

        return count;
    }
}
