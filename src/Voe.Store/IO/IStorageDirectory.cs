namespace Voe.Store.IO;

/// <summary>
/// A directory on some medium: together with <see cref="IStorageFile"/> the one seam between the engine and the disk.
/// The log and everything beside it (superblock, lock) go through here, so that a test can crash the store at any write.
/// Only RocksDB, whose content is derived, keeps its own files.
/// </summary>
/// <remarks>
/// <para>Durability: a created, renamed or deleted name is durable once <see cref="Sync"/> of its directory has returned;
/// a file's bytes once <see cref="IStorageFile.SyncData"/> has returned. Names are plain file names, never paths.</para>
/// <para>Errors: <see cref="StoreFullException"/> when the medium has no room, <see cref="StoreIOException"/> for
/// everything else that the medium refuses. Safe from many threads.</para>
/// </remarks>
public interface IStorageDirectory
{
    /// <summary>Where the directory is, in words for messages: a path, for a local one.</summary>
    string Path { get; }

    /// <summary>The sub-directory of that name, which is created (mode 0700) when missing.</summary>
    IStorageDirectory OpenDirectory(string name);

    /// <summary>Names of the files in the directory, in ordinal order; sub-directories are not listed.</summary>
    IReadOnlyList<string> ListFiles();

    /// <summary>Whether a file of that name exists.</summary>
    bool FileExists(string name);

    /// <summary>Whether a sub-directory of that name exists.</summary>
    bool DirectoryExists(string name);

    /// <summary>Creates a file (mode 0600) that must not exist yet.</summary>
    IStorageFile CreateFile(string name);

    /// <summary>Opens an existing file; <paramref name="writable"/> false opens it for reading alone.</summary>
    IStorageFile OpenFile(string name, bool writable);

    /// <summary>
    /// Opens an existing file for reading past whatever caches it, where the medium can: for a walk over much that others do not
    /// want, and that must not push out what they do.
    /// </summary>
    IStorageFile OpenForScan(string name);

    /// <summary>Renames a file of this directory, replacing <paramref name="newName"/> if it exists, atomically.</summary>
    void RenameFile(string name, string newName);

    /// <summary>Deletes a file; one that does not exist is not an error.</summary>
    void DeleteFile(string name);

    /// <summary>Makes the names in this directory durable (fsync of the directory).</summary>
    void Sync();

    /// <summary>
    /// Takes the lock of that name for this process. It ends with the returned object or with the process, whatever
    /// comes first. <paramref name="holder"/> is a line that tells others who holds it.
    /// </summary>
    /// <exception cref="StoreLockedException">Another process, or this one, holds it.</exception>
    IDisposable Lock(string name, string holder);
}
