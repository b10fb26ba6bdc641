using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Testing;

/// <summary>
/// Threads that do everything to the same few volumes at once: write where others write, resize, delete and make anew what
/// others use. Nothing is known of the outcome, but that each operation succeeds or is refused for a reason that fits.
/// </summary>
public static class StoreStorm
{
    private const int ThreadCount = 3;
    private const int LargestVolume = 128 << 10;
    private static readonly string[] Names = ["a", "b", "c"];

    /// <summary>Returns when all threads have done so many steps, or the process has died.</summary>
    public static void Run(StoreLab lab, int stepsEach)
    {
        int[] seeds = [.. Enumerable.Range(0, ThreadCount).Select(_ => lab.Random.Next())];
        Exception? failure = null;
        Thread[] threads = [.. seeds.Select(seed => new Thread(() =>
        {
            try
            {
                RunOne(lab.Store, new Random(seed), stepsEach);
            }
            catch (Exception exception) when (!lab.Disk.IsDead)
            {
                failure = exception;
            }
            catch (Exception)
            {
                // The process is dead; what its threads still throw is of no consequence.
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        if (failure is not null)
        {
            throw lab.Failure($"{failure.GetType().Name}: {failure.Message}", failure);
        }
    }

    private static void RunOne(VoeStore store, Random random, int steps)
    {
        var content = new ContentSource(random);
        for (int i = 0; i < steps; i++)
        {
            try
            {
                Step(store, random, content);
            }
            catch (StoreException exception) when (exception is VolumeNotFoundException or VolumeExistsException
                or VolumeDeletedException or RequestOutOfRangeException)
            {
                // Another thread was faster.
            }
        }
    }

    private static void Step(VoeStore store, Random random, ContentSource content)
    {
        string name = Names[random.Next(Names.Length)];
        int kind = random.Next(100);
        if (kind < 6 || store.Volumes.Count == 0)
        {
            store.CreateVolume(name, RandomSize(random), 4096 << random.Next(3), CompressionSetting.Lz4);
            return;
        }

        Volume volume = store.OpenVolume(name);
        long size = volume.Size;
        long offset = random.NextInt64(size);
        int length = (int)Math.Min(1 + random.Next(random.Next(2) == 0 ? 2000 : 40_000), size - offset);
        if (random.Next(2) == 0)
        {
            offset = offset / volume.ChunkSize * volume.ChunkSize;
            length = (int)Math.Min(volume.ChunkSize * random.Next(1, 5), size - offset);
        }

        switch (kind)
        {
            case < 8:
                volume.Delete();
                break;
            case < 12:
                volume.Resize(RandomSize(random));
                break;
            case < 14:
                volume.Rename(Names[random.Next(Names.Length)]);
                break;
            case < 15:
                volume.SetCompression(CompressionSetting.Zstd(1));
                break;
            case < 65:
                volume.Write([new BlockWrite(offset, content.Next(length))]);
                break;
            case < 75:
                volume.Trim(offset, length);
                break;
            case < 80:
                volume.Flush();
                break;
            case < 82:
                store.Checkpoint();
                break;
            default:
                volume.Read([new BlockRead(offset, new byte[length])]);
                break;
        }
    }

    private static long RandomSize(Random random) => random.Next(1, (LargestVolume / 512) + 1) * 512L;
}
