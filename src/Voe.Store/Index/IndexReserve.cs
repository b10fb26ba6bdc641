using Voe.Store.IO;

namespace Voe.Store.Index;

/// <summary>
/// Room set aside for the next opening of RocksDB, which writes some small files before it reads: without it a store whose
/// disk is full could not be opened, not even to read. One thread at a time.
/// </summary>
internal static class IndexReserve
{
    /// <summary>The file that takes the room; its content means nothing.</summary>
    public const string FileName = "reserve";

    // What RocksDB writes when it opens: a new manifest (some 300 bytes for each of its files), options, its own log.
    private const long Length = 4 << 20;

    /// <summary>Sets the room aside, unless it is; a disk that is full has it set aside at the next call.</summary>
    public static void Renew(LocalDirectory directory)
    {
        if (directory.FileExists(FileName))
        {
            return;
        }

        try
        {
            using IStorageFile file = directory.CreateFile(FileName);
            file.Reserve(Length);
        }
        catch (StoreFullException)
        {
            directory.DeleteFile(FileName);
        }
    }

    /// <summary>Gives the room back; false when there was none.</summary>
    public static bool Release(LocalDirectory directory)
    {
        bool exists = directory.FileExists(FileName);
        directory.DeleteFile(FileName);
        return exists;
    }
}
