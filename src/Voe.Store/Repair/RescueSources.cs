using Voe.Store.IO;

namespace Voe.Store.Repair;

/// <summary>Where a repair looks for what is lost: other stores, and raw images. Owns the files.</summary>
internal sealed class RescueSources : IDisposable
{
    private readonly List<(Superblock Superblock, PackFiles Packs, string Path)> _stores = [];
    private readonly List<(IStorageFile File, string Path)> _images = [];

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _stores.Count == 0 && _images.Count == 0;

    /// <summary>The superblock of the one store among them, or null.</summary>
    public Superblock? OnlySuperblock => _stores.Count == 1 ? _stores[0].Superblock : null;

    /// <summary>Opens directories as stores and everything else as images.</summary>
    /// <exception cref="StoreException">One is missing, or a directory is no store.</exception>
    public static RescueSources Open(IEnumerable<string> paths)
    {
        var sources = new RescueSources();
        try
        {
            foreach (string path in paths)
            {
                if (Directory.Exists(path))
                {
                    sources.AddStore(LocalDirectory.Open(path, createIfMissing: false));
                }
                else
                {
                    string full = Path.GetFullPath(path);
                    LocalDirectory parent = LocalDirectory.Open(Path.GetDirectoryName(full) ?? "/", createIfMissing: false);
                    sources._images.Add((new RescueFile(parent.OpenFile(Path.GetFileName(full), writable: false)), full));
                }
            }

            return sources;
        }
        catch
        {
            sources.Dispose();
            throw;
        }
    }

    /// <summary>Adds the store in a directory; it may be damaged itself.</summary>
    public void AddStore(IStorageDirectory directory)
    {
        (Superblock superblock, _) = SuperblockRescue.Read(directory);
        PackFiles packs = PackFiles.Run(directory.OpenDirectory(StoreLayout.PacksDirectory), superblock.StoreId);
        _stores.Add((superblock, packs, directory.Path));
    }

    /// <summary>The packs of those stores that are copies of that one, so that whole batches can come from there.</summary>
    public List<PackFiles> CopiesOf(Guid storeId) =>
        _stores.FindAll(store => store.Superblock.StoreId == storeId).ConvertAll(static store => store.Packs);

    /// <summary>Looks for lost chunks everywhere.</summary>
    public void Search(ChunkRescue rescue, in Superblock superblock, Action<long, long> progress)
    {
        foreach ((Superblock other, PackFiles packs, string path) in _stores)
        {
            if (other.HashAlgorithm == superblock.HashAlgorithm)
            {
                rescue.SearchPacks(packs, other.StoreId, $"the store \"{path}\"");
            }
        }

        foreach ((IStorageFile file, string path) in _images)
        {
            rescue.SearchImage(file, $"the image \"{path}\"", progress);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _images.ForEach(static image => image.File.Dispose());
}
