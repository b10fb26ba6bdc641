using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Voe.Server.Hosting;

/// <summary>
/// SIGTERM and SIGINT stop the host, and the process ends within 10 seconds of the first of them, whatever a client, a
/// disk or a long recovery does. Ending early is safe: what was acknowledged is in the kernel, and what was flushed is on
/// the disk; only the next start has more of the log to replay.
/// </summary>
internal sealed class SignalLifetime : IHostLifetime, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(9.5);

    private const PosixSignal FileSizeExceeded = (PosixSignal)25; // SIGXFSZ

    private readonly ManualResetEventSlim _ended = new();
    private readonly IHostApplicationLifetime _application;
    private readonly ILogger _logger;
    private readonly PosixSignalRegistration[] _registrations;
    private int _signalCount;

    /// <summary>Listens to the signals until disposed.</summary>
    public SignalLifetime(IHostApplicationLifetime application, ILogger logger)
    {
        _application = application;
        _logger = logger;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),

            // A limit on the size of files is an error of the write that meets it (EFBIG), not the end of the process.
            PosixSignalRegistration.Create(FileSizeExceeded, static context => context.Cancel = true),
        ];
    }

    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>All services have stopped, the store is closed.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _ended.Set();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Set();
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signalCount) == 1)
        {
            _logger.LogInformation("{Signal} received", context.Signal);
            new Thread(EndInTime) { IsBackground = true, Name = "stop" }.Start();
            _application.StopApplication();
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
