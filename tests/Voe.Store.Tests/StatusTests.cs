using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests;

/// <summary>What a store tells of itself.</summary>
public sealed class StatusTests : IDisposable
{
    private const int ChunkSize = 4096;

    private readonly StoreLab _lab = new(seed: 1);

    public StatusTests() => _lab.Reopen();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Usage_counts_chunks_once_and_what_volumes_refer_to_as_often_as_they_do()
    {
        byte[] noise = Noise(16);
        Volume first = Fill("a", noise);
        Volume second = Fill("b", noise);
        _lab.Store.Checkpoint();
        StoreUsage usage = _lab.Store.GetUsage();
        Assert.Equal((16L, 16L * ChunkSize, 32L * ChunkSize, 16L * ChunkSize),
            (usage.ChunkCount, usage.StoredBytes, usage.ReferencedBytes, usage.MaxLiveBytes));
        Assert.Equal(new VolumeUsage(16 * ChunkSize, 16 * ChunkSize, 16 * ChunkSize), first.GetUsage());
        Assert.Equal(new VolumeUsage(16 * ChunkSize, 16 * ChunkSize, 0), second.GetUsage());

        // The half of the chunks that no volume holds any more can be cleaned away one day.
        first.Trim(0, 8 * ChunkSize);
        second.Trim(0, 8 * ChunkSize);
        first.Trim(8 * ChunkSize, 8 * ChunkSize);
        _lab.Store.Checkpoint();
        usage = _lab.Store.GetUsage();
        Assert.Equal((16L * ChunkSize, 8L * ChunkSize), (usage.StoredBytes, usage.MaxLiveBytes));
    }

    [Fact]
    public void Activity_follows_the_log_to_disk_and_index()
    {
        Volume volume = Fill("a", Noise(4));
        StoreActivity written = _lab.Store.GetActivity();
        Assert.Null(written.Failure);
        Assert.True(written.DurableLsn < written.AppliedLsn);
        Assert.True(written.CheckpointLsn < written.AppliedLsn);
        Assert.True(written.BytesSinceCheckpoint > 4 * ChunkSize);

        volume.Flush();
        Assert.Equal(written.AppliedLsn, _lab.Store.GetActivity().DurableLsn);
        _lab.Store.Checkpoint();
        StoreActivity after = _lab.Store.GetActivity();
        Assert.Equal((written.AppliedLsn, 0L), (after.CheckpointLsn, after.BytesSinceCheckpoint));

        _lab.CloseQuietly();
        StoreActivity reopened = _lab.Reopen().GetActivity();
        Assert.Equal(reopened.AppliedLsn, reopened.CheckpointLsn);
    }

    [Fact]
    public void A_deleted_volume_still_knows_its_size()
    {
        Volume volume = Fill("a", Noise(4));
        Assert.Equal((4L * ChunkSize, ChunkSize), (volume.Size, volume.ChunkSize));
        volume.Resize(5 * ChunkSize);
        Assert.Equal(5 * ChunkSize, volume.Size);
        volume.Delete();
        Assert.Equal((5L * ChunkSize, ChunkSize), (volume.Size, volume.ChunkSize));
        Assert.Throws<VolumeDeletedException>(() => volume.Read([new BlockRead(0, new byte[1])]));
        Assert.Throws<VolumeDeletedException>(() => volume.GetUsage());
    }

    private static byte[] Noise(int chunks)
    {
        byte[] noise = new byte[chunks * ChunkSize];
        new Random(1).NextBytes(noise);
        return noise;
    }

    private Volume Fill(string name, byte[] bytes)
    {
        Volume volume = _lab.Store.CreateVolume(name, bytes.Length, ChunkSize, CompressionSetting.None);
        volume.Write([new BlockWrite(0, bytes)]);
        return volume;
    }
}
