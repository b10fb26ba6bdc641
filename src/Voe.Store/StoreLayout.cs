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

    /// <summary>The file that is written to see whether a failed disk works again.</summary>
    public const string ProbeFile = "probe";
}
