using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Store.Tests.Devices;

/// <summary>Files and block devices beyond the contract: how they are opened, full disks, failed syncs.</summary>
[Collection(LoopDeviceCollection.Name)]
public sealed class HostDeviceTests : IDisposable
{
    private static readonly HostDeviceOptions Plain = new(IsReadOnly: false, IsDirect: false);

    private readonly TemporaryDirectory _directory = new();

    private string FilePath => Path.Combine(_directory.Path, "file");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Missing_file_is_created_sparse_and_private_and_an_existing_one_keeps_its_size_and_content()
    {
        using (FileDevice device = FileDevice.Open(FilePath, Plain, createSize: 64 << 20))
        {
            Assert.True(device.IsNew);
            Assert.Equal(64 << 20, device.Size);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
            Assert.Equal("0", HostTool.Run("stat", "-c", "%b", FilePath).Trim());
            device.Write([new BlockWrite(5, new byte[] { 1, 2, 3 })]);
        }

        using FileDevice again = FileDevice.Open(FilePath, Plain, createSize: 1 << 20);
        Assert.False(again.IsNew);
        Assert.Equal(64 << 20, again.Size);
        byte[] found = new byte[3];
        again.Read([new BlockRead(5, found)]);
        Assert.Equal([1, 2, 3], found);
    }

    [Fact]
    public void File_that_is_missing_or_of_another_kind_is_refused_with_its_path()
    {
        StoreIOException missing = Assert.Throws<StoreIOException>(() => FileDevice.Open(FilePath, Plain));
        Assert.Contains(FilePath, missing.Message, StringComparison.Ordinal);
        Assert.Throws<StoreIOException>(() => FileDevice.Open(FilePath, new HostDeviceOptions(true, false), createSize: 512));
        Assert.False(File.Exists(FilePath));
        Assert.Contains("no regular file", Assert.Throws<StoreIOException>(() =>
            FileDevice.Open("/dev/null", Plain)).Message, StringComparison.Ordinal);
        File.WriteAllText(FilePath, "no block device");
        Assert.Contains("no block device", Assert.Throws<StoreIOException>(() =>
            RawDevice.Open(FilePath, Plain)).Message, StringComparison.Ordinal);
        HostTool.Run("mkfifo", FilePath + ".pipe");
        Assert.Contains("no regular file", Assert.Throws<StoreIOException>(() =>
            FileDevice.Open(FilePath + ".pipe", new HostDeviceOptions(true, false))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_has_one_opener_that_writes_or_many_that_read()
    {
        using (FileDevice.Open(FilePath, Plain, createSize: 1 << 20))
        {
            Assert.Throws<StoreLockedException>(() => FileDevice.Open(FilePath, Plain));
            Assert.Throws<StoreLockedException>(() => FileDevice.Open(FilePath, new HostDeviceOptions(true, false)));
        }

        using FileDevice first = FileDevice.Open(FilePath, new HostDeviceOptions(true, false));
        using FileDevice second = FileDevice.Open(FilePath, new HostDeviceOptions(true, false));
        Assert.Throws<StoreLockedException>(() => FileDevice.Open(FilePath, Plain));
    }

    [Fact]
    public void Read_only_file_refuses_changes()
    {
        File.WriteAllBytes(FilePath, new byte[8192]);
        using FileDevice device = FileDevice.Open(FilePath, new HostDeviceOptions(true, false));
        Assert.True(device.IsReadOnly);
        Assert.Throws<DeviceReadOnlyException>(() => device.Write([new BlockWrite(0, new byte[1])]));
        Assert.Throws<DeviceReadOnlyException>(() => device.Trim(0, 4096));
        Assert.Throws<DeviceReadOnlyException>(() => device.WriteZeroes(0, 4096, mayTrim: false));
        device.Flush();
    }

    [Fact]
    public void Size_that_direct_access_cannot_serve_is_refused()
    {
        File.WriteAllBytes(FilePath, new byte[4096 + 100]);
        Assert.Contains("no multiple of that", Assert.Throws<StoreIOException>(() =>
            FileDevice.Open(FilePath, Plain with { IsDirect = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_shrinks_while_it_is_served_is_an_error_and_not_zeroes()
    {
        using FileDevice device = FileDevice.Open(FilePath, Plain, createSize: 1 << 20);
        HostTool.Run("truncate", "--size", "4096", FilePath);
        device.Read([new BlockRead(0, new byte[4096])]);
        Assert.Contains("it ends at 4096", Assert.Throws<StoreIOException>(() =>
            device.Read([new BlockRead(0, new byte[4097])])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Trimmed_room_is_given_back_and_zeroed_room_is_kept()
    {
        using FileDevice device = FileDevice.Open(FilePath, Plain, createSize: 1 << 20);
        Assert.True(device.ZeroesFast(mayTrim: true));
        Assert.True(device.ZeroesFast(mayTrim: false));
        device.WriteZeroes(0, 1 << 20, mayTrim: false);
        Assert.Equal(2048, Blocks());
        device.Trim(0, 1 << 19);
        Assert.Equal(1024, Blocks());

        long Blocks() => long.Parse(HostTool.Run("stat", "-c", "%b", FilePath), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Full_disk_fails_the_write_and_the_device_goes_on(bool isDirect)
    {
        Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");
        using var disk = new SmallFileSystem(8 << 20);
        string path = Path.Combine(disk.Path, "file");
        using FileDevice device = FileDevice.Open(path, Plain with { IsDirect = isDirect }, createSize: 64 << 20);
        disk.Fill(left: 256 << 10);
        byte[] data = [.. Enumerable.Repeat((byte)7, 128 << 10)];
        device.Write([new BlockWrite(0, data)]);
        Assert.Throws<StoreFullException>(() => device.Write([new BlockWrite(1 << 20, new byte[1 << 20])]));
        Assert.Throws<StoreFullException>(() => device.WriteZeroes(4 << 20, 4 << 20, mayTrim: false));
        device.Trim(1 << 20, 8 << 20);
        device.Write([new BlockWrite(1 << 20, data.AsMemory(0, 4096))]);
        device.Flush();
        byte[] found = new byte[data.Length];
        device.Read([new BlockRead(0, found)]);
        Assert.Equal(data, found);
    }

    [Fact]
    public void After_a_flush_that_failed_nothing_is_acknowledged_until_the_device_is_opened_anew()
    {
        Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");

        // A device over a sparse file on a disk that is full: what the page cache has taken cannot be written back.
        using var disk = new SmallFileSystem(8 << 20);
        using var loop = new LoopDevice(Path.Combine(disk.Path, "image"), 64 << 20);
        byte[] data = [.. Enumerable.Repeat((byte)7, 1 << 20)];
        using (RawDevice device = RawDevice.Open(loop.Path, Plain))
        {
            disk.Fill(left: 0);
            device.Write([new BlockWrite(0, data)]);
            Assert.Throws<StoreIOException>(device.Flush);
            Assert.Contains("until voe-server has been started again", Assert.Throws<StoreFailedException>(device.Flush).Message,
                StringComparison.Ordinal);
            Assert.Throws<StoreFailedException>(() => device.Write([new BlockWrite(0, data)]));
            Assert.Throws<StoreFailedException>(() => device.Trim(0, 4096));
            Assert.Throws<StoreFailedException>(() => device.WriteZeroes(0, 4096, mayTrim: true));
        }

        File.Delete(Path.Combine(disk.Path, "filler"));
        using RawDevice again = RawDevice.Open(loop.Path, Plain);
        byte[] found = new byte[data.Length];
        again.Read([new BlockRead(0, found)]);
        Assert.Equal(new byte[data.Length], found); // what was lost is seen to be lost
        again.Write([new BlockWrite(0, data)]);
        again.Flush();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Partition_is_served_within_its_borders(bool isDirect)
    {
        Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");
        byte[] image = [.. Enumerable.Repeat((byte)7, 4 << 20)];
        File.WriteAllBytes(FilePath, image);
        using (var loop = new LoopDevice(FilePath, 4 << 20))
        {
            using RawDevice device = RawDevice.Open(loop.AddPartition(2048, 2048), Plain with { IsDirect = isDirect });
            Assert.Equal(1 << 20, device.Size);
            Assert.True(device.ZeroesFast(mayTrim: true));
            device.Trim(0, 1 << 19);
            device.WriteZeroes(1 << 19, 1 << 19, mayTrim: false);
            device.Write([new BlockWrite((1 << 20) - 3, new byte[] { 1, 2, 3 })]);
            device.Flush();
        }

        Array.Clear(image, 1 << 20, 1 << 20);
        new byte[] { 1, 2, 3 }.CopyTo(image, (2 << 20) - 3);
        Assert.True(File.ReadAllBytes(FilePath).AsSpan().SequenceEqual(image));
    }

    [Fact]
    public void Block_device_that_is_mounted_is_refused_for_writing()
    {
        Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");
        using var disk = new SmallFileSystem(8 << 20);
        string device = HostTool.Run("findmnt", "-n", "-o", "SOURCE", disk.Path).Trim();
        StoreIOException busy = Assert.Throws<StoreIOException>(() => RawDevice.Open(device, Plain));
        Assert.Contains("is it mounted", busy.Message, StringComparison.Ordinal);
        using RawDevice reader = RawDevice.Open(device, new HostDeviceOptions(true, false));
        Assert.Equal(8 << 20, reader.Size);
    }
}
