using Voe.Store;
using Voe.Store.IO;

namespace Voe.Testing;

/// <summary>An open handle on a file of a <see cref="SimulatedDisk"/>; it stays usable when the file's name is gone.</summary>
internal sealed class SimulatedFile : IStorageFile
{
    private readonly SimulatedDisk _disk;
    private readonly SimulatedInode _inode;
    private readonly string _path;
    private readonly bool _isWritable;
    private bool _isDisposed;

    internal SimulatedFile(SimulatedDisk disk, SimulatedInode inode, string name, string path, bool isWritable)
    {
        _disk = disk;
        _inode = inode;
        _path = path;
        _isWritable = isWritable;
        Name = name;
        _disk.CountHandle(1);
    }

    public string Name { get; }

    public long Length
    {
        get
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _disk.Observe(() => _inode.Length);
        }
    }

    public int Read(Span<byte> buffer, long offset)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return _disk.Read(_inode, buffer, offset, _path);
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        RequireWritable();
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        _disk.Write(_inode, bytes, offset, _path);
    }

    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
    {
        var bytes = new byte[buffers.Sum(buffer => buffer.Length)];
        int done = 0;
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            buffer.CopyTo(bytes.AsMemory(done));
            done += buffer.Length;
        }

        Write(bytes, offset);
    }

    public void Reserve(long length)
    {
        RequireWritable();
        _disk.Reserve(_inode, length, _path);
    }

    public void SetLength(long length)
    {
        RequireWritable();
        _disk.Mutate(() => _inode.SetLength(length), "set length", _path);
    }

    public void Prefetch(long offset, long length) => _disk.Observe(() => _inode.Length);

    public void StartWriteback(long offset, long length) => _disk.Observe(() => _inode.Length);

    public void SyncData()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _disk.Sync(_inode.Sync, _inode.FailSync, _path);
    }

    public void DropCache() => _disk.Observe(() =>
    {
        _inode.DropCache();
        return true;
    });

    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _disk.CountHandle(-1);
        }
    }

    private void RequireWritable()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (!_isWritable)
        {
            throw new StoreIOException($"{_path}: the file is open for reading alone");
        }
    }
}
