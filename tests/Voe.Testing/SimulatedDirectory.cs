using Voe.Store;
using Voe.Store.IO;

namespace Voe.Testing;

/// <summary>A handle on a directory of a <see cref="SimulatedDisk"/>.</summary>
internal sealed class SimulatedDirectory(SimulatedDisk disk, SimulatedDirectoryNode node, string path) : IStorageDirectory
{
    public string Path => path;

    public IStorageDirectory OpenDirectory(string name)
    {
        StorageNames.Require(name);
        if (!disk.Observe(() => node.Visible.Directories.ContainsKey(name)))
        {
            disk.Mutate(() => node.Change(new(null, name, null, new SimulatedDirectoryNode())), "make directory", PathOf(name));
        }

        return new SimulatedDirectory(disk, disk.Observe(() => node.Visible.Directories[name]), PathOf(name));
    }

    public IReadOnlyList<string> ListFiles() => disk.Observe<IReadOnlyList<string>>(() => [.. node.Visible.Files.Keys]);

    public bool FileExists(string name)
    {
        StorageNames.Require(name);
        return disk.Observe(() => node.Visible.Files.ContainsKey(name));
    }

    public bool DirectoryExists(string name)
    {
        StorageNames.Require(name);
        return disk.Observe(() => node.Visible.Directories.ContainsKey(name));
    }

    public IStorageFile CreateFile(string name)
    {
        StorageNames.Require(name);
        var inode = new SimulatedInode();
        disk.Mutate(() =>
        {
            if (node.Visible.Files.ContainsKey(name))
            {
                throw new StoreIOException($"{PathOf(name)}: creating: the file exists");
            }

            node.Change(new(null, name, inode));
        }, "create", PathOf(name));
        return new SimulatedFile(disk, inode, name, PathOf(name), isWritable: true);
    }

    public IStorageFile OpenFile(string name, bool writable)
    {
        StorageNames.Require(name);
        SimulatedInode inode = disk.Observe(() => Find(name, "opening"));
        return new SimulatedFile(disk, inode, name, PathOf(name), writable);
    }

    public IStorageFile OpenForScan(string name) => OpenFile(name, writable: false);

    public void RenameFile(string name, string newName)
    {
        StorageNames.Require(name);
        StorageNames.Require(newName);
        disk.Mutate(() => node.Change(new(name, newName, Find(name, "renaming"))), "rename", PathOf(name));
    }

    public void DeleteFile(string name)
    {
        StorageNames.Require(name);
        disk.Mutate(() =>
        {
            if (node.Visible.Files.ContainsKey(name))
            {
                node.Change(new(name, null, null));
            }
        }, "delete", PathOf(name));
    }

    public void Sync() => disk.Sync(node.Sync, node.FailSync, path);

    public IDisposable Lock(string name, string holder)
    {
        StorageNames.Require(name);
        disk.Observe(() =>
        {
            if (!node.Locks.TryAdd(name, holder))
            {
                throw new StoreLockedException($"{PathOf(name)}: held by {node.Locks[name]}");
            }

            // As on a file system, the lock is a file; whether its name is durable is of no consequence.
            if (!node.Visible.Files.ContainsKey(name))
            {
                node.Change(new(null, name, new SimulatedInode()));
            }

            return true;
        });
        return new HeldLock(disk, node, name);
    }

    private SimulatedInode Find(string name, string operation) => node.Visible.Files.TryGetValue(name, out SimulatedInode? inode)
        ? inode
        : throw new StoreIOException($"{PathOf(name)}: {operation}: there is no such file");

    private string PathOf(string name) => path + "/" + name;

    private sealed class HeldLock(SimulatedDisk disk, SimulatedDirectoryNode node, string name) : IDisposable
    {
        private bool _isReleased;

        public void Dispose()
        {
            // A dead process has lost its locks already; another one may hold this one by now.
            if (!_isReleased && !disk.IsDead)
            {
                _isReleased = true;
                disk.Observe(() => node.Locks.Remove(name));
            }
        }
    }
}
