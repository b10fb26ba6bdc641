using Voe.Admin.Images;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Volumes;

namespace Voe.Admin.Commands;

/// <summary>
/// Makes a volume of an image. It is filled under another name and gets its own only when it is durable and what it reads
/// back was verified: so a volume of that name is whole, or is not there, or is the one that it was before.
/// </summary>
/// <remarks>
/// The other name is <c>NAME.partial</c>. When an import fails or is interrupted, that volume is deleted. It stays behind only
/// when the process dies; the next import of the name deletes it first.
/// </remarks>
internal static class ImportCommand
{
    private const string PartialSuffix = ".partial";
    private const string ReplacedSuffix = ".replaced";
    private const long FirstSize = 1L << 30;

    /// <summary>Imports.</summary>
    public static ImportReply Run(AdminContext context, ImportRequest request, AdminSession session)
    {
        context.RequireWritable();
        VolumeLimits.RequireName(request.Name);
        VolumeLimits.RequireName(request.Name + ReplacedSuffix);
        int? chunkSize = VolumeCommands.ChunkSize(request.ChunkSize);
        CompressionSetting? compression = VolumeCommands.Compression(request.Compression);
        IBlockInput input = session.Input ?? throw new AdminException(AdminErrorKind.Protocol, "an import takes a stream of blocks");
        using IDisposable claim = context.BeginImport(request.Name);
        Volume partial = Begin(context, request, chunkSize, compression);
        try
        {
            TimeProvider clock = context.Options.Clock;
            long start = clock.GetTimestamp();
            long dataBytes = VolumeImage.Write(partial, grows: request.Size is null, input, session);
            BlockStreamEnd end = input.End;
            SetSize(partial, request, end.Size);
            session.Report("flushing", 0, 0);
            partial.Flush();
            long copied = clock.GetTimestamp();
            Verify(partial, end, session);
            VolumeUsage usage = partial.GetUsage();
            StatusCommand.BringCountsUpToDate(context, isQuick: false);
            lock (context.ChangeLock)
            {
                Publish(context, request, partial);
                return new ImportReply(
                    VolumeCommands.Describe(context, partial), end.Size, dataBytes, usage.NewBytes, end.Digest,
                    clock.GetElapsedTime(start, copied).TotalSeconds, clock.GetElapsedTime(copied).TotalSeconds);
            }
        }
        catch
        {
            Undo(context, request.Name, partial);
            throw;
        }
    }

    private static Volume Begin(AdminContext context, ImportRequest request, int? chunkSize, CompressionSetting? compression)
    {
        lock (context.ChangeLock)
        {
            VolumeCommands.RequireFree(context, request.Name);
            if (Find(context, request.Name) is { } old)
            {
                RequireReplaceable(context, request, old);
                chunkSize ??= old.ChunkSize;
                compression ??= old.Compression;
            }

            string name = request.Name + PartialSuffix;
            if (Find(context, name) is { } left)
            {
                VolumeCommands.Withdraw(context, left, isForced: false, left.Delete);
            }

            return context.Store.CreateVolume(name, request.Size ?? FirstSize, chunkSize ?? VolumeLimits.MinChunkSize, compression);
        }
    }

    private static void SetSize(Volume partial, ImportRequest request, long imageSize)
    {
        if (imageSize <= 0)
        {
            throw new AdminException(AdminErrorKind.Invalid, "the image is empty: a volume has at least 512 bytes");
        }

        if (imageSize > VolumeLimits.MaxSize)
        {
            throw new AdminException(
                AdminErrorKind.Invalid, $"the image has {imageSize} bytes, a volume at most {VolumeLimits.MaxSize}");
        }

        if (imageSize > request.Size)
        {
            throw VolumeImage.TooLarge(imageSize, request.Size.Value);
        }

        long size = request.Size
            ?? (imageSize + VolumeLimits.SectorSize - 1) / VolumeLimits.SectorSize * VolumeLimits.SectorSize;
        if (size != partial.Size)
        {
            partial.Resize(size);
        }
    }

    private static void Verify(Volume partial, BlockStreamEnd end, AdminSession session)
    {
        (string digest, _) = VolumeImage.Read(partial, end.Size, "verifying", session, output: null);
        if (!string.Equals(digest, end.Digest, StringComparison.Ordinal))
        {
            throw new AdminException(
                AdminErrorKind.Verification,
                $"what the volume reads back is not the image: digest {digest}, {end.Digest} expected; the volume is removed");
        }
    }

    // At each moment one of the names leads to a whole volume.
    private static void Publish(AdminContext context, ImportRequest request, Volume partial)
    {
        if (Find(context, request.Name) is { } old)
        {
            RequireReplaceable(context, request, old);
            VolumeCommands.Withdraw(context, old, isForced: false, () =>
            {
                context.Targets.Move(old, partial, request.Name); // first: if all else fails, they find the old one by its name
                old.Rename(request.Name + ReplacedSuffix);
                partial.Rename(request.Name);
                old.Delete();
                context.Serving?.Replace(old, partial);
            });
        }
        else
        {
            VolumeCommands.RequireFree(context, request.Name);
            partial.Rename(request.Name);
            context.Serving?.Add(partial);
        }
    }

    private static void RequireReplaceable(AdminContext context, ImportRequest request, Volume old)
    {
        if (!request.Replace)
        {
            throw new AdminException(
                AdminErrorKind.Exists, $"a volume \"{request.Name}\" exists already: say --force to put the image in its place");
        }

        if (context.Serving?.CountConnections(old) > 0)
        {
            throw new AdminException(AdminErrorKind.Attached, $"{request.Name} is attached by clients: detach it there first");
        }
    }

    private static void Undo(AdminContext context, string name, Volume partial)
    {
        lock (context.ChangeLock)
        {
            try
            {
                if (string.Equals(partial.Name, name + PartialSuffix, StringComparison.Ordinal))
                {
                    partial.Delete();
                }
            }
            catch (StoreException)
            {
                // It stays behind under its other name, as after a crash; what failed first is what the caller is told.
            }
        }
    }

    private static Volume? Find(AdminContext context, string name) =>
        context.Store.Volumes.FirstOrDefault(volume => string.Equals(volume.Name, name, StringComparison.Ordinal));
}
