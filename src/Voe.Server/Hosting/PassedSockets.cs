using System.Globalization;
using System.Net.Sockets;

namespace Voe.Server.Hosting;

/// <summary>A listening socket that came with the process.</summary>
/// <param name="Name">Its name, as FileDescriptorName= in its unit; may be empty.</param>
/// <param name="Socket">The socket; whoever takes it owns it.</param>
internal sealed record PassedSocket(string Name, Socket Socket);

/// <summary>
/// Sockets that systemd, or whoever else started the process, listens at for it: sd_listen_fds(3). They are the descriptors
/// from 3 on; <c>LISTEN_PID</c> says for whom, <c>LISTEN_FDS</c> how many, <c>LISTEN_FDNAMES</c> how they are called.
/// </summary>
internal static class PassedSockets
{
    private const string PidVariable = "LISTEN_PID";
    private const string CountVariable = "LISTEN_FDS";
    private const string NamesVariable = "LISTEN_FDNAMES";
    private const int FirstDescriptor = 3;
    private const int MaxCount = 256;

    // <sys/socket.h> of Linux.
    private const int SocketLevel = 1;
    private const int AcceptsConnections = 30;

    /// <summary>Takes the sockets, and the variables out of the environment: no child is to think that they are its own.</summary>
    /// <exception cref="StartException">What was passed are no listening stream sockets.</exception>
    public static IReadOnlyList<PassedSocket> Take()
    {
        string? pid = TakeVariable(PidVariable);
        string? countText = TakeVariable(CountVariable);
        string[] names = TakeVariable(NamesVariable)?.Split(':') ?? [];
        if (pid is null || countText is null || pid != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            // There are none, or they are for the process that started this one.
            return [];
        }

        if (!int.TryParse(countText, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count > MaxCount)
        {
            throw new StartException(ExitStatus.Listen, $"{CountVariable} is \"{countText}\": a number up to {MaxCount} is expected");
        }

        return [.. Enumerable.Range(0, count).Select(i => new PassedSocket(i < names.Length ? names[i] : "", Open(FirstDescriptor + i)))];
    }

    private static string? TakeVariable(string name)
    {
        string? value = Environment.GetEnvironmentVariable(name);
        Environment.SetEnvironmentVariable(name, null);
        return value;
    }

    private static Socket Open(int descriptor)
    {
        // Looked at first without owning it: what is no socket belongs to somebody else, and must not be closed here.
        using (var handle = new SafeSocketHandle(descriptor, ownsHandle: false))
        {
            Check(handle, descriptor);
        }

        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    private static void Check(SafeSocketHandle handle, int descriptor)
    {
        string what = $"descriptor {descriptor}, which {CountVariable} says is a socket to listen at,";
        try
        {
            using var socket = new Socket(handle);
            Span<byte> accepts = stackalloc byte[sizeof(int)];
            socket.GetRawSocketOption(SocketLevel, AcceptsConnections, accepts);
            if (socket.SocketType != SocketType.Stream || BitConverter.ToInt32(accepts) == 0)
            {
                throw new StartException(
                    ExitStatus.Listen, $"{what} is a socket of another kind: in its unit say ListenStream=, and Accept=no");
            }
        }
        catch (Exception failure) when (failure is SocketException or ArgumentException)
        {
            throw new StartException(ExitStatus.Listen, $"{what} is none: {failure.Message}", failure);
        }
    }
}
