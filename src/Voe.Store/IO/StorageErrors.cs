using System.Runtime.InteropServices;

namespace Voe.Store.IO;

/// <summary>Turns the errors of the operating system into those of the store: the one table of it.</summary>
internal static class StorageErrors
{
    /// <summary>The exception for errno <paramref name="error"/> of an operation ("write of 4096 bytes at offset 0") on a path.</summary>
    public static StoreException FromErrno(int error, string operation, string path)
    {
        string message = $"{path}: {operation}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
        return error is Libc.ENOSPC or Libc.EDQUOT ? new StoreFullException(message) : new StoreIOException(message);
    }

    /// <summary>The exception for the errno that the last system call of this thread left behind.</summary>
    public static StoreException FromLastError(string operation, string path) =>
        FromErrno(Marshal.GetLastPInvokeError(), operation, path);

    /// <summary>The exception for one that the framework threw; its own HResult is the errno where it has no type of its own.</summary>
    public static StoreException FromFramework(Exception exception, string operation, string path)
    {
        string message = $"{path}: {operation}: {exception.Message}";
        return exception is IOException { HResult: Libc.ENOSPC or Libc.EDQUOT }
            ? new StoreFullException(message, exception)
            : new StoreIOException(message, exception);
    }

    /// <summary>Whether the framework throws this for what the medium refused, rather than for a bug.</summary>
    public static bool IsFrom(Exception exception) => exception is IOException or UnauthorizedAccessException;
}
