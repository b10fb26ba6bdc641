using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>A file among the packs.</summary>
/// <param name="Source">Where it is.</param>
/// <param name="Length">Its length in bytes.</param>
internal sealed record SurveyedFile(PackSource Source, long Length);

/// <summary>
/// Which file of a packs directory holds which pack: what header, footer and batches say counts more than the name, since files
/// get mixed up when they are moved by hand.
/// </summary>
internal sealed class PackFiles
{
    private const string MovedSuffix = ".moved";

    /// <summary>The file of each pack, by number.</summary>
    public SortedDictionary<uint, SurveyedFile> Files { get; } = [];

    /// <summary>Files whose name is not the one that belongs to the pack, by pack.</summary>
    public SortedDictionary<uint, string> Misnamed { get; } = [];

    /// <summary>Files that are another store's, or a second one of a pack.</summary>
    public List<string> Strangers { get; } = [];

    /// <summary>Looks through a packs directory.</summary>
    public static PackFiles Run(IStorageDirectory directory, Guid storeId)
    {
        var survey = new PackFiles();
        List<(string Name, long Length, uint Named, uint? Claimed)> files = [];
        foreach (string name in directory.ListFiles())
        {
            string plainName = name.EndsWith(MovedSuffix, StringComparison.Ordinal) ? name[..^MovedSuffix.Length] : name;
            if (PackSet.TryParseName(plainName, out uint named))
            {
                using var file = new RescueFile(directory.OpenFile(name, writable: false));
                uint? claimed = Identify(file, named, storeId);
                files.Add((name, file.Length, ReferenceEquals(plainName, name) ? named : 0, claimed ?? named));
                if (claimed == 0)
                {
                    survey.Strangers.Add(name);
                }
            }
        }

        // Those whose name fits come first.
        foreach ((string name, long length, uint named, uint? claimed) in files.OrderBy(static file => file.Named != file.Claimed))
        {
            if (claimed is not { } id || id == 0)
            {
                continue;
            }

            if (!survey.Files.TryAdd(id, new SurveyedFile(new PackSource(directory, name), length)))
            {
                survey.Strangers.Add(name);
            }
            else if (named != id)
            {
                survey.Misnamed.Add(id, name);
            }
        }

        return survey;
    }

    /// <summary>
    /// Gives misnamed files their names and puts strangers aside. A crash at any step leaves what a survey understands.
    /// </summary>
    public void Rename(IStorageDirectory directory)
    {
        foreach (string name in Strangers)
        {
            directory.RenameFile(name, name + ".foreign");
        }

        foreach ((uint id, string name) in Misnamed)
        {
            if (!name.EndsWith(MovedSuffix, StringComparison.Ordinal))
            {
                directory.RenameFile(name, PackSet.FileName(id) + MovedSuffix);
            }
        }

        directory.Sync();
        foreach ((uint id, string name) in Misnamed)
        {
            string moved = name.EndsWith(MovedSuffix, StringComparison.Ordinal) ? name : PackSet.FileName(id) + MovedSuffix;
            directory.RenameFile(moved, PackSet.FileName(id));
        }

        directory.Sync();
    }

    // Which pack the file says that it is: null when it says nothing, 0 when it is another store's.
    private static uint? Identify(RescueFile file, uint named, Guid storeId)
    {
        byte[] bytes = new byte[PackHeader.Size + BatchHeader.Size];
        int read = file.Read(bytes, 0);
        if (PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out _))
        {
            return header.StoreId == storeId ? header.PackId : 0;
        }

        byte[] trailer = new byte[PackFooter.Size];
        if (file.Length > PackFooter.Size && file.Read(trailer, file.Length - PackFooter.Size) == trailer.Length
            && PackFooter.TryRead(trailer, out PackFooter footer, out _))
        {
            return footer.PackId;
        }

        return read == bytes.Length && BatchHeader.TryRead(bytes.AsSpan(PackHeader.Size), out BatchHeader batch, out _)
            && batch.Offset == PackHeader.Size ? batch.PackId : named;
    }
}
