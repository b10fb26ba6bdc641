using Voe.Store.IO;

namespace Voe.Store.Tests.Log;

/// <summary>What a test wants to see of a directory and its files, and where it may hold a thread.</summary>
internal sealed class DiskHooks
{
    /// <summary>Before a file is created, with its name.</summary>
    public Action<string> Creating { get; set; } = static _ => { };

    /// <summary>Before a file is synced, with its name.</summary>
    public Action<string> Syncing { get; set; } = static _ => { };

    /// <summary>Before buffers are written together, with the last of them.</summary>
    public Action<ReadOnlyMemory<byte>> Gathering { get; set; } = static _ => { };

    /// <summary>After a file's length was set, with its name.</summary>
    public Action<string> LengthSet { get; set; } = static _ => { };
}

/// <summary>A directory that tells of what is done to it, and else is the one inside.</summary>
internal sealed class HookedDirectory(IStorageDirectory inner, DiskHooks hooks) : IStorageDirectory
{
    public string Path => inner.Path;

    public IStorageDirectory OpenDirectory(string name) => new HookedDirectory(inner.OpenDirectory(name), hooks);

    public IReadOnlyList<string> ListFiles() => inner.ListFiles();

    public bool FileExists(string name) => inner.FileExists(name);

    public bool DirectoryExists(string name) => inner.DirectoryExists(name);

    public IStorageFile CreateFile(string name)
    {
        hooks.Creating(name);
        return new HookedFile(inner.CreateFile(name), hooks);
    }

    public IStorageFile OpenFile(string name, bool writable) => new HookedFile(inner.OpenFile(name, writable), hooks);

    public IStorageFile OpenForScan(string name) => inner.OpenForScan(name);

    public void RenameFile(string name, string newName) => inner.RenameFile(name, newName);

    public void DeleteFile(string name) => inner.DeleteFile(name);

    public void Sync() => inner.Sync();

    public IDisposable Lock(string name, string holder) => inner.Lock(name, holder);

    private sealed class HookedFile(IStorageFile inner, DiskHooks hooks) : IStorageFile
    {
        public string Name => inner.Name;

        public long Length => inner.Length;

        public int Read(Span<byte> buffer, long offset) => inner.Read(buffer, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => inner.Write(bytes, offset);

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
        {
            hooks.Gathering(buffers[^1]);
            inner.Write(buffers, offset);
        }

        public void Reserve(long length) => inner.Reserve(length);

        public void SetLength(long length)
        {
            inner.SetLength(length);
            hooks.LengthSet(Name);
        }

        public void Prefetch(long offset, long length) => inner.Prefetch(offset, length);

        public void StartWriteback(long offset, long length) => inner.StartWriteback(offset, length);

        public void SyncData()
        {
            hooks.Syncing(Name);
            inner.SyncData();
        }

        public void DropCache() => inner.DropCache();

        public void Dispose() => inner.Dispose();
    }
}
