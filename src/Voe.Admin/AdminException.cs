using Voe.Store;

namespace Voe.Admin;

/// <summary>Why a command was not done: what a program can tell apart. On the wire by name, in camel case.</summary>
public enum AdminErrorKind
{
    /// <summary>Anything that has no kind of its own: the message says what.</summary>
    Failed,

    /// <summary>The request is none: no JSON, too long, too slow, or a member is missing, unknown or of another type.</summary>
    Protocol,

    /// <summary>This server knows no such command.</summary>
    UnknownCommand,

    /// <summary>A name, size or option that a volume cannot have.</summary>
    Invalid,

    /// <summary>There is no volume of that name.</summary>
    NotFound,

    /// <summary>The name is taken.</summary>
    Exists,

    /// <summary>Data would be lost, and the request does not say that this is meant.</summary>
    Unconfirmed,

    /// <summary>Clients are attached to the volume.</summary>
    Attached,

    /// <summary>The server was told to change nothing.</summary>
    ReadOnly,

    /// <summary>There is no room on the disk.</summary>
    Full,

    /// <summary>Stored bytes are not what they were.</summary>
    Damaged,

    /// <summary>The disk refuses, or refused and has not recovered.</summary>
    InputOutput,

    /// <summary>What was copied is not what is read back.</summary>
    Verification,

    /// <summary>The caller gave up, or the server stops.</summary>
    Cancelled,

    /// <summary>An error that nobody expected: a bug.</summary>
    Internal,
}

/// <summary>A command was not done. The message says what, where, expected, found, and what to do.</summary>
/// <param name="kind">Why.</param>
/// <param name="message">The same for people.</param>
/// <param name="innerException">The cause, if any.</param>
public sealed class AdminException(AdminErrorKind kind, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Why.</summary>
    public AdminErrorKind Kind { get; } = kind;

    /// <summary>The one table from what a store throws to what a caller is told.</summary>
    public static AdminException From(Exception failure) => failure switch
    {
        AdminException already => already,
        VolumeNotFoundException or VolumeDeletedException => new(AdminErrorKind.NotFound, failure.Message, failure),
        VolumeExistsException => new(AdminErrorKind.Exists, failure.Message, failure),
        InvalidVolumeException or RequestOutOfRangeException => new(AdminErrorKind.Invalid, failure.Message, failure),
        DeviceReadOnlyException => new(AdminErrorKind.ReadOnly, failure.Message, failure),
        StoreFullException => new(AdminErrorKind.Full, failure.Message, failure),
        StoreDamagedException => new(AdminErrorKind.Damaged, failure.Message, failure),
        StoreIOException or StoreFailedException => new(AdminErrorKind.InputOutput, failure.Message, failure),
        OperationCanceledException => new(AdminErrorKind.Cancelled, "interrupted", failure),
        StoreException or IOException or UnauthorizedAccessException => new(AdminErrorKind.Failed, failure.Message, failure),
        _ => new(AdminErrorKind.Internal, $"an error that should not be: {failure.Message}", failure),
    };
}
