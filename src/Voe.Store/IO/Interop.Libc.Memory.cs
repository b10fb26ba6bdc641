using System.Runtime.InteropServices;

namespace Voe.Store.IO;

/// <content>Memory in pages. Sources: the man pages mmap(2), madvise(2).</content>
internal static unsafe partial class Libc
{
    internal const int ProtectionReadWrite = 3;
    internal const int MapPrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;
    internal const int AdviseHugePages = 14;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Map(void* address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    internal static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    internal static partial int Advise(void* address, nuint length, int advice);
}
