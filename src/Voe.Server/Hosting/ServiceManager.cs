using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace Voe.Server.Hosting;

/// <summary>
/// Tells systemd, or whoever else listens at <c>NOTIFY_SOCKET</c>, how the server is; without one it does nothing.
/// The words are those of sd_notify(3).
/// </summary>
internal sealed class ServiceManager
{
    // Twice what lies between two reports of a slow start, and much to spare for a slow disk.
    private static readonly TimeSpan MoreTime = TimeSpan.FromSeconds(60);

    private readonly SystemdNotifier _notifier = new();

    /// <summary>The server accepts connections.</summary>
    /// <param name="status">A line for people, shown by <c>systemctl status</c>.</param>
    public void Ready(string status) => Send($"READY=1\nSTATUS={status}");

    /// <summary>The start takes long and goes on: more time is asked for before it counts as failed.</summary>
    /// <param name="status">How far it is.</param>
    public void StartIsSlow(string status)
    {
        string microseconds = ((long)MoreTime.TotalMicroseconds).ToString(CultureInfo.InvariantCulture);
        Send($"STATUS={status}\nEXTEND_TIMEOUT_USEC={microseconds}");
    }

    /// <summary>The server has begun to stop.</summary>
    public void Stopping() => Send("STOPPING=1\nSTATUS=finishing requests, flushing and closing the store");

    private void Send(string state)
    {
        if (_notifier.IsEnabled)
        {
            _notifier.Notify(new ServiceState(state));
        }
    }
}
