using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <summary>
/// The system calls of Linux that the framework does not offer, or only with an allocation for each call. All return -1
/// (or an invalid handle) and set errno on failure, but <see cref="FAdvise"/>, which returns the error.
/// </summary>
/// <remarks>
/// Sources: the man pages open(2), pread(2), writev(2), fsync(2), fallocate(2), sync_file_range(2), flock(2),
/// posix_fadvise(2).
/// </remarks>
internal static unsafe partial class Libc
{
    internal const int EINTR = 4;
    internal const int EWOULDBLOCK = 11;
    internal const int EINVAL = 22;
    internal const int ENOSPC = 28;
    internal const int ENOSYS = 38;
    internal const int EOPNOTSUPP = 95;
    internal const int EDQUOT = 122;

    internal const int OpenReadOnly = 0x0;
    internal const int OpenReadWrite = 0x2;
    internal const int OpenCreate = 0x40;
    internal const int OpenExclusive = 0x80;
    internal const int OpenCloseOnExec = 0x80000;

    internal const int LockExclusive = 2;
    internal const int LockNonBlocking = 4;
    internal const uint SyncFileRangeWrite = 2;
    internal const int FAdviseWillNeed = 3;
    internal const int FAdviseDontNeed = 4;

    /// <summary>Mode 0600 of files that are created.</summary>
    internal const int FileMode = 0x180;

    /// <summary>Mode 0700 of directories that are created.</summary>
    internal const int DirectoryMode = 0x1C0;

    /// <summary>O_DIRECTORY, whose value arm64 has of its own.</summary>
    internal static readonly int OpenDirectory = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    /// <summary>O_NOFOLLOW, whose value arm64 has of its own.</summary>
    internal static readonly int OpenNoFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial SafeFileHandle Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MakeDirectory(string path, int mode);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Rename(string oldPath, string newPath);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint PRead(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint PWrite(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint PWriteV(SafeFileHandle file, IOVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int FTruncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    internal static partial int SyncFileRange(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    internal static partial int FAdvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    internal static partial int FLock(SafeFileHandle file, int operation);

    /// <summary>struct iovec: where bytes begin and how many there are.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IOVector
    {
        internal byte* Start;
        internal nuint Length;
    }
}
