using System.Runtime.InteropServices;

namespace Voe.Store.Index;

/// <summary>madvise(2): tells the kernel how memory will be used. Returns -1 where it cannot follow.</summary>
internal static unsafe partial class Madvise
{
    /// <summary>MADV_HUGEPAGE: this range is worth pages of 2 MiB.</summary>
    internal const int HugePages = 14;

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    internal static partial int Advise(void* address, nuint length, int advice);
}
