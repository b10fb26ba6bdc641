using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Voe.Server.Exports;

/// <summary>
/// Which device clients find under which name. Safe from many threads; a reader sees the table as it was at one moment.
/// A connection keeps the export that it chose, also when the table changes later.
/// </summary>
internal sealed class ExportTable
{
    private ImmutableSortedDictionary<string, Export> _exports = ImmutableSortedDictionary.Create<string, Export>(StringComparer.Ordinal);

    /// <summary>All exports, by name in ordinal order.</summary>
    public IReadOnlyList<Export> All => [.. Volatile.Read(ref _exports).Values];

    /// <summary>How many exports there are.</summary>
    public int Count => Volatile.Read(ref _exports).Count;

    /// <summary>Adds an export; false when the name is taken.</summary>
    public bool TryAdd(Export export) => ImmutableInterlocked.Update(
        ref _exports, static (exports, added) => exports.ContainsKey(added.Name) ? exports : exports.Add(added.Name, added), export);

    /// <summary>Removes an export; false when there is none of that name.</summary>
    public bool TryRemove(string name) =>
        ImmutableInterlocked.Update(ref _exports, static (exports, removed) => exports.Remove(removed), name);

    /// <summary>Puts an export in the place of the one of that name, at one moment; the names may differ.</summary>
    public void Replace(string name, Export export) => ImmutableInterlocked.Update(
        ref _exports, static (exports, change) => exports.Remove(change.name).SetItem(change.export.Name, change.export), (name, export));

    /// <summary>Finds an export. The empty name means the default export: the one that was marked so, else the only one.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out Export? export)
    {
        ImmutableSortedDictionary<string, Export> exports = Volatile.Read(ref _exports);
        if (name.Length == 0)
        {
            export = exports.Values.FirstOrDefault(candidate => candidate.IsDefault || exports.Count == 1);
            return export is not null;
        }

        return exports.TryGetValue(name, out export);
    }
}
