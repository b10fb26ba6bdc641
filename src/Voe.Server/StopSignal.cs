using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Voe.Server;

/// <summary>
/// SIGTERM and SIGINT as a cancellation token, and the promise that the process ends within 10 seconds of the first of
/// them, whatever a client, a disk or a long recovery does. Ending early is safe: what was acknowledged is in the kernel,
/// and what was flushed is on the disk; only the next start has more of the log to replay.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(9.5);

    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _ended = new();
    private readonly ILogger _logger;
    private readonly PosixSignalRegistration[] _registrations;
    private int _signalCount;

    /// <summary>Listens to the signals until disposed.</summary>
    public StopSignal(ILogger logger)
    {
        _logger = logger;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>The process has stopped in order.</summary>
    public void Dispose()
    {
        _ended.Set();
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signalCount) == 1)
        {
            _logger.LogInformation("{Signal} received", context.Signal);
            new Thread(EndInTime) { IsBackground = true, Name = "stop" }.Start();
            _stop.Cancel();
        }
    }

    private void EndInTime()
    {
        if (!_ended.Wait(Limit))
        {
            _logger.LogWarning("the store did not close in time; the process ends now, and the next start replays the log");
            Environment.Exit(ExitStatus.Success);
        }
    }
}
