using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Packs;

namespace Voe.Store.Verify;

/// <summary>A store's files as a verification finds them, which may not be all there.</summary>
internal static class StoreFiles
{
    /// <summary>Throws unless the directory holds a store, or what is left of one.</summary>
    /// <exception cref="StoreFormatException">It does not.</exception>
    public static void RequireStore(IStorageDirectory directory)
    {
        if (directory.FileExists(Superblock.FileName))
        {
            return;
        }

        using PackSet? packs = OpenPacks(directory, maxOpenFiles: 1);
        if (packs is null || packs.ListIds().Count == 0)
        {
            throw new StoreFormatException($"{directory.Path} holds no store: there is no file \"{Superblock.FileName}\"");
        }
    }

    /// <summary>The packs; null when there is no directory of them.</summary>
    public static PackSet? OpenPacks(IStorageDirectory directory, int maxOpenFiles) =>
        directory.DirectoryExists(StoreLayout.PacksDirectory)
            ? new PackSet(directory.OpenDirectory(StoreLayout.PacksDirectory), maxOpenFiles)
            : null;

    /// <summary>The superblock; when it is missing or damaged, that is a finding, and the packs' headers have the same values.</summary>
    /// <exception cref="StoreFormatException">It is of a format that this program does not know, or nothing says what it was.</exception>
    public static Superblock ReadSuperblock(IStorageDirectory directory, PackSet? packs, FindingList findings)
    {
        string reason = "there is no file \"superblock\"";
        if (directory.FileExists(Superblock.FileName))
        {
            byte[] bytes = new byte[Superblock.Size];
            using IStorageFile file = directory.OpenFile(Superblock.FileName, writable: false);
            int read = file.Read(bytes, 0);
            try
            {
                return Superblock.Read(bytes.AsSpan(0, read), $"{directory.Path}/{Superblock.FileName}");
            }
            catch (StoreFormatException e) when (!Superblock.IsWhole(bytes.AsSpan(0, read)))
            {
                reason = e.Message;
            }
        }

        if (packs is null || FindHeader(packs) is not { } header)
        {
            throw new StoreFormatException($"{reason}, and no pack has a header that says what it was");
        }

        findings.Add(FindingCode.SuperblockDamaged, 0, 0, $"{reason}; the header of pack {header.PackId} has the same values");
        return new Superblock(header.StoreId, header.HashAlgorithm, 0);
    }

    // The header that most of the first packs agree on; one of another store does not decide.
    private static PackHeader? FindHeader(PackSet packs)
    {
        const int Voters = 9;
        var headers = new List<PackHeader>();
        byte[] bytes = new byte[PackHeader.Size];
        foreach (uint id in packs.ListIds())
        {
            try
            {
                using PackSet.Lease lease = packs.Acquire(id);
                int read = lease.File.Read(bytes, 0);
                if (PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out _))
                {
                    headers.Add(header);
                }
            }
            catch (StoreIOException)
            {
                // Told when its turn comes.
            }

            if (headers.Count == Voters)
            {
                break;
            }
        }

        return headers.Count == 0 ? null : headers.GroupBy(static header => header.StoreId).MaxBy(static votes => votes.Count())!.First();
    }
}
