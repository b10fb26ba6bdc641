using Voe.Store.IO;

namespace Voe.Store.Devices;

/// <summary>
/// A block device of this machine, passed through; see <see cref="HostDevice"/>. One that is in use (mounted, a part of a
/// RAID or volume group) can be opened for reading alone.
/// </summary>
/// <remarks>
/// Zeroing goes by fallocate, which for a block device is what the requests BLKZEROOUT and, with a hole, BLKDISCARD with
/// zeroes guaranteed are, and keeps the page cache in step. A plain BLKDISCARD is of no use: what it leaves behind reads as
/// anything. A device that can only discard without that guarantee gets zeroes written when it is trimmed.
/// </remarks>
public sealed class RawDevice : HostDevice
{
    private RawDevice(HostFile file, HostDeviceOptions options)
        : base(file, options, zeroesFast: !options.IsReadOnly && CanWriteZeroes(file))
    {
    }

    /// <summary>The size of its logical blocks in bytes.</summary>
    public int LogicalBlockSize => File.LogicalBlockSize;

    /// <summary>Opens a block device.</summary>
    /// <exception cref="StoreIOException">It is missing, no block device, in use, or cannot be opened so.</exception>
    /// <exception cref="StoreLockedException">Somebody else has it open.</exception>
    public static RawDevice Open(string path, HostDeviceOptions options)
    {
        path = System.IO.Path.GetFullPath(path);
        var mode = new HostFileMode { IsWritable = !options.IsReadOnly, IsDirect = options.IsDirect, IsExclusive = !options.IsReadOnly };
        HostFile file = HostFile.Open(path, mode);
        try
        {
            return file.IsBlockDevice
                ? new RawDevice(file, options)
                : throw new StoreIOException($"{path} is no block device; a file needs another backend: file");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>All is data: a block device does not tell what it has given up.</summary>
    public override int GetExtents(long offset, long length, Span<DeviceExtent> extents)
    {
        RequireInside(offset, length);
        if (length == 0 || extents.IsEmpty)
        {
            return 0;
        }

        extents[0] = new DeviceExtent(offset, length, ExtentKind.Data);
        return 1;
    }

    private static bool CanWriteZeroes(HostFile file) => BlockQueue.Read(file.DeviceNumber, "write_zeroes_max_bytes") > 0;
}
