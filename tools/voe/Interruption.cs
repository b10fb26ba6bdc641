using System.Runtime.InteropServices;

namespace Voe.Tool;

/// <summary>
/// SIGINT and SIGTERM: while a copy runs, the first of them ends it in order, so that nothing half done stays behind; else, and
/// from the second on, they end the process at once.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _isExpected;

    /// <summary>Listens until disposed.</summary>
    public Interruption() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
    ];

    /// <summary>For something that can be ended in order, which begins now: cancelled when it is to end.</summary>
    public CancellationToken Expect()
    {
        Volatile.Write(ref _isExpected, 1);
        return _source.Token;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.ForEach(_registrations, registration => registration.Dispose());
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (Interlocked.Exchange(ref _isExpected, 0) == 1)
        {
            context.Cancel = true;
            _source.Cancel();
        }
    }
}
