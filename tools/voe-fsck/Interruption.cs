using System.Runtime.InteropServices;

namespace Voe.Fsck;

/// <summary>Ends the program at SIGINT and SIGTERM: the work is told so, and if it does not end at once, the process does.</summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Timer _end;

    /// <summary>Listens from now on.</summary>
    public Interruption()
    {
        _end = new Timer(static _ => Environment.Exit(ExitStatus.OperationalError));
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(
            signal => PosixSignalRegistration.Create(signal, Interrupt))];
    }

    /// <summary>Cancelled when a signal has come.</summary>
    public CancellationToken Token => _source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _end.Dispose();
        _source.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        context.Cancel = true;
        _ = _end.Change(Patience, Timeout.InfiniteTimeSpan); // a read of a failing disk may hang
        _source.Cancel();
    }
}
