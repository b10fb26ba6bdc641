using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <content>
/// Files and block devices that are served as they are. Sources: the man pages open(2), fallocate(2), lseek(2), statx(2),
/// readv(2), ioctl(2); linux/fs.h and linux/stat.h.
/// </content>
internal static unsafe partial class Libc
{
    internal const int EBUSY = 16;
    internal const int ENXIO = 6;

    internal const int OpenNonBlocking = 0x800;
    internal const int LockShared = 1;

    internal const int AllocateKeepSize = 0x01;
    internal const int AllocatePunchHole = 0x02;
    internal const int AllocateZeroRange = 0x10;

    internal const int SeekToData = 3;
    internal const int SeekToHole = 4;

    /// <summary>BLKGETSIZE64: the size of a block device in bytes, as u64.</summary>
    internal const nuint BlockGetSize = 0x80081272;

    /// <summary>BLKSSZGET: the size of a logical block in bytes, as i32.</summary>
    internal const nuint BlockGetLogicalSize = 0x1268;

    /// <summary>BLKPBSZGET: the size of a physical block in bytes, as u32.</summary>
    internal const nuint BlockGetPhysicalSize = 0x127B;

    /// <summary>AT_EMPTY_PATH: the descriptor itself is asked for.</summary>
    internal const int StatEmptyPath = 0x1000;

    /// <summary>STATX_BASIC_STATS and STATX_DIOALIGN.</summary>
    internal const uint StatMask = 0x07FF | StatDirectAlignment;

    /// <summary>STATX_DIOALIGN: how direct reads and writes must be aligned.</summary>
    internal const uint StatDirectAlignment = 0x2000;

    internal const int FileTypeMask = 0xF000;
    internal const int FileTypeRegular = 0x8000;
    internal const int FileTypeBlock = 0x6000;

    /// <summary>O_DIRECT, whose value arm64 has of its own.</summary>
    internal static readonly int OpenDirect = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    /// <summary>RWF_NOWAIT: what is not in the page cache is not waited for.</summary>
    internal const int NoWait = 8;

    [LibraryImport("libc", EntryPoint = "preadv2", SetLastError = true)]
    internal static partial nint PReadV2(SafeFileHandle file, IOVector* vectors, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Stat(SafeFileHandle file, string path, int flags, uint mask, FileFacts* facts);

    /// <summary>struct statx, as far as it is used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct FileFacts
    {
        [FieldOffset(0)]
        internal uint Mask;

        [FieldOffset(28)]
        internal ushort Mode;

        [FieldOffset(40)]
        internal ulong Size;

        [FieldOffset(128)]
        internal uint DeviceMajor;

        [FieldOffset(132)]
        internal uint DeviceMinor;

        [FieldOffset(152)]
        internal uint DirectMemoryAlignment;

        [FieldOffset(156)]
        internal uint DirectOffsetAlignment;
    }
}
