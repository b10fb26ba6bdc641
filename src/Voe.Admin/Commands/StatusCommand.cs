using Voe.Store;

namespace Voe.Admin.Commands;

/// <summary>What the store holds and who serves it. Answers also when the log has failed, with the counts there are.</summary>
internal static class StatusCommand
{
    /// <summary>Counts.</summary>
    public static StoreStatus Run(AdminContext context, StatusRequest request, AdminSession session)
    {
        BringCountsUpToDate(context, request.Quick);
        VoeStore store = context.Store;
        StoreUsage usage = store.GetUsage();
        StoreActivity activity = store.GetActivity();
        return new StoreStatus(
            context.Path,
            store.Id,
            store.HashAlgorithm.ToString().ToUpperInvariant(),
            context.Serving?.GetStatus(),
            store.Volumes.Count,
            usage.VolumeBytes,
            usage.MappedBytes,
            usage.ReferencedBytes,
            usage.StoredBytes,
            usage.MaxLiveBytes,
            usage.ChunkCount,
            usage.PackCount,
            usage.PackBytes,
            usage.DeduplicationRatio,
            usage.CompressionRatio,
            new LogStatus(
                activity.AppliedLsn, activity.DurableLsn, activity.CheckpointLsn, activity.BytesSinceCheckpoint, activity.Failure),
            FileSystem(context.Path),
            new MemoryStatus(
                activity.ChunkCacheSize, activity.ChunkCacheBytes, activity.ChunkCacheHits, activity.ChunkCacheMisses,
                context.Options.IndexMemory, context.Options.RocksDbMemory),
            context.Scrubs.Last);
    }

    /// <summary>
    /// Makes a checkpoint, unless nothing came since the last: what is referred to is counted with each. When the disk is full
    /// or the log has failed, the counts stay those of the last one.
    /// </summary>
    public static void BringCountsUpToDate(AdminContext context, bool isQuick)
    {
        if (isQuick)
        {
            return;
        }

        try
        {
            context.Store.Checkpoint();
        }
        catch (StoreException e) when (e is StoreFullException or StoreFailedException or StoreIOException)
        {
            // The status tells why, and old counts are better than none.
        }
    }

    private static FileSystemStatus? FileSystem(string path)
    {
        try
        {
            var drive = new DriveInfo(path);
            return new FileSystemStatus(drive.AvailableFreeSpace, drive.TotalSize);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
