using Voe.Admin.Images;
using Voe.Store.Volumes;

namespace Voe.Admin.Commands;

/// <summary>Makes an image of a volume: its blocks that hold data, in order, and a digest to verify the copy by.</summary>
/// <remarks>What clients write meanwhile may be in the image or not: it is that of one moment only when none is attached.</remarks>
internal static class ExportCommand
{
    /// <summary>Exports.</summary>
    public static ExportReply Run(AdminContext context, VolumeRequest request, AdminSession session)
    {
        IBlockOutput output = session.Output ?? throw new AdminException(AdminErrorKind.Protocol, "an export gives a stream of blocks");
        Volume volume = context.Store.OpenVolume(request.Name);
        VolumeInfo described = VolumeCommands.Describe(context, volume);
        TimeProvider clock = context.Options.Clock;
        long start = clock.GetTimestamp();
        (string digest, long dataBytes) = VolumeImage.Read(volume, described.Size, "exporting", session, output);
        return new ExportReply(described, described.Size, dataBytes, digest, clock.GetElapsedTime(start).TotalSeconds);
    }
}
