using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Voe.Store;

namespace Voe.Admin.Protocol;

/// <summary>The socket in a store's directory: where it is, who may use it, what is left of one whose server was killed.</summary>
public static class AdminSocket
{
    /// <summary>Its name in the store's directory.</summary>
    public const string FileName = "admin.sock";

    // sun_path of sockaddr_un has 108 bytes, the terminating zero among them.
    private const int MaxPathBytes = 107;
    private const int Backlog = 16;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Listens in a store's directory, in place of what a dead server left there.</summary>
    /// <remarks>
    /// The caller has the store's lock, so no living server can be behind a socket that is there. Only the owner and root can
    /// connect, from the moment the socket has a name: Linux gives that file the mode of the socket, less the umask.
    /// </remarks>
    /// <exception cref="IOException">Something else has the name, or the file system takes no sockets.</exception>
    internal static Socket Listen(string directory)
    {
        string path = Path.Combine(directory, FileName);
        RemoveStale(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            using (var handle = new SafeFileHandle(socket.Handle, ownsHandle: false))
            {
                File.SetUnixFileMode(handle, OwnerOnly);
            }

            WithShortPath(path, name => socket.Bind(new UnixDomainSocketEndPoint(name)));
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"{path}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects to the server that has the store open.</summary>
    /// <returns>The socket; null when there is none, or its server is dead.</returns>
    /// <exception cref="StoreLockedException">There is one, and this user may not use it.</exception>
    internal static Socket? TryConnect(string directory)
    {
        string path = Path.Combine(Path.GetFullPath(directory), FileName);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            WithShortPath(path, name => socket.Connect(new UnixDomainSocketEndPoint(name)));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            return e.SocketErrorCode == SocketError.AccessDenied
                ? throw new StoreLockedException($"{path}: permission denied: only the user that voe-server runs as, and root, may use it")
                : null;
        }
        catch (IOException)
        {
            socket.Dispose();
            return null; // no such directory: whoever opens the store says so
        }
    }

    private static void RemoveStale(string path)
    {
        var file = new FileInfo(path);
        if (file.Exists && !IsSocket(path))
        {
            throw new IOException($"{path} is there and is no socket: remove it");
        }

        file.Delete();
    }

    // Opening a socket fails with ENXIO, which is an IOException here; other kinds of file can be opened, or are directories.
    private static bool IsSocket(string path)
    {
        try
        {
            using SafeFileHandle handle = File.OpenHandle(path);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    // Where the path is too long for an address, the directory is named by an open descriptor.
    private static void WithShortPath(string path, Action<string> action)
    {
        if (Encoding.UTF8.GetByteCount(path) <= MaxPathBytes)
        {
            action(path);
            return;
        }

        string directory = Path.GetDirectoryName(path)!;
        using SafeFileHandle handle = Libc.OpenDirectory(directory);
        action($"/proc/self/fd/{handle.DangerousGetHandle()}/{FileName}");
    }
}
