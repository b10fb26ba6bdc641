using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Volumes;

namespace Voe.Admin.Commands;

/// <summary>What is done with volumes. What changed is durable on return, and the server's exports have followed.</summary>
internal static class VolumeCommands
{
    /// <summary>Lists all.</summary>
    public static VolumeList List(AdminContext context, VolumeListRequest request, AdminSession session)
    {
        StatusCommand.BringCountsUpToDate(context, request.Quick);
        return new VolumeList([.. context.Store.Volumes.Select(volume => TryDescribe(context, volume)).OfType<VolumeInfo>()]);
    }

    /// <summary>Describes one.</summary>
    public static VolumeInfo Show(AdminContext context, VolumeRequest request, AdminSession session)
    {
        StatusCommand.BringCountsUpToDate(context, isQuick: false);
        return Describe(context, context.Store.OpenVolume(request.Name));
    }

    /// <summary>Makes one.</summary>
    public static VolumeInfo Create(AdminContext context, VolumeCreateRequest request, AdminSession session)
    {
        context.RequireWritable();
        lock (context.ChangeLock)
        {
            RequireFree(context, request.Name);
            Volume volume = context.Store.CreateVolume(
                request.Name, request.Size, ChunkSize(request.ChunkSize) ?? VolumeLimits.MinChunkSize, Compression(request.Compression));
            context.Serving?.Add(volume);
            return Describe(context, volume);
        }
    }

    /// <summary>Changes the size; to a smaller one only when that is confirmed.</summary>
    public static VolumeChange Resize(AdminContext context, VolumeResizeRequest request, AdminSession session)
    {
        context.RequireWritable();
        lock (context.ChangeLock)
        {
            Volume volume = context.Store.OpenVolume(request.Name);
            VolumeInfo before = Describe(context, volume);
            VolumeLimits.RequireSize(request.Size);
            if (request.Size < before.Size && !request.Confirmed)
            {
                throw new AdminException(
                    AdminErrorKind.Unconfirmed,
                    $"{request.Name} has {ByteSize.Format(before.Size)}; what lies beyond {ByteSize.Format(request.Size)} would be lost: "
                    + "say --yes if that is right");
            }

            volume.Resize(request.Size);
            context.Serving?.Change(request.Name, volume);
            return new VolumeChange(before, Describe(context, volume));
        }
    }

    /// <summary>Changes the name.</summary>
    public static VolumeChange Rename(AdminContext context, VolumeRenameRequest request, AdminSession session)
    {
        context.RequireWritable();
        lock (context.ChangeLock)
        {
            Volume volume = context.Store.OpenVolume(request.Name);
            VolumeInfo before = Describe(context, volume);
            RequireUnnamed(context, volume);
            RequireFree(context, request.NewName);
            volume.Rename(request.NewName);
            context.Targets.Move(volume, volume, request.NewName);
            context.Serving?.Change(request.Name, volume);
            return new VolumeChange(before, Describe(context, volume));
        }
    }

    /// <summary>Changes how new chunks are compressed.</summary>
    public static VolumeChange Set(AdminContext context, VolumeSetRequest request, AdminSession session)
    {
        context.RequireWritable();
        lock (context.ChangeLock)
        {
            Volume volume = context.Store.OpenVolume(request.Name);
            VolumeInfo before = Describe(context, volume);
            volume.SetCompression(Compression(request.Compression)!.Value);
            context.Serving?.Change(request.Name, volume);
            return new VolumeChange(before, Describe(context, volume));
        }
    }

    /// <summary>Deletes one, when that is confirmed and no client is attached, or it is forced.</summary>
    public static VolumeInfo Delete(AdminContext context, VolumeDeleteRequest request, AdminSession session)
    {
        context.RequireWritable();
        lock (context.ChangeLock)
        {
            Volume volume = context.Store.OpenVolume(request.Name);
            RequireUnnamed(context, volume);
            if (!request.Confirmed)
            {
                StatusCommand.BringCountsUpToDate(context, isQuick: false);
                throw new AdminException(
                    AdminErrorKind.Unconfirmed,
                    $"{request.Name} holds {ByteSize.Round(volume.MappedBytes)}, which would be lost: say --yes if that is right");
            }

            if (!request.Force)
            {
                TargetCommands.RequireNoneOf(context, volume);
            }

            VolumeInfo before = Describe(context, volume);
            return before with
            {
                Connections = Withdraw(context, volume, request.Force, () =>
                {
                    TargetCommands.RemoveOf(context, volume);
                    volume.Delete();
                }),
            };
        }
    }

    /// <summary>
    /// Takes a volume from the exports and does something to it. Fails, with all as it was, when clients are attached and that
    /// is not to be forced; else they are disconnected after. The caller holds <see cref="AdminContext.ChangeLock"/>.
    /// </summary>
    /// <returns>How many clients were disconnected; null when no server has the store open.</returns>
    public static int? Withdraw(AdminContext context, Volume volume, bool isForced, Action action)
    {
        if (context.Serving is not { } serving)
        {
            action();
            return null;
        }

        string name = volume.Name;
        int connections;
        serving.Withdraw(volume); // first, so that nobody attaches between looking and doing
        try
        {
            connections = serving.CountConnections(volume);
            if (connections > 0 && !isForced)
            {
                string clients = connections == 1 ? "1 client" : $"{connections} clients";
                throw new AdminException(
                    AdminErrorKind.Attached, $"{name} is attached by {clients}: detach it there, or say --force, which disconnects them");
            }

            action();
        }
        catch
        {
            serving.Restore(volume);
            throw;
        }

        serving.Disconnect(volume);
        return connections;
    }

    /// <summary>Throws unless the name can be given to a volume.</summary>
    public static void RequireFree(AdminContext context, string name)
    {
        if (context.Serving?.IsTakenByOther(name) == true)
        {
            throw new AdminException(AdminErrorKind.Exists, $"\"{name}\" is the name under which the server exports something else");
        }
    }

    // The server would not start any more.
    private static void RequireUnnamed(AdminContext context, Volume volume)
    {
        if (context.Serving?.NamedBy(volume) is { } place)
        {
            throw new AdminException(
                AdminErrorKind.Failed,
                $"{volume.Name} is named by the server's configuration ({place}): change that first, and start it anew");
        }
    }

    /// <summary>The compression that a request names, or null.</summary>
    public static CompressionSetting? Compression(string? text) =>
        text is null ? null
        : CompressionSetting.TryParse(text, out CompressionSetting setting) ? setting
        : throw new AdminException(
            AdminErrorKind.Invalid,
            $"\"{text}\" is no compression: write none, lz4, zstd, or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}");

    /// <summary>The chunk size that a request names, or null.</summary>
    public static int? ChunkSize(long? size)
    {
        if (size is null)
        {
            return null;
        }

        int chunkSize = (int)Math.Clamp(size.Value, int.MinValue, int.MaxValue);
        VolumeLimits.RequireChunkSize(chunkSize);
        return chunkSize;
    }

    /// <summary>Describes a volume.</summary>
    public static VolumeInfo Describe(AdminContext context, Volume volume)
    {
        VolumeUsage usage = volume.GetUsage();
        return new VolumeInfo(
            volume.Name, volume.Size, usage.MappedBytes, usage.ReferencedBytes, volume.ChunkSize, volume.Compression.ToString(),
            volume.Created, context.Serving?.CountConnections(volume));
    }

    // One that is deleted while the others are described is none.
    private static VolumeInfo? TryDescribe(AdminContext context, Volume volume)
    {
        try
        {
            return Describe(context, volume);
        }
        catch (VolumeDeletedException)
        {
            return null;
        }
    }
}
