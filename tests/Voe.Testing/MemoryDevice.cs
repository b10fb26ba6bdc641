using Voe.Store;
using Voe.Store.Devices;

namespace Voe.Testing;

/// <summary>
/// A device in memory: what a protocol is tested and measured against. It calls <see cref="BeforeRead"/> and its like
/// first, where a test may block, count or throw.
/// </summary>
/// <remarks>Safe from many threads, except that requests that overlap in place and time have no order.</remarks>
public sealed class MemoryDevice : IBlockDevice
{
    private readonly byte[] _bytes;
    private long _size;
    private int _flushCount;
    private int _readCallCount;
    private int _writeCallCount;
    private int _extentsCallCount;

    /// <summary>A device of zeroes.</summary>
    public MemoryDevice(long size, int preferredBlockSize = 4096, bool isReadOnly = false)
    {
        _bytes = GC.AllocateArray<byte>(checked((int)size), pinned: true);
        _size = size;
        PreferredBlockSize = preferredBlockSize;
        IsReadOnly = isReadOnly;
    }

    /// <inheritdoc/>
    public long Size => Interlocked.Read(ref _size);

    /// <inheritdoc/>
    public int PreferredBlockSize { get; }

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>The content.</summary>
    public Span<byte> Bytes => _bytes.AsSpan(0, (int)Size);

    /// <summary>Calls of <see cref="Flush"/> that have returned.</summary>
    public int FlushCount => Volatile.Read(ref _flushCount);

    /// <summary>Calls of <see cref="Read"/> so far.</summary>
    public int ReadCallCount => Volatile.Read(ref _readCallCount);

    /// <summary>Calls of <see cref="Write"/> so far.</summary>
    public int WriteCallCount => Volatile.Read(ref _writeCallCount);

    /// <summary>Calls of <see cref="GetExtents"/> so far.</summary>
    public int ExtentsCallCount => Volatile.Read(ref _extentsCallCount);

    /// <summary>What <see cref="ZeroesFast"/> says when zeroes may be a hole, and when they may not.</summary>
    public (bool AsHole, bool AsData) FastZeroes { get; set; }

    /// <summary>Called before each prefetch, with its offset and length.</summary>
    public Action<long, long>? BeforePrefetch { get; set; }

    /// <summary>Called before each search for extents, with its offset and length.</summary>
    public Action<long, long>? BeforeExtents { get; set; }

    /// <summary>Called before each read of a group, with its offset and length.</summary>
    public Action<long, int>? BeforeRead { get; set; }

    /// <summary>Called before each write of a group, with its offset and length.</summary>
    public Action<long, int>? BeforeWrite { get; set; }

    /// <summary>Called before each trim and write-zeroes, with its offset, its length, and whether it may make a hole.</summary>
    public Action<long, long, bool>? BeforeZero { get; set; }

    /// <summary>Called before each flush.</summary>
    public Action? BeforeFlush { get; set; }

    /// <summary>Makes the device smaller, or as large again as it was, as a volume that is resized while in use.</summary>
    public void Shrink(long size) => Interlocked.Exchange(ref _size, size);

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<BlockRead> reads)
    {
        Interlocked.Increment(ref _readCallCount);
        foreach (ref readonly BlockRead read in reads)
        {
            BeforeRead?.Invoke(read.Offset, read.Buffer.Length);
            Range(read.Offset, read.Buffer.Length).CopyTo(read.Buffer.Span);
        }
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<BlockWrite> writes)
    {
        RequireWritable();
        Interlocked.Increment(ref _writeCallCount);
        foreach (ref readonly BlockWrite write in writes)
        {
            _ = Range(write.Offset, write.Data.Length);
        }

        foreach (ref readonly BlockWrite write in writes)
        {
            BeforeWrite?.Invoke(write.Offset, write.Data.Length);
            write.Data.Span.CopyTo(Range(write.Offset, write.Data.Length));
        }
    }

    /// <inheritdoc/>
    public void Flush()
    {
        BeforeFlush?.Invoke();
        Interlocked.Increment(ref _flushCount);
    }

    /// <inheritdoc/>
    public void Trim(long offset, long length) => WriteZeroes(offset, length, mayTrim: true);

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayTrim)
    {
        RequireWritable();
        BeforeZero?.Invoke(offset, length, mayTrim);
        Range(offset, length).Clear();
    }

    /// <inheritdoc/>
    public bool ZeroesFast(bool mayTrim) => mayTrim ? FastZeroes.AsHole : FastZeroes.AsData;

    /// <inheritdoc/>
    public void Prefetch(long offset, long length)
    {
        BeforePrefetch?.Invoke(offset, length);
        Range(offset, length);
    }

    /// <inheritdoc/>
    public int GetExtents(long offset, long length, Span<DeviceExtent> extents)
    {
        Interlocked.Increment(ref _extentsCallCount);
        BeforeExtents?.Invoke(offset, length);
        int count = 0;
        _ = Range(offset, length);
        long end = offset + length;
        while (offset < end)
        {
            long next = Math.Min(end, (offset / PreferredBlockSize + 1) * PreferredBlockSize);
            ExtentKind kind = Range(offset, next - offset).ContainsAnyExcept((byte)0) ? ExtentKind.Data : ExtentKind.Hole;
            if (count > 0 && extents[count - 1].Kind == kind)
            {
                extents[count - 1] = extents[count - 1] with { Length = extents[count - 1].Length + next - offset };
            }
            else if (count == extents.Length)
            {
                break;
            }
            else
            {
                extents[count++] = new DeviceExtent(offset, next - offset, kind);
            }

            offset = next;
        }

        return count;
    }

    private Span<byte> Range(long offset, long length)
    {
        long size = Size;
        if (offset < 0 || length < 0 || offset > size || length > size - offset)
        {
            throw new RequestOutOfRangeException($"{length} bytes at {offset} reach outside of a device of {size} bytes");
        }

        return _bytes.AsSpan((int)offset, (int)length);
    }

    private void RequireWritable()
    {
        if (IsReadOnly)
        {
            throw new DeviceReadOnlyException("the device is read-only");
        }
    }
}
