using System.Globalization;
using Voe.Store.IO;

namespace Voe.Store.Packs;

/// <summary>
/// The packs of a store, one file each in one directory. Hands out files for reading, of which a bounded number stays
/// open; files that are being written stay open until they are sealed. Safe from many threads.
/// </summary>
/// <remarks>
/// Invariants: a pack's number is its file's name; numbers begin at 1, grow by one, and are not used again after
/// anything in the pack was durable. A file that is leased is not closed.
/// </remarks>
internal sealed class PackSet : IDisposable
{
    private const string Extension = ".pack";
    private readonly IStorageDirectory _directory;
    private readonly int _maxOpenFiles;
    private readonly bool _isForScan;
    private readonly Lock _filesLock = new();
    private readonly Dictionary<uint, OpenFile> _files = []; // guarded by _filesLock
    private long _clock; // guarded by _filesLock; orders uses
    private bool _isDisposed; // guarded by _filesLock

    /// <summary>
    /// The packs in <paramref name="directory"/>, at most <paramref name="maxOpenFiles"/> of them open for reading; past the page
    /// cache when they are to be read through.
    /// </summary>
    public PackSet(IStorageDirectory directory, int maxOpenFiles, bool isForScan = false)
    {
        _directory = directory;
        _maxOpenFiles = maxOpenFiles;
        _isForScan = isForScan;
    }

    /// <summary>Name of a pack's file.</summary>
    public static string FileName(uint id) => id.ToString("d10", CultureInfo.InvariantCulture) + Extension;

    /// <summary>The number of the pack whose file has that name; false when it is no pack's.</summary>
    public static bool TryParseName(string name, out uint id)
    {
        id = 0;
        return name.EndsWith(Extension, StringComparison.Ordinal)
            && uint.TryParse(name.AsSpan()[..^Extension.Length], NumberStyles.None, CultureInfo.InvariantCulture, out id)
            && string.Equals(FileName(id), name, StringComparison.Ordinal);
    }

    /// <summary>The numbers of all packs, ascending.</summary>
    public List<uint> ListIds()
    {
        var ids = new List<uint>();
        foreach (string name in _directory.ListFiles())
        {
            if (TryParseName(name, out uint id))
            {
                ids.Add(id);
            }
        }

        ids.Sort();
        return ids;
    }

    /// <summary>Makes the names of packs made or deleted so far durable.</summary>
    public void SyncNames() => _directory.Sync();

    /// <summary>
    /// Makes the file of a new pack and keeps it open until <see cref="EndWriting"/>. Its name is durable after
    /// <see cref="SyncNames"/>.
    /// </summary>
    public IStorageFile Create(uint id) => Keep(id, _directory.CreateFile(FileName(id)));

    /// <summary>Opens the file of an existing pack for writing and keeps it open until <see cref="EndWriting"/>.</summary>
    public IStorageFile OpenForWriting(uint id)
    {
        lock (_filesLock)
        {
            if (_files.Remove(id, out OpenFile? readOnly))
            {
                Invariant.Require(readOnly is { LeaseCount: 0, IsKept: false }, "a pack that is opened for writing is not in use");
                readOnly.File.Dispose();
            }
        }

        return Keep(id, _directory.OpenFile(FileName(id), writable: true));
    }

    /// <summary>The pack is sealed: from now on its file is one of those that may be closed when others are wanted.</summary>
    public void EndWriting(uint id)
    {
        lock (_filesLock)
        {
            if (_files.TryGetValue(id, out OpenFile? file))
            {
                file.IsKept = false;
            }

            CloseSurplus();
        }
    }

    /// <summary>Closes and deletes the file of a pack. The name is gone durably after <see cref="SyncNames"/>.</summary>
    public void Delete(uint id)
    {
        lock (_filesLock)
        {
            if (_files.Remove(id, out OpenFile? file))
            {
                Invariant.Require(file.LeaseCount == 0, "a pack that is deleted is not being read");
                file.File.Dispose();
            }
        }

        _directory.DeleteFile(FileName(id));
    }

    /// <summary>A pack's file for reading; give it back by disposing of the lease.</summary>
    /// <exception cref="StoreIOException">There is no such pack, or it cannot be opened.</exception>
    public Lease Acquire(uint id)
    {
        lock (_filesLock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_files.TryGetValue(id, out OpenFile? file))
            {
                string name = FileName(id);
                file = new OpenFile(_isForScan ? _directory.OpenForScan(name) : _directory.OpenFile(name, writable: false));
                _files.Add(id, file);
                file.LeaseCount = 1; // so that it is not the one that makes room for itself
                CloseSurplus();
                file.LeaseCount = 0;
            }

            file.LeaseCount++;
            file.LastUse = ++_clock;
            return new Lease(this, file);
        }
    }

    /// <summary>Closes all files. No lease may be out.</summary>
    public void Dispose()
    {
        lock (_filesLock)
        {
            _isDisposed = true;
            foreach (OpenFile file in _files.Values)
            {
                file.File.Dispose();
            }

            _files.Clear();
        }
    }

    private IStorageFile Keep(uint id, IStorageFile file)
    {
        lock (_filesLock)
        {
            _files.Add(id, new OpenFile(file) { IsKept = true, LastUse = ++_clock });
        }

        return file;
    }

    private void CloseSurplus()
    {
        while (_files.Count > _maxOpenFiles)
        {
            uint oldest = 0;
            long oldestUse = long.MaxValue;
            foreach ((uint id, OpenFile file) in _files)
            {
                if (file is { LeaseCount: 0, IsKept: false } && file.LastUse < oldestUse)
                {
                    (oldest, oldestUse) = (id, file.LastUse);
                }
            }

            if (oldest == 0)
            {
                return; // all in use; they are few
            }

            _files.Remove(oldest, out OpenFile? surplus);
            surplus!.File.Dispose();
        }
    }

    /// <summary>A pack's file in use; dispose of it once.</summary>
    /// <param name="set">Where it comes from.</param>
    /// <param name="file">The file.</param>
    public readonly struct Lease(PackSet set, OpenFile file) : IDisposable
    {
        /// <summary>The file.</summary>
        public IStorageFile File => file.File;

        /// <summary>Gives it back.</summary>
        public void Dispose()
        {
            lock (set._filesLock)
            {
                file.LeaseCount--;
            }
        }
    }

    /// <summary>A file and who uses it.</summary>
    /// <param name="file">The file.</param>
    internal sealed class OpenFile(IStorageFile file)
    {
        /// <summary>The file.</summary>
        public IStorageFile File { get; } = file;

        /// <summary>Leases that are out.</summary>
        public int LeaseCount { get; set; }

        /// <summary>Whether it stays open whatever happens, since it is being written.</summary>
        public bool IsKept { get; set; }

        /// <summary>When it was last acquired.</summary>
        public long LastUse { get; set; }
    }
}
