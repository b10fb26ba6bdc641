using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Volumes;

/// <summary>Volumes against byte arrays: one client that does everything, and many that write at once.</summary>
public sealed class VolumeModelTests
{
    [Fact]
    public void Any_sequence_of_operations_reads_as_the_model_says() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed, largestVolume: seed % 10 == 0 ? 4 << 20 : 1 << 20);
        lab.Open();
        for (int round = 0; round < 4; round++)
        {
            lab.Steps(lab.Random.Next(5, 40));
            lab.CheckAll();
            if (lab.Random.Next(2) == 0)
            {
                lab.Close();
                if (lab.Random.Next(2) == 0)
                {
                    lab.LoseIndex();
                }

                lab.Open();
            }
        }

        lab.CheckAll();
        lab.Close();
    });

    [Fact]
    public void Writers_of_ranges_that_meet_inside_a_chunk_do_not_disturb_each_other() => Schedules.Run(30, seed =>
    {
        // 5 sectors short of 8 chunks each, so that every border lies in a chunk that two threads write to.
        const int RangeLength = (8 * 4096) - 2560;
        const int ThreadCount = 4;
        using var lab = new StoreLab(seed);
        lab.UseThreads();
        lab.Open();
        Volume volume = lab.Store.CreateVolume("a", ThreadCount * RangeLength, 4096 << lab.Random.Next(3));
        var model = new byte[ThreadCount * RangeLength];
        int[] seeds = [.. Enumerable.Range(0, ThreadCount).Select(_ => lab.Random.Next())];
        Parallel.For(0, ThreadCount, new ParallelOptions { MaxDegreeOfParallelism = ThreadCount }, thread =>
            WriteOwnRange(volume, new Random(seeds[thread]), model, thread * RangeLength, RangeLength));

        RequireContent(lab, volume, model);
        lab.CloseQuietly();
        RequireContent(lab, lab.Reopen().OpenVolume("a"), model);
    });

    [Fact]
    public void Of_writers_of_one_chunk_at_once_one_wins_whole() => Schedules.Run(20, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.UseThreads();
        using var clients = new ConcurrentClients(lab, chunkCount: 16);
        clients.RunUntilCrash(writesEach: 100);
        clients.Check(CrashKind.ProcessDied);
    });

    [Fact]
    public void Groups_of_one_thread_and_reads_of_another_see_whole_chunks_only()
    {
        using var lab = new StoreLab(seed: 1);
        lab.UseThreads();
        lab.Open();
        const int ChunkSize = 4096;
        Volume volume = lab.Store.CreateVolume("a", 16 * ChunkSize);
        using var stop = new CancellationTokenSource();
        var writer = new Thread(() =>
        {
            var random = new Random(1);
            for (int i = 1; !stop.IsCancellationRequested; i++)
            {
                var bytes = new byte[4 * ChunkSize];
                Array.Fill(bytes, (byte)i);
                volume.Write([new BlockWrite(random.Next(13) * (long)ChunkSize, bytes)]);
            }
        });
        writer.Start();
        var content = new byte[16 * ChunkSize];
        bool isTorn = false;
        for (int i = 0; i < 2000 && !isTorn; i++)
        {
            volume.Read([new BlockRead(0, content)]);
            for (int chunk = 0; chunk < 16; chunk++)
            {
                isTorn |= content.AsSpan(chunk * ChunkSize, ChunkSize).ContainsAnyExcept(content[chunk * ChunkSize]);
            }
        }

        stop.Cancel();
        writer.Join();
        Assert.False(isTorn, "a read saw half of a write to a chunk");
    }

    private static void WriteOwnRange(Volume volume, Random random, byte[] model, int start, int length)
    {
        var content = new ContentSource(random);
        for (int i = 0; i < 60; i++)
        {
            int offset = start + random.Next(length);
            int count = Math.Min(1 + random.Next(random.Next(2) == 0 ? 600 : 12_000), start + length - offset);
            switch (random.Next(6))
            {
                case 0:
                    volume.Trim(offset, count);
                    model.AsSpan(offset, count).Clear();
                    break;
                case 1:
                    var found = new byte[count];
                    volume.Read([new BlockRead(offset, found)]);
                    Assert.True(model.AsSpan(offset, count).SequenceEqual(found), $"other bytes at {offset}");
                    break;
                default:
                    byte[] bytes = content.Next(count);
                    volume.Write([new BlockWrite(offset, bytes)]);
                    bytes.CopyTo(model.AsSpan(offset));
                    break;
            }
        }
    }

    private static void RequireContent(StoreLab lab, Volume volume, byte[] model)
    {
        var content = new byte[model.Length];
        volume.Read([new BlockRead(0, content)]);
        int at = content.AsSpan().CommonPrefixLength(model);
        if (at < model.Length)
        {
            throw lab.Failure($"byte {at} is {content[at]:x2} in place of {model[at]:x2}");
        }
    }
}
