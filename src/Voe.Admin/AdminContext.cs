using Voe.Admin.Targets;
using Voe.Store;

namespace Voe.Admin;

/// <summary>What the commands work on: a store, and the server that has it open, if it is one. Safe from many threads.</summary>
public sealed class AdminContext
{
    private readonly Lazy<TargetCatalog> _targets;
    private readonly HashSet<string> _imports = new(StringComparer.Ordinal); // guarded by ChangeLock

    /// <summary>Commands for an open store, which the caller closes when no command runs any more.</summary>
    /// <param name="store">The store.</param>
    /// <param name="path">Its directory.</param>
    /// <param name="options">How it was opened.</param>
    /// <param name="serving">The server that serves its volumes, or null.</param>
    /// <param name="targets">The AoE targets that it keeps; null reads them when they are asked for.</param>
    public AdminContext(
        VoeStore store, string path, StoreOptions options, IVolumeServing? serving, TargetCatalog? targets = null)
    {
        _targets = targets is null ? new Lazy<TargetCatalog>(() => new TargetCatalog(store)) : new Lazy<TargetCatalog>(targets);
        Store = store;
        Path = System.IO.Path.GetFullPath(path);
        Options = options;
        Serving = serving;
        Scrubs = new ScrubRecord(store);
    }

    /// <summary>The store.</summary>
    public VoeStore Store { get; }

    /// <summary>Its directory.</summary>
    public string Path { get; }

    /// <summary>How it was opened.</summary>
    public StoreOptions Options { get; }

    /// <summary>The server that serves its volumes, or null.</summary>
    public IVolumeServing? Serving { get; }

    /// <summary>The last scrub.</summary>
    public ScrubRecord Scrubs { get; }

    /// <summary>How fast a scrub reads that is not told otherwise, in bytes a second; 0 for no limit.</summary>
    public long ScrubBytesPerSecond { get; init; } = Voe.Store.Verify.ScrubOptions.DefaultBytesPerSecond;

    /// <summary>Told of each finding of a scrub; or null.</summary>
    public Action<Voe.Store.Verify.Finding>? ScrubFinding { get; init; }

    /// <summary>The AoE targets that it keeps.</summary>
    /// <exception cref="StoreException">Their file is damaged; asked again, it is thrown again.</exception>
    public TargetCatalog Targets => _targets.Value;

    /// <summary>
    /// Held while a volume is made, changed or deleted and the exports follow, so that both always agree; across the flush of
    /// the catalog as well. Taken before all locks of the store.
    /// </summary>
    internal Lock ChangeLock { get; } = new();

    /// <summary>Throws when nothing may be changed.</summary>
    internal void RequireWritable()
    {
        if (Serving is { IsReadOnly: true })
        {
            throw new AdminException(AdminErrorKind.ReadOnly, "the server was told to change nothing (--read-only)");
        }
    }

    /// <summary>Begins an import; one of a name at a time. Dispose the result when it has ended.</summary>
    internal IDisposable BeginImport(string name)
    {
        lock (ChangeLock)
        {
            return _imports.Add(name)
                ? new Claim(this, name)
                : throw new AdminException(AdminErrorKind.Exists, $"\"{name}\" is being imported already");
        }
    }

    private sealed class Claim(AdminContext context, string name) : IDisposable
    {
        public void Dispose()
        {
            lock (context.ChangeLock)
            {
                context._imports.Remove(name);
            }
        }
    }
}
