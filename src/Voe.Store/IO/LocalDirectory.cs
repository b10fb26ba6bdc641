using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <summary>A directory of a local file system of Linux. Directories are made with mode 0700, files with 0600.</summary>
internal sealed class LocalDirectory : IStorageDirectory
{
    private LocalDirectory(string path) => Path = path;

    /// <inheritdoc/>
    public string Path { get; }

    /// <summary>
    /// Opens a directory; one that is missing is created, with those above it and with durable names, or else is an error.
    /// </summary>
    /// <exception cref="StoreIOException">It is missing, no directory, or not accessible.</exception>
    public static LocalDirectory Open(string path, bool createIfMissing)
    {
        string fullPath = System.IO.Path.GetFullPath(path);
        if (!Directory.Exists(fullPath))
        {
            if (!createIfMissing)
            {
                throw new StoreIOException($"{fullPath}: there is no such directory");
            }

            CreateDurably(fullPath);
        }

        return new LocalDirectory(fullPath);
    }

    /// <inheritdoc/>
    public IStorageDirectory OpenDirectory(string name)
    {
        string path = PathOf(name);
        if (!Directory.Exists(path))
        {
            Create(path);
        }

        return new LocalDirectory(path);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> ListFiles()
    {
        try
        {
            string[] names = Directory.GetFiles(Path);
            for (int i = 0; i < names.Length; i++)
            {
                names[i] = System.IO.Path.GetFileName(names[i]);
            }

            Array.Sort(names, StringComparer.Ordinal);
            return names;
        }
        catch (Exception exception) when (StorageErrors.IsFrom(exception))
        {
            throw StorageErrors.FromFramework(exception, "listing files", Path);
        }
    }

    /// <inheritdoc/>
    public bool FileExists(string name) => File.Exists(PathOf(name));

    /// <inheritdoc/>
    public bool DirectoryExists(string name) => Directory.Exists(PathOf(name));

    /// <inheritdoc/>
    public IStorageFile CreateFile(string name)
    {
        string path = PathOf(name);
        int flags = Libc.OpenReadWrite | Libc.OpenCreate | Libc.OpenExclusive | Libc.OpenCloseOnExec;
        return new LocalFile(OpenHandle(path, flags, "creating"), path, name);
    }

    /// <inheritdoc/>
    public IStorageFile OpenFile(string name, bool writable)
    {
        string path = PathOf(name);
        int access = writable ? Libc.OpenReadWrite : Libc.OpenReadOnly;
        return new LocalFile(OpenHandle(path, access | Libc.OpenCloseOnExec, "opening"), path, name);
    }

    /// <inheritdoc/>
    public IStorageFile OpenForScan(string name)
    {
        string path = PathOf(name);
        SafeFileHandle handle = Libc.Open(path, Libc.OpenReadOnly | Libc.OpenCloseOnExec | Libc.OpenDirect, 0);
        if (handle.IsInvalid)
        {
            // A file system that knows no direct access, or a real error, which comes again.
            handle.Dispose();
            return OpenFile(name, writable: false);
        }

        return new ScanFile(new LocalFile(handle, path, name));
    }

    /// <inheritdoc/>
    public void RenameFile(string name, string newName)
    {
        if (Libc.Rename(PathOf(name), PathOf(newName)) != 0)
        {
            throw StorageErrors.FromLastError($"renaming to {newName}", PathOf(name));
        }
    }

    /// <inheritdoc/>
    public void DeleteFile(string name)
    {
        const int NoSuchFile = 2;
        if (Libc.Unlink(PathOf(name)) != 0 && Marshal.GetLastPInvokeError() != NoSuchFile)
        {
            throw StorageErrors.FromLastError("deleting", PathOf(name));
        }
    }

    /// <inheritdoc/>
    public void Sync() => SyncDirectory(Path);

    /// <inheritdoc/>
    public IDisposable Lock(string name, string holder) => LocalLock.Take(PathOf(name), holder);

    /// <summary>open(2), again after a signal; throws on any other error. <paramref name="operation"/> is a word for the message.</summary>
    internal static SafeFileHandle OpenHandle(string path, int flags, string operation)
    {
        while (true)
        {
            SafeFileHandle handle = Libc.Open(path, flags, Libc.FileMode);
            if (!handle.IsInvalid)
            {
                return handle;
            }

            int error = Marshal.GetLastPInvokeError();
            handle.Dispose();
            if (error != Libc.EINTR)
            {
                throw StorageErrors.FromErrno(error, operation, path);
            }
        }
    }

    private static void CreateDurably(string path)
    {
        string parent = System.IO.Path.GetDirectoryName(path)
            ?? throw new StoreIOException($"{path}: the root directory is missing");
        if (!Directory.Exists(parent))
        {
            CreateDurably(parent);
        }

        Create(path);
        SyncDirectory(parent);
    }

    private static void Create(string path)
    {
        if (Libc.MakeDirectory(path, Libc.DirectoryMode) == 0)
        {
            return;
        }

        int error = Marshal.GetLastPInvokeError();
        if (!Directory.Exists(path))
        {
            // Not one that another process has created meanwhile.
            throw StorageErrors.FromErrno(error, "creating the directory", path);
        }
    }

    /// <summary>Makes the names in a directory durable.</summary>
    internal static void SyncDirectory(string path)
    {
        using SafeFileHandle handle = OpenHandle(
            path, Libc.OpenReadOnly | Libc.OpenDirectory | Libc.OpenCloseOnExec, "opening the directory");
        while (Libc.FSync(handle) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw StorageErrors.FromLastError("fsync of the directory", path);
            }
        }
    }

    /// <summary>The path of a name, which must be one: no separator, no step upwards.</summary>
    private string PathOf(string name)
    {
        StorageNames.Require(name);
        return System.IO.Path.Combine(Path, name);
    }
}
