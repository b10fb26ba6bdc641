using Voe.Server.Aoe.Ata;
using Voe.Store;

namespace Voe.Server.Aoe;

/// <summary>How a request ended: well, by an ATA failure, or by an error of AoE.</summary>
/// <param name="Error">The error of AoE; the registers do not matter then.</param>
/// <param name="Ata">The failure in the registers.</param>
internal readonly record struct AoeFailure(AoeError Error, AtaFailure Ata)
{
    /// <summary>Whether there is none.</summary>
    public bool IsNone => Error == AoeError.None && Ata == AtaFailure.None;

    /// <summary>The one table from what a device throws to what an initiator is told.</summary>
    public static AoeFailure FromException(Exception failure, AtaAction action) => failure switch
    {
        // The size is checked before; this is a device that shrank in between.
        RequestOutOfRangeException => new(AoeError.None, AtaFailure.NotFound),
        DeviceReadOnlyException => new(AoeError.None, AtaFailure.Aborted),
        // No fault of the disk: when there is room again, the same write works.
        StoreFullException => new(AoeError.None, AtaFailure.Aborted),
        VolumeDeletedException => new(AoeError.Unavailable, AtaFailure.None),
        StoreDamagedException or StoreIOException when action is AtaAction.Read or AtaAction.Verify =>
            new(AoeError.None, AtaFailure.Uncorrectable),
        _ => new(AoeError.None, AtaFailure.Fault),
    };
}
