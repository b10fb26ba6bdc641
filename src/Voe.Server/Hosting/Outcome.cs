namespace Voe.Server.Hosting;

/// <summary>How the server ends: the process's exit status, which the first failure decides. Safe from many threads.</summary>
internal sealed class Outcome
{
    private int _status = ExitStatus.Success;

    /// <summary>The exit status, see <see cref="ExitStatus"/>.</summary>
    public int Status => Volatile.Read(ref _status);

    /// <summary>Something failed; the first to say so decides the status.</summary>
    public void Fail(int status) => Interlocked.CompareExchange(ref _status, status, ExitStatus.Success);
}

/// <summary>The server cannot start, for a reason outside the program. The message says which.</summary>
/// <param name="status">With what status the process ends, see <see cref="ExitStatus"/>.</param>
/// <param name="message">What, where, and what to do.</param>
/// <param name="cause">What failed.</param>
internal sealed class StartException(int status, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>With what status the process ends.</summary>
    public int Status { get; } = status;
}
