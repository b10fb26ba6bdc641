using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Admin;

/// <summary>The one system call that the framework does not offer: to open a directory (open(2)).</summary>
internal static partial class Libc
{
    private const int CloseOnExec = 0x80000;
    private const int PathOnly = 0x200000;

    // O_DIRECTORY, whose value arm64 has of its own.
    private static readonly int DirectoryOnly = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;

    /// <summary>A descriptor that stands for a directory, for its path under /proc/self/fd.</summary>
    /// <exception cref="IOException">There is none.</exception>
    internal static SafeFileHandle OpenDirectory(string path)
    {
        SafeFileHandle handle = Open(path, PathOnly | DirectoryOnly | CloseOnExec, 0);
        if (!handle.IsInvalid)
        {
            return handle;
        }

        int error = Marshal.GetLastPInvokeError();
        handle.Dispose();
        throw new IOException($"opening the directory {path}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);
}
