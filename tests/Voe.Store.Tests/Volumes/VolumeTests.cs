using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Volumes;

/// <summary>What a volume promises, one claim at a time.</summary>
public sealed class VolumeTests : IDisposable
{
    private const int ChunkSize = 4096;

    private readonly StoreLab _lab = new(seed: 1);

    public VolumeTests() => _lab.Reopen();

    private VoeStore Store => _lab.Store;

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(4096)]
    [InlineData(8192)]
    [InlineData(16384)]
    [InlineData(32768)]
    [InlineData(65536)]
    public void A_volume_of_any_chunk_size_keeps_its_facts_and_bytes_over_a_reopening(int chunkSize)
    {
        byte[] bytes = Noise(300_000, 1);
        Volume volume = Store.CreateVolume("a", 1_000_448, chunkSize, CompressionSetting.Zstd(2));
        volume.Write([new BlockWrite(12_345, bytes)]);

        _lab.CloseQuietly();
        volume = _lab.Reopen().OpenVolume("a");

        Assert.Equal(
            ("a", 1_000_448L, chunkSize, CompressionSetting.Zstd(2)), (volume.Name, volume.Size, volume.ChunkSize, volume.Compression));
        Assert.Equal(chunkSize, volume.PreferredBlockSize);
        Assert.Equal(bytes, Read(volume, 12_345, bytes.Length));
        Assert.Equal(-1, Read(volume, 0, 12_345).AsSpan().IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, Read(volume, 312_345, 1_000_448 - 312_345).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void The_same_bytes_on_two_volumes_are_stored_once()
    {
        byte[] bytes = Noise(64 * ChunkSize, 1);
        Write(Store.CreateVolume("a", bytes.Length), 0, bytes);
        long before = _lab.Disk.BytesWritten;
        Write(Store.CreateVolume("b", bytes.Length), 0, bytes);

        Assert.InRange(_lab.Disk.BytesWritten - before, 0, bytes.Length / 20);
        Assert.Equal(bytes, Read(Store.OpenVolume("b"), 0, bytes.Length));
    }

    [Fact]
    public void Bytes_that_were_stored_before_a_reopening_are_not_stored_again_whatever_their_compression()
    {
        byte[] bytes = Text(64 * ChunkSize, 1);
        Write(Store.CreateVolume("a", bytes.Length, ChunkSize, CompressionSetting.Lz4), 0, bytes);
        _lab.CloseQuietly();
        _lab.Reopen();

        long before = _lab.Disk.BytesWritten;
        Write(Store.CreateVolume("b", bytes.Length, ChunkSize, CompressionSetting.None), 0, bytes);
        Assert.InRange(_lab.Disk.BytesWritten - before, 0, bytes.Length / 20);
    }

    [Fact]
    public void Equal_chunks_of_one_write_are_stored_once()
    {
        byte[] chunk = Noise(ChunkSize, 1);
        byte[] bytes = new byte[64 * ChunkSize];
        for (int i = 0; i < 64; i++)
        {
            chunk.CopyTo(bytes, i * ChunkSize);
        }

        Volume volume = Store.CreateVolume("a", bytes.Length);
        long before = _lab.Disk.BytesWritten;
        Write(volume, 0, bytes);
        Assert.InRange(_lab.Disk.BytesWritten - before, ChunkSize, 3 * ChunkSize);
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));
    }

    [Fact]
    public void Text_is_compressed_and_noise_is_not_inflated()
    {
        Volume volume = Store.CreateVolume("a", 1 << 20, ChunkSize, CompressionSetting.Lz4);
        long before = _lab.Disk.BytesWritten;
        Write(volume, 0, Text(64 * ChunkSize, 1));
        long text = _lab.Disk.BytesWritten - before;
        before = _lab.Disk.BytesWritten;
        Write(volume, 512 << 10, Noise(64 * ChunkSize, 1));
        long noise = _lab.Disk.BytesWritten - before;

        Assert.InRange(text, 1, 64 * ChunkSize * 3 / 4);
        Assert.InRange(noise, 64 * ChunkSize, 64 * ChunkSize * 104 / 100);
    }

    [Fact]
    public void Zeroes_are_holes_however_they_came()
    {
        Volume volume = Store.CreateVolume("a", 256 * ChunkSize);
        Write(volume, 0, Noise(256 * ChunkSize, 1));
        volume.Trim(0, 64 * ChunkSize);
        volume.WriteZeroes(64 * ChunkSize, 64 * ChunkSize, mayTrim: false);
        long before = _lab.Disk.BytesWritten;
        Write(volume, 128 * ChunkSize, new byte[64 * ChunkSize]);

        Assert.InRange(_lab.Disk.BytesWritten - before, 0, ChunkSize);
        Assert.Equal(
            [new(0, 192 * ChunkSize, ExtentKind.Hole), new(192 * ChunkSize, 64 * ChunkSize, ExtentKind.Data)],
            Extents(volume, 0, volume.Size));
        Assert.Equal(-1, Read(volume, 0, 192 * ChunkSize).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Extents_agree_with_the_content_and_neighbours_are_merged()
    {
        Volume volume = Store.CreateVolume("a", 100 * ChunkSize);
        Assert.Equal([new(0, 100 * ChunkSize, ExtentKind.Hole)], Extents(volume, 0, volume.Size));

        Write(volume, 10 * ChunkSize, Noise(5 * ChunkSize, 1));
        Write(volume, 15 * ChunkSize, Noise(5 * ChunkSize, 2));
        Write(volume, (50 * ChunkSize) + 100, Noise(10, 3));
        Assert.Equal(
            [
                new(0, 10 * ChunkSize, ExtentKind.Hole), new(10 * ChunkSize, 10 * ChunkSize, ExtentKind.Data),
                new(20 * ChunkSize, 30 * ChunkSize, ExtentKind.Hole), new(50 * ChunkSize, ChunkSize, ExtentKind.Data),
                new(51 * ChunkSize, 49 * ChunkSize, ExtentKind.Hole),
            ],
            Extents(volume, 0, volume.Size));

        // A part of the volume, and not even at a chunk's border.
        Assert.Equal(
            [new((9 * ChunkSize) + 1, ChunkSize - 1, ExtentKind.Hole), new(10 * ChunkSize, ChunkSize + 7, ExtentKind.Data)],
            Extents(volume, (9 * ChunkSize) + 1, (2 * ChunkSize) + 6));
    }

    [Fact]
    public void An_empty_trim_changes_nothing_and_an_unaligned_one_exactly_its_range()
    {
        byte[] bytes = Noise(8 * ChunkSize, 1);
        Volume volume = Store.CreateVolume("a", bytes.Length);
        Write(volume, 0, bytes);
        volume.Trim(ChunkSize, 0);
        volume.WriteZeroes(100, 0, mayTrim: true);
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));

        volume.Trim(100, 3 * ChunkSize);
        volume.WriteZeroes((5 * ChunkSize) + 1, 2, mayTrim: false);
        bytes.AsSpan(100, 3 * ChunkSize).Clear();
        bytes.AsSpan((5 * ChunkSize) + 1, 2).Clear();
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));
    }

    [Fact]
    public void What_was_cut_off_by_a_resize_does_not_come_back()
    {
        byte[] bytes = Noise(8 * ChunkSize, 1);
        Volume volume = Store.CreateVolume("a", bytes.Length);
        Write(volume, 0, bytes);
        volume.Resize((2 * ChunkSize) + 512);
        Assert.Throws<RequestOutOfRangeException>(() => Read(volume, 2 * ChunkSize, ChunkSize));
        volume.Resize(bytes.Length * 2);

        bytes.AsSpan((2 * ChunkSize) + 512).Clear();
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));
        Assert.Equal(-1, Read(volume, bytes.Length, bytes.Length).AsSpan().IndexOfAnyExcept((byte)0));
        _lab.CloseQuietly();
        Assert.Equal(bytes, Read(_lab.Reopen().OpenVolume("a"), 0, bytes.Length));
    }

    [Fact]
    public void A_new_volume_under_an_old_name_is_empty()
    {
        Volume old = Store.CreateVolume("a", 8 * ChunkSize);
        Write(old, 0, Noise(8 * ChunkSize, 1));
        old.Delete();
        Assert.Throws<VolumeNotFoundException>(() => Store.OpenVolume("a"));
        Volume volume = Store.CreateVolume("a", 8 * ChunkSize);

        Assert.Equal(-1, Read(volume, 0, 8 * ChunkSize).AsSpan().IndexOfAnyExcept((byte)0));
        Assert.Throws<VolumeDeletedException>(() => Read(old, 0, 1));
        Assert.Throws<VolumeDeletedException>(() => Write(old, 0, new byte[1]));
        _lab.CloseQuietly();
        Assert.Equal(-1, Read(_lab.Reopen().OpenVolume("a"), 0, 8 * ChunkSize).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void A_renamed_volume_is_found_under_its_new_name_alone_by_old_handles_too()
    {
        Volume volume = Store.CreateVolume("a", ChunkSize);
        Store.CreateVolume("b", ChunkSize);
        Assert.Throws<VolumeExistsException>(() => volume.Rename("b"));
        volume.Rename("c");
        Write(volume, 0, Noise(ChunkSize, 1));

        Assert.Equal("c", volume.Name);
        Assert.Equal("b c", string.Join(' ', Store.Volumes.Select(found => found.Name)));
        Assert.Throws<VolumeNotFoundException>(() => Store.OpenVolume("a"));
        Assert.Equal(Noise(ChunkSize, 1), Read(Store.OpenVolume("c"), 0, ChunkSize));
    }

    [Theory]
    [InlineData("", 4096, 4096)]
    [InlineData("-a", 4096, 4096)]
    [InlineData("a/b", 4096, 4096)]
    [InlineData("a b", 4096, 4096)]
    [InlineData("a", 0, 4096)]
    [InlineData("a", -512, 4096)]
    [InlineData("a", 1000, 4096)]
    [InlineData("a", 4096, 2048)]
    [InlineData("a", 4096, 5000)]
    [InlineData("a", 4096, 131072)]
    public void What_no_volume_can_be_is_refused(string name, long size, int chunkSize)
    {
        Assert.Throws<InvalidVolumeException>(() => Store.CreateVolume(name, size, chunkSize));
        Assert.Empty(Store.Volumes);
    }

    [Fact]
    public void A_request_outside_the_volume_changes_nothing()
    {
        Volume volume = Store.CreateVolume("a", 2 * ChunkSize);
        byte[] bytes = Noise(2 * ChunkSize, 1);
        Write(volume, 0, bytes);

        Assert.Throws<RequestOutOfRangeException>(
            () => volume.Write([new BlockWrite(0, new byte[1]), new BlockWrite((2 * ChunkSize) - 1, new byte[2])]));
        Assert.Throws<RequestOutOfRangeException>(() => volume.Write([new BlockWrite(-1, new byte[1])]));
        Assert.Throws<RequestOutOfRangeException>(() => volume.Write([new BlockWrite(long.MaxValue, new byte[1])]));
        Assert.Throws<RequestOutOfRangeException>(() => Read(volume, 2 * ChunkSize, 1));
        Assert.Throws<RequestOutOfRangeException>(() => volume.Trim(1, 2 * ChunkSize));
        Assert.Throws<RequestOutOfRangeException>(() => volume.WriteZeroes(ChunkSize, long.MaxValue, mayTrim: true));
        Assert.Throws<RequestOutOfRangeException>(() => Extents(volume, ChunkSize, 2 * ChunkSize));
        Assert.Equal(bytes, Read(volume, 0, 2 * ChunkSize));
    }

    [Fact]
    public void What_is_read_in_pieces_is_cached_when_it_comes_back_and_a_long_run_is_not()
    {
        _lab.CloseQuietly();
        _lab.Options = _lab.Options with { ChunkCacheSize = 4 << 20 };
        Volume volume = _lab.Reopen().CreateVolume("a", 1 << 20);
        Write(volume, 0, Noise(1 << 20, 1));

        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(_ => ReadsDisk(8192, 4096)));
        Assert.Equal([true, true, true], Enumerable.Range(0, 3).Select(_ => ReadsDisk(512 << 10, 512 << 10)));

        bool ReadsDisk(long offset, int length)
        {
            long before = _lab.Disk.BytesRead;
            Read(volume, offset, length);
            return _lab.Disk.BytesRead != before;
        }
    }

    [Fact]
    public void What_was_prefetched_is_read_without_the_disk_also_where_a_plain_read_of_its_length_is_not_cached()
    {
        _lab.CloseQuietly();
        _lab.Options = _lab.Options with { ChunkCacheSize = 4 << 20 };
        Volume volume = _lab.Reopen().CreateVolume("a", 1 << 20);
        byte[] bytes = Noise(1 << 20, 1);
        Write(volume, 0, bytes);
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));

        long before = _lab.Disk.BytesRead;
        volume.Prefetch(100, bytes.Length - 100);
        Assert.InRange(_lab.Disk.BytesRead - before, bytes.Length, 2 * bytes.Length);
        before = _lab.Disk.BytesRead;
        Assert.Equal(bytes, Read(volume, 0, bytes.Length));
        Assert.Equal(before, _lab.Disk.BytesRead);
        Assert.Throws<RequestOutOfRangeException>(() => volume.Prefetch(1 << 20, 1));
    }

    [Fact]
    public void A_volume_of_many_tebibytes_costs_nothing_until_it_is_written()
    {
        const long Size = 1L << 44;
        Volume volume = Store.CreateVolume("a", Size);
        byte[] bytes = Noise(ChunkSize, 1);
        Write(volume, Size - ChunkSize, bytes);
        volume.Trim(0, Size - ChunkSize);

        Assert.Equal(bytes, Read(volume, Size - ChunkSize, ChunkSize));
        volume.Trim(0, Size);
        Assert.Equal(-1, Read(volume, Size - ChunkSize, ChunkSize).AsSpan().IndexOfAnyExcept((byte)0));
        Assert.InRange(_lab.Disk.BytesWritten, 0, 64 << 10);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Extents_of_tebibytes_with_little_data_are_found_in_a_few_calls(bool afterReopening)
    {
        const long Size = 1L << 43;
        Volume volume = Store.CreateVolume("a", Size);
        foreach (long offset in new[] { 0, 1L << 40, (1L << 42) + (5 * ChunkSize), Size - ChunkSize })
        {
            Write(volume, offset, Noise(ChunkSize, 1));
        }

        if (afterReopening)
        {
            _lab.CloseQuietly();
            volume = _lab.Reopen().OpenVolume("a");
        }

        var extents = new DeviceExtent[16];
        Assert.Equal(7, volume.GetExtents(0, Size, extents));
        Assert.Equal([0, 1L << 40, (1L << 42) + (5 * ChunkSize), Size - ChunkSize],
            extents.Where(extent => extent is { Kind: ExtentKind.Data, Length: ChunkSize }).Select(extent => extent.Offset));
        Assert.Equal(Size, extents.Sum(extent => extent.Length));
    }

    private static void Write(Volume volume, long offset, byte[] bytes) => volume.Write([new BlockWrite(offset, bytes)]);

    private static byte[] Read(Volume volume, long offset, int length)
    {
        var bytes = new byte[length];
        volume.Read([new BlockRead(offset, bytes)]);
        return bytes;
    }

    /// <summary>All extents of a range: they may come in several calls, and are merged where those meet.</summary>
    private static List<DeviceExtent> Extents(Volume volume, long offset, long length)
    {
        var all = new List<DeviceExtent>();
        var buffer = new DeviceExtent[3];
        while (length > 0)
        {
            int count = volume.GetExtents(offset, length, buffer);
            Assert.InRange(count, 1, buffer.Length);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(offset, buffer[i].Offset);
                Assert.True(i == 0 || buffer[i].Kind != buffer[i - 1].Kind, "neighbours of one kind are merged");
                offset += buffer[i].Length;
                length -= buffer[i].Length;
                if (all.Count > 0 && all[^1].Kind == buffer[i].Kind)
                {
                    all[^1] = all[^1] with { Length = all[^1].Length + buffer[i].Length };
                }
                else
                {
                    all.Add(buffer[i]);
                }
            }
        }

        return all;
    }

    private static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Text(int length, int seed)
    {
        var bytes = new byte[length];
        ContentSource.FillWithText(new Random(seed), bytes);
        return bytes;
    }
}
