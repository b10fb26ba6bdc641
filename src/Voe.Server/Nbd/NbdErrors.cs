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
}
