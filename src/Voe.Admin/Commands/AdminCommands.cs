using System.Collections.Frozen;

namespace Voe.Admin.Commands;

/// <summary>
/// All commands. A new one is a field here and a name in <see cref="All"/>, its types in <see cref="AdminJson"/>, and its
/// handler; direct use, the socket and <c>--json</c> follow.
/// </summary>
public static class AdminCommands
{
    /// <summary>What the store holds and who serves it.</summary>
    public static readonly AdminCommand<StatusRequest, StoreStatus> Status =
        new("status", AdminJson.Default.StatusRequest, AdminJson.Default.StoreStatus, StatusCommand.Run);

    /// <summary>All volumes.</summary>
    public static readonly AdminCommand<VolumeListRequest, VolumeList> VolumeList =
        new("volume.list", AdminJson.Default.VolumeListRequest, AdminJson.Default.VolumeList, VolumeCommands.List);

    /// <summary>One volume.</summary>
    public static readonly AdminCommand<VolumeRequest, VolumeInfo> VolumeShow =
        new("volume.show", AdminJson.Default.VolumeRequest, AdminJson.Default.VolumeInfo, VolumeCommands.Show);

    /// <summary>Makes a volume, and serves it.</summary>
    public static readonly AdminCommand<VolumeCreateRequest, VolumeInfo> VolumeCreate =
        new("volume.create", AdminJson.Default.VolumeCreateRequest, AdminJson.Default.VolumeInfo, VolumeCommands.Create);

    /// <summary>Changes a volume's size, also while it is attached.</summary>
    public static readonly AdminCommand<VolumeResizeRequest, VolumeChange> VolumeResize =
        new("volume.resize", AdminJson.Default.VolumeResizeRequest, AdminJson.Default.VolumeChange, VolumeCommands.Resize);

    /// <summary>Changes a volume's name, also while it is attached.</summary>
    public static readonly AdminCommand<VolumeRenameRequest, VolumeChange> VolumeRename =
        new("volume.rename", AdminJson.Default.VolumeRenameRequest, AdminJson.Default.VolumeChange, VolumeCommands.Rename);

    /// <summary>Changes how new chunks are compressed, also while the volume is attached.</summary>
    public static readonly AdminCommand<VolumeSetRequest, VolumeChange> VolumeSet =
        new("volume.set", AdminJson.Default.VolumeSetRequest, AdminJson.Default.VolumeChange, VolumeCommands.Set);

    /// <summary>Deletes a volume.</summary>
    public static readonly AdminCommand<VolumeDeleteRequest, VolumeInfo> VolumeDelete =
        new("volume.delete", AdminJson.Default.VolumeDeleteRequest, AdminJson.Default.VolumeInfo, VolumeCommands.Delete);

    /// <summary>Makes a volume of an image.</summary>
    public static readonly AdminCommand<ImportRequest, ImportReply> VolumeImport =
        new("volume.import", AdminJson.Default.ImportRequest, AdminJson.Default.ImportReply, ImportCommand.Run, StreamDirection.In);

    /// <summary>Makes an image of a volume.</summary>
    public static readonly AdminCommand<VolumeRequest, ExportReply> VolumeExport =
        new("volume.export", AdminJson.Default.VolumeRequest, AdminJson.Default.ExportReply, ExportCommand.Run, StreamDirection.Out);

    /// <summary>All AoE targets.</summary>
    public static readonly AdminCommand<TargetListRequest, TargetList> TargetList =
        new("target.list", AdminJson.Default.TargetListRequest, AdminJson.Default.TargetList, TargetCommands.List);

    /// <summary>Makes a volume an AoE target.</summary>
    public static readonly AdminCommand<TargetAddRequest, TargetInfo> TargetAdd =
        new("target.add", AdminJson.Default.TargetAddRequest, AdminJson.Default.TargetInfo, TargetCommands.Add);

    /// <summary>Takes an AoE target away; the volume stays.</summary>
    public static readonly AdminCommand<TargetRemoveRequest, TargetInfo> TargetRemove =
        new("target.remove", AdminJson.Default.TargetRemoveRequest, AdminJson.Default.TargetInfo, TargetCommands.Remove);

    /// <summary>Verifies all packs while the store is in use.</summary>
    public static readonly AdminCommand<ScrubRequest, ScrubReply> Scrub =
        new("scrub", AdminJson.Default.ScrubRequest, AdminJson.Default.ScrubReply, ScrubCommand.Run);

    /// <summary>All of them, by name.</summary>
    public static FrozenDictionary<string, AdminCommand> All { get; } = new AdminCommand[]
    {
        Status, VolumeList, VolumeShow, VolumeCreate, VolumeResize, VolumeRename, VolumeSet, VolumeDelete, VolumeImport, VolumeExport,
        Scrub, TargetList, TargetAdd, TargetRemove,
    }.ToFrozenDictionary(static command => command.Name, StringComparer.Ordinal);
}
