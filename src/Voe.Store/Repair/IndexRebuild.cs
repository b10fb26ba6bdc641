using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>
/// Makes the index anew from the packs: beside the old one, which stays until the new one is complete and durable. A crash at any
/// step leaves the old one, the new one, or none, which the next start makes.
/// </summary>
public static class IndexRebuild
{
    /// <summary>Rebuilds the index of the store in a local directory that nobody has open.</summary>
    /// <param name="path">The store's directory.</param>
    /// <param name="options">Memory, and where progress is reported.</param>
    /// <exception cref="StoreLockedException">The store is in use.</exception>
    /// <exception cref="StoreFormatException">It is no store, or of a format that this program does not know.</exception>
    /// <exception cref="StoreDamagedException">The log is damaged: it must be repaired first. The old index stays.</exception>
    public static RecoveryReport Run(string path, StoreOptions options)
    {
        string indexPath = Path.Combine(Path.GetFullPath(path), StoreLayout.IndexDirectory);
        return Run(LocalDirectory.Open(path, createIfMissing: false), indexPath, options);
    }

    /// <summary>Rebuilds the index of the store in <paramref name="directory"/>.</summary>
    internal static RecoveryReport Run(IStorageDirectory directory, string indexPath, StoreOptions options)
    {
        if (!directory.FileExists(Superblock.FileName))
        {
            throw new StoreFormatException($"{directory.Path} holds no store: there is no file \"{Superblock.FileName}\"");
        }

        string holder = $"a rebuild of the index, process {Environment.ProcessId} on {Environment.MachineName}";
        using IDisposable storeLock = directory.Lock(StoreLayout.LockFile, holder);
        StoreLayout.RequireNoRepair(directory);
        var index = new IndexFiles(indexPath);
        index.DropLeftovers();

        // What the old index has was durable: a log that ends before is damaged, not torn.
        LogPosition checkpoint = index.PeekCheckpoint(out _, out _);
        IStorageDirectory packs = directory.OpenDirectory(StoreLayout.PacksDirectory);
        StoreEngine engine = StoreEngine.Open(
            packs, index.NewPath, Superblock.ReadFrom(directory), options with { KnownDurableLsn = checkpoint.LastLsn });
        RecoveryReport report = engine.Report;
        engine.Close();
        index.Replace();
        directory.Sync();
        return report;
    }
}
