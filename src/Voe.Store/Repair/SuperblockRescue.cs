using System.Buffers.Binary;
using Voe.Store.IO;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>Reads a store's superblock, or makes it anew from the headers of the packs.</summary>
internal static class SuperblockRescue
{
    /// <summary>The superblock, and why it must be written anew, or empty.</summary>
    /// <param name="store">The store.</param>
    /// <param name="copy">The superblock of what may be a copy of the store, for when nothing of this one is left; or null.</param>
    /// <exception cref="StoreFormatException">There is no store, or one of a newer version.</exception>
    public static (Superblock Superblock, string Fault) Read(IStorageDirectory store, Superblock? copy = null)
    {
        string fault = $"there is no file \"{Superblock.FileName}\"";
        if (store.FileExists(Superblock.FileName))
        {
            using var file = new RescueFile(store.OpenFile(Superblock.FileName, writable: false));
            byte[] bytes = new byte[Superblock.Size];
            int read = file.Read(bytes, 0);
            if (Superblock.IsWhole(bytes.AsSpan(0, read)))
            {
                return (Superblock.Read(bytes, $"{store.Path}/{Superblock.FileName}"), "");
            }

            fault = "the superblock is damaged";
            if (read == bytes.Length && TryCorrect(bytes))
            {
                return (Superblock.Read(bytes, Superblock.FileName), $"{fault}; one bit of it is turned back");
            }
        }

        return FromPacks(store) is { } found
            ? (found, $"{fault}; its values come from the packs")
            : (copy ?? throw new StoreFormatException(
                $"{store.Path} holds no store that can be recognised: {fault}, and no pack has a whole header"),
                $"{fault}; its values come from the copy");
    }

    // What most packs say; when the store was made, no pack knows.
    private static Superblock? FromPacks(IStorageDirectory store)
    {
        IStorageDirectory packs = store.OpenDirectory(StoreLayout.PacksDirectory);
        Dictionary<Superblock, int> votes = [];
        byte[] bytes = new byte[PackHeader.Size];
        foreach (string name in packs.ListFiles())
        {
            using var file = new RescueFile(packs.OpenFile(name, writable: false));
            if (PackHeader.TryRead(bytes.AsSpan(0, file.Read(bytes, 0)), out PackHeader header, out _))
            {
                var candidate = new Superblock(header.StoreId, header.HashAlgorithm, 0);
                votes[candidate] = votes.GetValueOrDefault(candidate) + 1;
            }
        }

        return votes.Count > 0 ? votes.MaxBy(static vote => vote.Value).Key : null;
    }

    private static bool TryCorrect(byte[] bytes)
    {
        const int ChecksumOffset = Superblock.Size - sizeof(uint);
        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(ChecksumOffset));
        return FlippedBit.TryCorrect(bytes.AsSpan(0, ChecksumOffset), stored) && Superblock.IsWhole(bytes);
    }
}
