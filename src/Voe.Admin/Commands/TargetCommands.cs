using System.Text;
using Voe.Admin.Targets;
using Voe.Store;
using Voe.Store.Volumes;

namespace Voe.Admin.Commands;

/// <summary>AoE targets that the store keeps. What changed is durable on return, and a running server has followed.</summary>
internal static class TargetCommands
{
    /// <summary>Lists those of the store, and of a running server's configuration.</summary>
    public static TargetList List(AdminContext context, TargetListRequest request, AdminSession session) =>
        new(context.Serving?.GetTargets() ?? [.. context.Targets.Targets.Select(target => Describe(context, target))]);

    /// <summary>Adds one.</summary>
    public static TargetInfo Add(AdminContext context, TargetAddRequest request, AdminSession session)
    {
        context.RequireWritable();
        (int shelf, int slot) = TargetAddress.Parse(request.Address);
        string[] macs = [.. (request.Macs ?? []).Select(TargetAddress.ParseMac).Distinct(StringComparer.Ordinal)];
        string durability = TargetAddress.ParseDurability(request.Durability ?? TargetAddress.Durabilities[0]);
        byte[] configString = TargetAddress.ParseConfigString(request.ConfigString ?? "");
        lock (context.ChangeLock)
        {
            Volume volume = context.Store.OpenVolume(request.Volume);
            string address = TargetAddress.Format(shelf, slot);
            if (context.Serving?.GetTargets().FirstOrDefault(other => other.Address == address) is { From: not null } taken)
            {
                throw new AdminException(
                    AdminErrorKind.Exists, $"the AoE address {address} is that of {taken.From} already: choose another");
            }

            var target = new TargetRecord(shelf, slot, volume.Id, volume.Name, request.ReadOnly, macs, durability, configString);
            context.Targets.Add(target);
            context.Serving?.TargetsChanged();
            return Describe(context, target);
        }
    }

    /// <summary>Removes one.</summary>
    public static TargetInfo Remove(AdminContext context, TargetRemoveRequest request, AdminSession session)
    {
        context.RequireWritable();
        (int shelf, int slot) = TargetAddress.Parse(request.Address);
        lock (context.ChangeLock)
        {
            string address = TargetAddress.Format(shelf, slot);
            if (context.Targets.Find(shelf, slot) is not { } target)
            {
                throw context.Serving?.GetTargets().FirstOrDefault(other => other.Address == address) is { From: { } place }
                    ? new AdminException(
                        AdminErrorKind.Failed, $"{address} is a target of the server's configuration ({place}): change that")
                    : new AdminException(AdminErrorKind.NotFound, $"the store has no AoE target {address}");
            }

            TargetInfo info = Describe(context, target);
            context.Targets.Remove(other => other.Shelf == shelf && other.Slot == slot);
            context.Serving?.TargetsChanged();
            return info;
        }
    }

    /// <summary>A target of the store, as nobody serves it.</summary>
    public static TargetInfo Describe(AdminContext context, TargetRecord target) =>
        Describe(target, context.Targets.VolumeOf(target));

    /// <summary>A target of the store, and its volume unless that is gone.</summary>
    public static TargetInfo Describe(TargetRecord target, Volume? volume) => new(
        target.Address,
        volume?.Name ?? target.VolumeName,
        volume?.Size,
        target.ReadOnly,
        Encoding.UTF8.GetString(target.ConfigString),
        target.Macs,
        target.Durability,
        From: null,
        Activity: null);

    /// <summary>Throws when a volume that is to be deleted is an AoE target.</summary>
    public static void RequireNoneOf(AdminContext context, Volume volume)
    {
        IReadOnlyList<TargetRecord> targets = context.Targets.Of(volume);
        if (targets.Count > 0)
        {
            string addresses = string.Join(", ", targets.Select(target => target.Address));
            throw new AdminException(
                AdminErrorKind.Attached,
                $"{volume.Name} is the AoE target {addresses}: remove that (voe target remove), or say --force, which does");
        }
    }

    /// <summary>Removes the targets of a volume that is about to be deleted.</summary>
    public static void RemoveOf(AdminContext context, Volume volume)
    {
        IReadOnlyList<TargetRecord> targets = context.Targets.Of(volume);
        if (targets.Count > 0)
        {
            context.Targets.Remove(targets.Contains);
        }
    }
}
