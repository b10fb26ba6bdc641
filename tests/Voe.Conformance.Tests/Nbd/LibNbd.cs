using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// A connection of libnbd, the client library of qemu-nbd's and nbdkit's authors, with its asynchronous commands. Not thread-safe.
/// </summary>
/// <remarks>Source: libnbd(3), "Issuing asynchronous commands". The library is that of Debian's package libnbd0.</remarks>
internal sealed unsafe partial class LibNbd : IDisposable
{
    /// <summary>The command is answered only when what it changed is durable.</summary>
    public const uint Fua = 1;

    private const string Library = "libnbd.so.0";

    private readonly nint _handle;
    private readonly Dictionary<long, nint> _buffers = []; // the library reads them until the command is done

    private LibNbd(nint handle) => _handle = handle;

    /// <summary>Connects to an export.</summary>
    /// <param name="address">An NBD URI.</param>
    /// <exception cref="IOException">There is no connection; the message is the library's.</exception>
    public static LibNbd Connect(string address)
    {
        var connection = new LibNbd(nbd_create());
        if (nbd_connect_uri(connection._handle, address) < 0)
        {
            string reason = LastError();
            connection.Dispose();
            throw new IOException(reason);
        }

        return connection;
    }

    /// <summary>Skips the test, aloud, where the library is not installed.</summary>
    public static void SkipUnlessInstalled()
    {
        if (!NativeLibrary.TryLoad(Library, out _))
        {
            Assert.Skip($"{Library} is not installed");
        }
    }

    /// <summary>Begins a write; returns its cookie, 1 or more, or 0 when the connection has ended.</summary>
    public long BeginWrite(long offset, ReadOnlySpan<byte> data, uint flags)
    {
        nint buffer = (nint)NativeMemory.Alloc((nuint)data.Length);
        data.CopyTo(new Span<byte>((void*)buffer, data.Length));
        long cookie = nbd_aio_pwrite(_handle, buffer, (nuint)data.Length, (ulong)offset, default, flags);
        if (cookie < 1)
        {
            NativeMemory.Free((void*)buffer);
            return 0;
        }

        _buffers.Add(cookie, buffer);
        return cookie;
    }

    /// <summary>Begins a flush; returns as <see cref="BeginWrite"/>.</summary>
    public long BeginFlush() => Math.Max(nbd_aio_flush(_handle, default, 0), 0);

    /// <summary>Begins a trim; returns as <see cref="BeginWrite"/>.</summary>
    public long BeginTrim(long offset, long length, uint flags) =>
        Math.Max(nbd_aio_trim(_handle, (ulong)length, (ulong)offset, default, flags), 0);

    /// <summary>Begins to write zeroes; returns as <see cref="BeginWrite"/>.</summary>
    public long BeginZero(long offset, long length, uint flags) =>
        Math.Max(nbd_aio_zero(_handle, (ulong)length, (ulong)offset, default, flags), 0);

    /// <summary>Waits until some command has been answered.</summary>
    /// <param name="error">0, or the error (an errno of Linux) that the server gave it.</param>
    /// <returns>The command's cookie, or 0 when the connection has ended.</returns>
    public long WaitForAnswer(out int error)
    {
        error = 0;
        while (true)
        {
            long cookie = nbd_aio_peek_command_completed(_handle);
            if (cookie > 0 && nbd_aio_is_ready(_handle) + nbd_aio_is_processing(_handle) > 0)
            {
                error = nbd_aio_command_completed(_handle, (ulong)cookie) < 0 ? nbd_get_errno() : 0;
                Release(cookie);
                return cookie;
            }

            if (cookie > 0 || nbd_aio_is_dead(_handle) + nbd_aio_is_closed(_handle) > 0 || nbd_poll(_handle, -1) < 0)
            {
                // What had been answered before the end is told one by one; the rest fails with ENOTCONN.
                return Drain(out error);
            }
        }
    }

    /// <summary>Reads, and waits for it.</summary>
    /// <returns>0, or the error (an errno of Linux).</returns>
    public int Read(long offset, Span<byte> data)
    {
        fixed (byte* buffer = data)
        {
            return nbd_pread(_handle, (nint)buffer, (nuint)data.Length, (ulong)offset, 0) < 0 ? nbd_get_errno() : 0;
        }
    }

    /// <summary>Writes, and waits for it.</summary>
    /// <returns>0, or the error (an errno of Linux).</returns>
    public int Write(long offset, ReadOnlySpan<byte> data)
    {
        fixed (byte* buffer = data)
        {
            return nbd_pwrite(_handle, (nint)buffer, (nuint)data.Length, (ulong)offset, 0) < 0 ? nbd_get_errno() : 0;
        }
    }

    /// <summary>Flushes, and waits for it.</summary>
    /// <returns>0, or the error (an errno of Linux).</returns>
    public int Flush() => nbd_flush(_handle, 0) < 0 ? nbd_get_errno() : 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        nbd_close(_handle);
        foreach (nint buffer in _buffers.Values)
        {
            NativeMemory.Free((void*)buffer);
        }

        _buffers.Clear();
    }

    private long Drain(out int error)
    {
        const int NotConnected = 107;
        error = 0;
        for (long cookie = nbd_aio_peek_command_completed(_handle); cookie > 0; cookie = nbd_aio_peek_command_completed(_handle))
        {
            error = nbd_aio_command_completed(_handle, (ulong)cookie) < 0 ? nbd_get_errno() : 0;
            Release(cookie);
            if (error != NotConnected)
            {
                return cookie;
            }
        }

        return 0;
    }

    private void Release(long cookie)
    {
        if (_buffers.Remove(cookie, out nint buffer))
        {
            NativeMemory.Free((void*)buffer);
        }
    }

    private static string LastError() => Utf8StringMarshaller.ConvertToManaged((byte*)nbd_get_error()) ?? "libnbd says nothing";

    [LibraryImport(Library)]
    private static partial nint nbd_create();

    [LibraryImport(Library)]
    private static partial void nbd_close(nint handle);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int nbd_connect_uri(nint handle, string uri);

    [LibraryImport(Library)]
    private static partial nint nbd_get_error();

    [LibraryImport(Library)]
    private static partial int nbd_get_errno();

    [LibraryImport(Library)]
    private static partial int nbd_pread(nint handle, nint buffer, nuint count, ulong offset, uint flags);

    [LibraryImport(Library)]
    private static partial int nbd_pwrite(nint handle, nint buffer, nuint count, ulong offset, uint flags);

    [LibraryImport(Library)]
    private static partial int nbd_flush(nint handle, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_pwrite(
        nint handle, nint buffer, nuint count, ulong offset, CompletionCallback callback, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_flush(nint handle, CompletionCallback callback, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_trim(nint handle, ulong count, ulong offset, CompletionCallback callback, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_zero(nint handle, ulong count, ulong offset, CompletionCallback callback, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_peek_command_completed(nint handle);

    [LibraryImport(Library)]
    private static partial int nbd_aio_command_completed(nint handle, ulong cookie);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_ready(nint handle);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_processing(nint handle);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_dead(nint handle);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_closed(nint handle);

    [LibraryImport(Library)]
    private static partial int nbd_poll(nint handle, int timeout);

    /// <summary>nbd_completion_callback: none here, since answers are asked for.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct CompletionCallback(nint Callback, nint UserData, nint Free);
}
