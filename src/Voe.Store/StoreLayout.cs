using Voe.Store.IO;

namespace Voe.Store;

/// <summary>Names in a store's directory; docs/format.md, "Directory". The superblock names itself.</summary>
internal static class StoreLayout
{
    /// <summary>The directory of the packs.</summary>
    public const string PacksDirectory = "packs";

    /// <summary>The directory of the index.</summary>
    public const string IndexDirectory = "index";

    /// <summary>The file that is locked while the store is open.</summary>
    public const string LockFile = "lock";

    /// <summary>The file that is there while a repair changes the store: whoever finds it repairs the store again first.</summary>
    public const string RepairFile = "repair";

    /// <summary>The file that is written to see whether a failed disk works again.</summary>
    public const string ProbeFile = "probe";

    /// <summary>Refuses a store of which a repair was begun and not finished.</summary>
    public static void RequireNoRepair(IStorageDirectory directory)
    {
        if (directory.FileExists(RepairFile))
        {
            throw new StoreDamagedException(
                $"{directory.Path}: a repair was begun and not finished: run 'voe-fsck repair' again, which goes on where it ended");
        }
    }
}
