using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <summary>How a file or block device of this machine is opened.</summary>
internal readonly record struct HostFileMode
{
    /// <summary>Whether it is written to.</summary>
    public bool IsWritable { get; init; }

    /// <summary>Whether reads and writes go past the page cache (O_DIRECT).</summary>
    public bool IsDirect { get; init; }

    /// <summary>Whether a block device that is in use (mounted, part of a RAID) is refused (O_EXCL).</summary>
    public bool IsExclusive { get; init; }
}

/// <summary>
/// A file or block device of this machine, opened to be served as it is: positioned reads and writes of memory, holes,
/// syncs. Nothing here knows what a request is. Safe from many threads; an error of the system is a
/// <see cref="StoreException"/>.
/// </summary>
internal sealed unsafe class HostFile : IDisposable
{
    /// <summary>What direct reads and writes are aligned to where the kernel does not say what it wants.</summary>
    private const int SafeAlignment = 4096;

    private readonly SafeFileHandle _handle;

    private HostFile(SafeFileHandle handle, string path, bool isDirect)
    {
        _handle = handle;
        Path = path;
        Libc.FileFacts facts;
        if (Libc.Stat(handle, "", Libc.StatEmptyPath, Libc.StatMask, &facts) != 0)
        {
            throw StorageErrors.FromLastError("statx", path);
        }

        IsRegular = (facts.Mode & Libc.FileTypeMask) == Libc.FileTypeRegular;
        IsBlockDevice = (facts.Mode & Libc.FileTypeMask) == Libc.FileTypeBlock;
        Size = (long)facts.Size;
        LogicalBlockSize = PhysicalBlockSize = 1;
        if (IsBlockDevice)
        {
            DeviceNumber = string.Create(CultureInfo.InvariantCulture, $"{facts.DeviceMajor}:{facts.DeviceMinor}");
            ulong size;
            int logical;
            int physical;
            Control(Libc.BlockGetSize, &size, "BLKGETSIZE64");
            Control(Libc.BlockGetLogicalSize, &logical, "BLKSSZGET");
            Control(Libc.BlockGetPhysicalSize, &physical, "BLKPBSZGET");
            (Size, LogicalBlockSize, PhysicalBlockSize) = ((long)size, logical, physical);
        }

        if (isDirect)
        {
            bool isTold = (facts.Mask & Libc.StatDirectAlignment) != 0 && facts.DirectOffsetAlignment > 0;
            DirectAlignment = Math.Max(LogicalBlockSize, isTold ? (int)facts.DirectOffsetAlignment : SafeAlignment);
            MemoryAlignment = isTold ? (int)Math.Max(facts.DirectMemoryAlignment, sizeof(long)) : SafeAlignment;
            if (!BitOperations.IsPow2(DirectAlignment) || DirectAlignment > DirectBuffers.Size)
            {
                throw new StoreIOException($"{path}: direct access in blocks of {DirectAlignment} bytes is not possible");
            }
        }
    }

    /// <summary>Its path, for messages.</summary>
    public string Path { get; }

    /// <summary>Whether it is a regular file.</summary>
    public bool IsRegular { get; }

    /// <summary>Whether it is a block device.</summary>
    public bool IsBlockDevice { get; }

    /// <summary>MAJOR:MINOR of a block device, else empty.</summary>
    public string DeviceNumber { get; } = "";

    /// <summary>Its size in bytes when it was opened.</summary>
    public long Size { get; }

    /// <summary>The smallest unit of a block device in bytes; 1 for a file.</summary>
    public int LogicalBlockSize { get; }

    /// <summary>The unit of a block device that costs no reading before writing, in bytes; 1 for a file.</summary>
    public int PhysicalBlockSize { get; }

    /// <summary>With direct access, what offsets and lengths are multiples of; else 0.</summary>
    public int DirectAlignment { get; }

    /// <summary>With direct access, what addresses of memory are multiples of; else 0.</summary>
    public int MemoryAlignment { get; }

    /// <summary>Opens what is there.</summary>
    /// <exception cref="StoreIOException">There is nothing, or it cannot be opened so.</exception>
    public static HostFile Open(string path, HostFileMode mode) => Open(path, mode, extraFlags: 0, "opening");

    /// <summary>Creates a sparse file (mode 0600) of <paramref name="size"/> bytes, which must not exist yet. Durable on return.</summary>
    public static HostFile Create(string path, long size, HostFileMode mode)
    {
        // Without direct access yet: a file system that refuses it would have made the file all the same.
        HostFile file = Open(path, mode with { IsDirect = false }, Libc.OpenCreate | Libc.OpenExclusive, "creating");
        try
        {
            if (Libc.FTruncate(file._handle, size) != 0)
            {
                throw StorageErrors.FromLastError($"setting the length to {size} bytes", path);
            }

            file.Sync(dataOnly: false);
            LocalDirectory.SyncDirectory(System.IO.Path.GetDirectoryName(path)!);

            // Opened a second time, so that what is known of it is what it has become.
            return Open(path, mode);
        }
        catch
        {
            _ = Libc.Unlink(path);
            throw;
        }
        finally
        {
            file.Dispose();
        }
    }

    /// <summary>Takes the lock that keeps other openers away which take it too (flock); readers may share it.</summary>
    /// <exception cref="StoreLockedException">Somebody holds it.</exception>
    public void Lock(bool isShared)
    {
        int operation = (isShared ? Libc.LockShared : Libc.LockExclusive) | Libc.LockNonBlocking;
        while (Libc.FLock(_handle, operation) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != Libc.EINTR)
            {
                throw error == Libc.EWOULDBLOCK
                    ? new StoreLockedException($"{Path}: another program, or another export of this one, has it open and locked")
                    : StorageErrors.FromErrno(error, "locking", Path);
            }
        }
    }

    /// <summary>Fills the memory; an end before that is an error.</summary>
    public void Read(byte* start, int length, long offset)
    {
        for (int done = 0; done < length;)
        {
            nint count = Libc.PRead(_handle, start + done, (nuint)(length - done), offset + done);
            if (count == 0)
            {
                throw new StoreIOException($"{Path}: read of {length} bytes at offset {offset}: it ends at {offset + done}; "
                    + $"it had {Size} bytes when it was opened");
            }

            done += Checked(count, "read", length, offset);
        }
    }

    /// <summary>Writes the memory.</summary>
    public void Write(byte* start, int length, long offset)
    {
        for (int done = 0; done < length;)
        {
            done += Checked(Libc.PWrite(_handle, start + done, (nuint)(length - done), offset + done), "write", length, offset);
        }
    }

    /// <summary>Writes the memory of all vectors, one after another, and uses the vectors up.</summary>
    public void Write(Libc.IOVector* vectors, int count, int length, long offset)
    {
        int vector = 0;
        for (int done = 0; done < length;)
        {
            nint result = Libc.PWriteV(_handle, vectors + vector, count - vector, offset + done);
            int accepted = Checked(result, "write", length, offset);
            vector = LocalFile.Advance(vectors, vector, count, (nuint)accepted);
            done += accepted;
        }
    }

    /// <summary>Fills the memory if that needs no waiting for the medium; false when it does, or cannot be told.</summary>
    public bool TryReadCached(byte* start, int length, long offset)
    {
        var vector = new Libc.IOVector { Start = start, Length = (nuint)length };
        return Libc.PReadV2(_handle, &vector, 1, offset, Libc.NoWait) == length;
    }

    /// <summary>Makes what was written durable (fdatasync).</summary>
    public void SyncData() => Sync(dataOnly: true);

    /// <summary>Drops what the page cache holds of it, but for what is not written back yet.</summary>
    public void DropCache() => _ = Libc.FAdvise(_handle, 0, 0, Libc.FAdviseDontNeed);

    /// <summary>Begins to read the range into the page cache, without waiting.</summary>
    public void Prefetch(long offset, long length) => _ = Libc.FAdvise(_handle, offset, length, Libc.FAdviseWillNeed);

    /// <summary>Gives up the range, so that it reads as zeroes; false when the file system or device cannot do that quickly.</summary>
    public bool TryPunchHole(long offset, long length) => TryAllocate(Libc.AllocatePunchHole | Libc.AllocateKeepSize, offset, length);

    /// <summary>Makes the range read as zeroes and keeps its room reserved; false when that cannot be done quickly.</summary>
    public bool TryZeroRange(long offset, long length) =>
        TryAllocate(Libc.AllocateZeroRange | Libc.AllocateKeepSize, offset, length)
        || (IsRegular && TryPunchHole(offset, length) && TryAllocate(Libc.AllocateKeepSize, offset, length));

    /// <summary>Where data begins at <paramref name="offset"/> or later; -1 when there is a hole up to the end.</summary>
    public long FindData(long offset)
    {
        long data = Libc.Seek(_handle, offset, Libc.SeekToData);
        return data >= 0 || Marshal.GetLastPInvokeError() == Libc.ENXIO ? data : throw StorageErrors.FromLastError("SEEK_DATA", Path);
    }

    /// <summary>Where a hole begins at <paramref name="offset"/> or later; the end of the file counts as one.</summary>
    public long FindHole(long offset)
    {
        long hole = Libc.Seek(_handle, offset, Libc.SeekToHole);
        return hole >= 0 ? hole : throw StorageErrors.FromLastError("SEEK_HOLE", Path);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static HostFile Open(string path, HostFileMode mode, int extraFlags, string operation)
    {
        // Without O_NONBLOCK opening a pipe, which is refused later, would wait for its other end.
        int flags = (mode.IsWritable ? Libc.OpenReadWrite : Libc.OpenReadOnly) | Libc.OpenCloseOnExec | Libc.OpenNonBlocking
            | (mode.IsDirect ? Libc.OpenDirect : 0) | (mode.IsExclusive ? Libc.OpenExclusive : 0) | extraFlags;
        SafeFileHandle handle;
        try
        {
            handle = LocalDirectory.OpenHandle(path, flags, operation);
        }
        catch (StoreIOException failure) when (mode.IsDirect || mode.IsExclusive)
        {
            int error = Marshal.GetLastPInvokeError();
            string reason = error switch
            {
                Libc.EINVAL => "; does its file system know direct access (O_DIRECT)?",
                Libc.EBUSY => "; is it mounted, or a part of something else?",
                _ => "",
            };
            throw new StoreIOException(failure.Message + reason, failure);
        }

        try
        {
            return new HostFile(handle, path, mode.IsDirect);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private void Sync(bool dataOnly)
    {
        while ((dataOnly ? Libc.FDataSync(_handle) : Libc.FSync(_handle)) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw StorageErrors.FromLastError(dataOnly ? "fdatasync" : "fsync", Path);
            }
        }
    }

    private bool TryAllocate(int mode, long offset, long length)
    {
        while (Libc.FAllocate(_handle, mode, offset, length) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case Libc.EINTR:
                    continue;
                case Libc.EOPNOTSUPP or Libc.ENOSYS:
                    return false;
                default:
                    throw StorageErrors.FromLastError($"zeroing of {length} bytes at offset {offset}", Path);
            }
        }

        return true;
    }

    /// <summary>How many bytes a read or write of some has done: none when a signal came first.</summary>
    private int Checked(nint result, string operation, int length, long offset)
    {
        if (result > 0)
        {
            return (int)result;
        }

        if (result == 0)
        {
            throw new StoreIOException($"{Path}: {operation} of {length} bytes at offset {offset}: the medium takes no more, "
                + "and gives no reason");
        }

        return Marshal.GetLastPInvokeError() == Libc.EINTR
            ? 0
            : throw StorageErrors.FromLastError($"{operation} of {length} bytes at offset {offset}", Path);
    }

    private void Control(nuint request, void* argument, string name)
    {
        if (Libc.Control(_handle, request, argument) != 0)
        {
            throw StorageErrors.FromLastError(name, Path);
        }
    }
}
