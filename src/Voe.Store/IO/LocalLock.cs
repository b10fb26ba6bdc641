using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <summary>
/// A lock file held by flock: the kernel gives it up with the process, however that ends, so none is ever stale. It
/// belongs to the open file, not to the process, and so keeps out a second opening by the same process as well.
/// </summary>
/// <remarks>The file is never deleted: a waiter could hold the deleted one while another locks its successor.</remarks>
internal static unsafe class LocalLock
{
    private const int LongestHolder = 1024;

    /// <summary>Takes the lock, and writes the holder's line into the file for others to read.</summary>
    /// <exception cref="StoreLockedException">Someone holds it; the message has their line.</exception>
    public static IDisposable Take(string path, string holder)
    {
        // A symbolic link is refused: the holder's line must not end up in another file.
        int flags = Libc.OpenReadWrite | Libc.OpenCreate | Libc.OpenCloseOnExec | Libc.OpenNoFollow;
        SafeFileHandle handle = LocalDirectory.OpenHandle(path, flags, "opening the lock");
        while (Libc.FLock(handle, Libc.LockExclusive | Libc.LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == Libc.EINTR)
            {
                continue;
            }

            StoreException exception = error == Libc.EWOULDBLOCK
                ? new StoreLockedException($"{path}: held by {ReadHolder(handle)}")
                : StorageErrors.FromErrno(error, "locking", path);
            handle.Dispose();
            throw exception;
        }

        WriteHolder(handle, holder);
        return handle;
    }

    private static string ReadHolder(SafeFileHandle handle)
    {
        byte* buffer = stackalloc byte[LongestHolder];
        nint count = Libc.PRead(handle, buffer, LongestHolder, 0);
        string holder = count > 0 ? Encoding.UTF8.GetString(buffer, (int)count).Trim() : "";
        return holder.Length > 0 ? holder : "a process that left no name";
    }

    private static void WriteHolder(SafeFileHandle handle, string holder)
    {
        byte[] line = Encoding.UTF8.GetBytes(holder + "\n");

        // The line only helps a message along. A full disk must not keep a store from being opened and read.
        fixed (byte* start = line)
        {
            _ = Libc.FTruncate(handle, 0);
            _ = Libc.PWrite(handle, start, (nuint)Math.Min(line.Length, LongestHolder), 0);
        }
    }
}
