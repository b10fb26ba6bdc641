namespace Voe.Server;

/// <summary>With what status voe-server ends. The numbers are part of the command line's contract.</summary>
internal static class ExitStatus
{
    /// <summary>Stopped as it was asked to.</summary>
    public const int Success = 0;

    /// <summary>An error that nobody expected: most likely a bug. The log has where.</summary>
    public const int Bug = 1;

    /// <summary>A mistake in the command line or the configuration file.</summary>
    public const int Usage = 2;

    /// <summary>The store, a file or a device cannot be opened, or a volume not be created.</summary>
    public const int Store = 3;

    /// <summary>An address cannot be listened at.</summary>
    public const int Listen = 4;

    /// <summary>The last flush failed: acknowledged writes may not survive the loss of power.</summary>
    public const int Flush = 5;
}
