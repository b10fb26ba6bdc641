namespace Voe.Fsck;

/// <summary>What the program ends with, as fsck(8) does.</summary>
internal static class ExitStatus
{
    /// <summary>Nothing is wrong.</summary>
    public const int Clean = 0;

    /// <summary>What was wrong is corrected.</summary>
    public const int Corrected = 1;

    /// <summary>Something is wrong and was left as it is.</summary>
    public const int Uncorrected = 4;

    /// <summary>The work could not be done, or was ended by a signal.</summary>
    public const int OperationalError = 8;
}
