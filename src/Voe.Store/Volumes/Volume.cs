using Voe.Store.Chunks;
using Voe.Store.Devices;

namespace Voe.Store.Volumes;

/// <summary>A mutable block device in a store.</summary>
public sealed class Volume : IBlockDevice
{
    internal Volume()
    {
    }

    /// <summary>The volume's name.</summary>
    public string Name => throw new NotSupportedException();

    /// <inheritdoc/>
    public long Size => throw new NotSupportedException();

    /// <summary>Size of a chunk in bytes.</summary>
    public int ChunkSize => throw new NotSupportedException();

    /// <inheritdoc/>
    public int PreferredBlockSize => ChunkSize;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <summary>How new chunks are compressed; <see cref="SetCompression"/> changes it.</summary>
    public CompressionSetting Compression => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<BlockRead> reads) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<BlockWrite> writes) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Flush() => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Trim(long offset, long length) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayTrim) => throw new NotSupportedException();

    /// <inheritdoc/>
    public int GetExtents(long offset, long length, Span<DeviceExtent> extents) => throw new NotSupportedException();

    /// <summary>Changes the size; what lies beyond a smaller size is gone, what a larger size adds reads as zeroes. Durable on return.</summary>
    public void Resize(long size) => throw new NotSupportedException();

    /// <summary>Changes the name. Durable on return.</summary>
    public void Rename(string name) => throw new NotSupportedException();

    /// <summary>Changes how new chunks are compressed; stored ones stay as they are. Durable on return.</summary>
    public void SetCompression(CompressionSetting compression) => throw new NotSupportedException();

    /// <summary>Deletes the volume; later requests to it fail with <see cref="VolumeDeletedException"/>. Durable on return.</summary>
    public void Delete() => throw new NotSupportedException();
}
