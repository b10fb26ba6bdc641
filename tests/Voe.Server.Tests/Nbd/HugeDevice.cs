using Voe.Store.Devices;

namespace Voe.Server.Tests.Nbd;

/// <summary>Petabytes of zeroes; remembers the last range that was trimmed or zeroed.</summary>
internal sealed class HugeDevice : IBlockDevice
{
    public const long HugeSize = (3L << 50) + 512;

    public long Size => HugeSize;

    public int PreferredBlockSize => 4096;

    public bool IsReadOnly => false;

    public (long Offset, long Length) LastZeroed { get; private set; }

    public void Read(ReadOnlySpan<BlockRead> reads)
    {
        foreach (BlockRead read in reads)
        {
            read.Buffer.Span.Clear();
        }
    }

    public void Write(ReadOnlySpan<BlockWrite> writes)
    {
    }

    public void Flush()
    {
    }

    public void Trim(long offset, long length) => LastZeroed = (offset, length);

    public void WriteZeroes(long offset, long length, bool mayTrim) => LastZeroed = (offset, length);

    public int GetExtents(long offset, long length, Span<DeviceExtent> extents)
    {
        extents[0] = new DeviceExtent(offset, length, ExtentKind.Hole);
        return 1;
    }
}
