using Voe.Store;
using Voe.Store.Devices;

namespace Voe.Server.Exports;

/// <summary>A device that nobody may write to through here, though others may. Safe from many threads, as the device is.</summary>
/// <param name="device">The device; not owned.</param>
internal sealed class ReadOnlyDevice(IBlockDevice device) : IBlockDevice
{
    /// <inheritdoc/>
    public long Size => device.Size;

    /// <inheritdoc/>
    public int PreferredBlockSize => device.PreferredBlockSize;

    /// <inheritdoc/>
    public bool IsReadOnly => true;

    /// <summary>The device that does the work: the one behind, if this one only keeps writers away.</summary>
    public static IBlockDevice Behind(IBlockDevice device) => device is ReadOnlyDevice guard ? guard.Inner : device;

    private IBlockDevice Inner => device;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<BlockRead> reads) => device.Read(reads);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<BlockWrite> writes) => throw Refusal();

    /// <inheritdoc/>
    public void Flush() => device.Flush();

    /// <inheritdoc/>
    public void Trim(long offset, long length) => throw Refusal();

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayTrim) => throw Refusal();

    /// <inheritdoc/>
    public void Prefetch(long offset, long length) => device.Prefetch(offset, length);

    /// <inheritdoc/>
    public int GetExtents(long offset, long length, Span<DeviceExtent> extents) => device.GetExtents(offset, length, extents);

    private static DeviceReadOnlyException Refusal() => new("the export is read-only");
}
