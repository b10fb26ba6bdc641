namespace Voe.Tidy.Tests;

/// <summary>Which folder of src may know which: the arrows never turn, and what is not listed knows nothing.</summary>
internal static class Layers
{
    /// <summary>For each folder of the store, the folders whose types it may use.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Store = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["IO"] = [],
        ["Hashing"] = [],
        ["Devices"] = ["IO"],
        ["Packs"] = ["IO", "Hashing"],
        ["Log"] = ["Packs", "IO", "Hashing"],
        ["Index"] = ["IO", "Hashing"],
        ["Chunks"] = ["Log", "Index", "Packs", "IO", "Hashing"],
        ["Recovery"] = ["Log", "Index", "Packs", "IO", "Hashing"],
        ["Merkle"] = ["Chunks", "Hashing", "IO"],
        ["Volumes"] = ["Merkle", "Devices", "Chunks", "Log", "Index", "Hashing", "IO"],
        ["Snapshots"] = ["Merkle", "Devices", "Volumes", "Chunks", "Log", "Index", "Hashing", "IO"],
        ["Gc"] =
            ["Snapshots", "Volumes", "Merkle", "Chunks", "Log", "Index", "Packs", "Hashing", "IO"],
        ["Dump"] = ["Verify", "Merkle", "Chunks", "Recovery", "Log", "Packs", "Hashing", "IO"],
        ["Repair"] =
            ["Verify", "Snapshots", "Volumes", "Merkle", "Chunks", "Recovery", "Log", "Index", "Packs", "Hashing", "IO"],
        ["Verify"] =
            ["Snapshots", "Volumes", "Merkle", "Chunks", "Recovery", "Log", "Index", "Packs", "Hashing", "IO"],
    };

    /// <summary>Types that stand for a value in the formats, so that every layer may name them, wherever they live.</summary>
    public static readonly IReadOnlySet<string> ValuesOfTheFormats =
        new HashSet<string>(["ChunkCodec", "CompressionSetting"], StringComparer.Ordinal);

    /// <summary>For each folder of the server, the namespaces that it may use beside its own and <c>Voe.Store</c>.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Server = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["Nbd"] = ["Voe.Store.Devices", "Voe.Server.Exports", "Voe.Server.Metrics"],
        ["Aoe"] = ["Voe.Store.Devices", "Voe.Server.Exports", "Voe.Server.Metrics", "Voe.Server.Aoe.Ata"],
        ["Iscsi"] = ["Voe.Store.Devices", "Voe.Server.Exports", "Voe.Server.Metrics", "Voe.Server.Scsi"],
        ["Scsi"] = ["Voe.Store.Devices", "Voe.Server.Metrics"],
        ["Exports"] = ["Voe.Store.Devices"],
        ["Admin"] = ["Voe.Store.Devices", "Voe.Store.Volumes", "Voe.Server.Configuration", "Voe.Server.Exports", "Voe.Server.Hosting"],
    };

    /// <summary>What each file of the store knows and may not, as "path: knows Folder.Type".</summary>
    public static IEnumerable<string> StoreViolations(IReadOnlyList<SourceFile> files)
    {
        SourceFile[] store = [.. files.Where(file => file.Project == "Voe.Store" && file.Folder.Length > 0)];
        ILookup<string, string> types = store
            .SelectMany(file => file.DeclaredTypes.Select(type => (file.Folder, type)))
            .Distinct()
            .ToLookup(pair => pair.Folder, pair => pair.type, StringComparer.Ordinal);
        foreach (SourceFile file in store)
        {
            string[]? allowed = Store.GetValueOrDefault(file.Folder);
            if (allowed is null)
            {
                yield return $"{file.Path}: the folder {file.Folder} has no place among the layers";
                continue;
            }

            foreach (IGrouping<string, string> other in types.Where(other => other.Key != file.Folder && !allowed.Contains(other.Key)))
            {
                string @namespace = $"Voe.Store.{other.Key}";
                bool isInReach = file.Reaches(@namespace);
                IEnumerable<string> known = other.Where(type => !ValuesOfTheFormats.Contains(type) &&
                    ((isInReach && file.Mentions(type)) || file.Qualifies(@namespace, type)));
                foreach (string type in known)
                {
                    yield return $"{file.Path}: knows {other.Key}.{type}";
                }
            }
        }
    }

    /// <summary>What each file of the server's protocol folders knows and may not.</summary>
    public static IEnumerable<string> ServerViolations(IReadOnlyList<SourceFile> files)
    {
        string[] all = [.. Store.Keys.Select(folder => $"Voe.Store.{folder}"),
            .. files.Where(file => file.Project == "Voe.Server" && file.Folder.Length > 0)
                .Select(file => $"Voe.Server.{file.Folder}").Distinct(StringComparer.Ordinal)];
        foreach (SourceFile file in files.Where(file => file.Project == "Voe.Server" && Server.ContainsKey(file.Folder)))
        {
            string own = $"Voe.Server.{file.Folder}";
            foreach (string other in all.Where(other => other != own && !Server[file.Folder].Contains(other) && file.Reaches(other)))
            {
                yield return $"{file.Path}: knows {other}";
            }

            if (file.Mentions("VoeStore"))
            {
                yield return $"{file.Path}: knows VoeStore";
            }
        }
    }
}
