using Voe.Admin;

namespace Voe.Tool;

/// <summary>
/// With what status voe ends. The numbers are part of the command line's contract. 1, which is not among them, is an
/// exception that nobody expected: a bug.
/// </summary>
internal static class ExitStatus
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>An error that nobody expected: a bug.</summary>
    public const int Bug = 1;

    /// <summary>The command line makes no sense.</summary>
    public const int Usage = 2;

    /// <summary>The store cannot be opened: it is in use, missing, damaged, or of another version.</summary>
    public const int Store = 3;

    /// <summary>What was asked was refused or failed: no such volume, a name that is taken, <c>--yes</c> not said, a full disk.</summary>
    public const int Refused = 4;

    /// <summary>What was copied is not what is read back; the copy was removed.</summary>
    public const int Verification = 5;

    /// <summary>Ended by SIGINT or SIGTERM, after what it had begun was undone.</summary>
    public const int Interrupted = 130;

    /// <summary>The status for a command that was not done.</summary>
    public static int Of(AdminErrorKind kind) => kind switch
    {
        AdminErrorKind.Internal => Bug,
        AdminErrorKind.Verification => Verification,
        AdminErrorKind.Cancelled => Interrupted,
        _ => Refused,
    };
}
