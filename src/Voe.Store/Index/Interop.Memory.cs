using System.Runtime.InteropServices;

namespace Voe.Store.Index;

/// <summary>Advice to the kernel about memory. Source: the man page madvise(2).</summary>
internal static unsafe partial class MemoryAdvice
{
    private const int HugePages = 14;

    /// <summary>Asks for huge pages in place of small ones where the kernel has them. Its answer does not matter.</summary>
    public static void UseHugePages(void* address, nuint length)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(address, length, HugePages);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
