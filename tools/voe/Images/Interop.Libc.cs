using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Tool.Images;

/// <summary>
/// The system calls on images that the framework does not offer: lseek(2) with holes, poll(2), posix_fadvise(2), statx(2), open(2)
/// of a directory.
/// </summary>
internal static unsafe partial class Libc
{
    internal const int SeekCurrent = 1;
    internal const int SeekEnd = 2;
    internal const int SeekData = 3;
    internal const int SeekHole = 4;
    internal const int ENXIO = 6;

    private const int EINTR = 4;
    private const int DontNeed = 4;
    private const short PollIn = 1;

    /// <summary>lseek: the new position, or -1.</summary>
    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeFileHandle file, long offset, int whence);

    /// <summary>Whether there is something to read, or the end, within that time.</summary>
    internal static bool WaitReadable(SafeFileHandle file, int timeoutMs)
    {
        var descriptor = new PollDescriptor { File = (int)file.DangerousGetHandle(), Events = PollIn };
        int count = Poll(&descriptor, 1, timeoutMs);
        return count switch
        {
            > 0 => true,
            < 0 when Marshal.GetLastPInvokeError() != EINTR => true, // reading says what is wrong
            _ => false,
        };
    }

    /// <summary>What is at a path; symbolic links are followed.</summary>
    internal static FileKind KindOf(string path)
    {
        const int CurrentDirectory = -100;
        const uint WantType = 1;
        const int ModeOffset = 28;
        byte* buffer = stackalloc byte[256];
        if (StatX(CurrentDirectory, path, 0, WantType, buffer) != 0)
        {
            return FileKind.Missing;
        }

        // S_IFMT and the kinds of inode(7).
        return (*(ushort*)(buffer + ModeOffset) & 0xF000) switch
        {
            0x8000 => FileKind.Regular,
            0x6000 => FileKind.BlockDevice,
            0x1000 or 0x2000 => FileKind.Pipe,
            _ => FileKind.Other,
        };
    }

    /// <summary>Drops a file that is on the disk from the page cache, so that reading it back reads the disk.</summary>
    internal static void DropFromCache(SafeFileHandle file) => _ = FAdvise(file, 0, 0, DontNeed);

    /// <summary>Makes the names in a directory durable.</summary>
    internal static void SyncDirectory(string path)
    {
        const int ReadOnlyCloseOnExec = 0x80000;
        using SafeFileHandle handle = Open(path, ReadOnlyCloseOnExec, 0);
        if (handle.IsInvalid)
        {
            throw new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }

        RandomAccess.FlushToDisk(handle);
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollDescriptor* descriptors, ulong count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int FAdvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int File;
        public short Events;
        public short Returned;
    }
}

/// <summary>What is at a path.</summary>
internal enum FileKind
{
    /// <summary>Nothing, or nothing that this user may see.</summary>
    Missing,

    /// <summary>A file.</summary>
    Regular,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A pipe, or a character device: written in order, never read back.</summary>
    Pipe,

    /// <summary>A directory, a socket.</summary>
    Other,
}
