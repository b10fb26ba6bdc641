using Voe.Store;

namespace Voe.Server.Nbd;

/// <summary>The one table from what a device throws to what a client is told.</summary>
internal static class NbdErrors
{
    /// <summary>The error on the wire for a failure of a device while it did <paramref name="command"/>.</summary>
    public static NbdError FromException(Exception failure, NbdCommand command) => failure switch
    {
        // The size is checked before; this is a device that shrank in between.
        RequestOutOfRangeException => command is NbdCommand.Write or NbdCommand.WriteZeroes ? NbdError.NoSpace : NbdError.Invalid,
        DeviceReadOnlyException => NbdError.NotPermitted,
        StoreFullException => NbdError.NoSpace,
        VolumeDeletedException => NbdError.Shutdown,
        _ => NbdError.InputOutput,
    };

    /// <summary>
    /// What is said to the person at the other end, in UTF-8, at most 100 bytes. Nothing of the server's insides: those are
    /// in its log.
    /// </summary>
    public static ReadOnlySpan<byte> Message(NbdError error, NbdCommand command) => error switch
    {
        NbdError.NotPermitted => "the export is read-only"u8,
        NbdError.InputOutput => "the device failed; the server's log says more"u8,
        NbdError.Invalid when command is NbdCommand.Read or NbdCommand.Trim or NbdCommand.Cache =>
            "beyond the end of the export, or a flag that is not possible here"u8,
        NbdError.Invalid when command == NbdCommand.BlockStatus =>
            "no metadata context was chosen, or beyond the end of the export, or not possible here"u8,
        NbdError.Invalid => "no such command, or a flag or length that is not possible here"u8,
        NbdError.NoSpace => "beyond the end of the export, or no room on the server's disk"u8,
        NbdError.Overflow => "more than the 32 MiB that one read may have"u8,
        NbdError.NotSupported => "zeroes are not faster than a write here"u8,
        NbdError.Shutdown => "the volume was deleted"u8,
        _ => default,
    };
}
