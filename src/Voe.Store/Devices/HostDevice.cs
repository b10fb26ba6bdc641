using Voe.Store.IO;

namespace Voe.Store.Devices;

/// <summary>How a file or block device of this machine is opened as a device.</summary>
/// <param name="IsReadOnly">Whether it is opened for reading alone.</param>
/// <param name="IsDirect">Whether it is read and written past the page cache (O_DIRECT).</param>
public readonly record struct HostDeviceOptions(bool IsReadOnly, bool IsDirect);

/// <summary>
/// A file or block device of this machine, served as it is. P1: a write is in the kernel, or with direct access on the
/// medium, when it returns. P2: a flush is one fdatasync, shared by all who wait; when one has failed, writes and flushes
/// are refused until it is opened anew. P3 and P4 are as good as the file system or device below: nothing is verified here.
/// </summary>
/// <remarks>Safe from many threads. Requests that end inside of blocks are possible with direct access too, and cost a read.</remarks>
public abstract unsafe class HostDevice : IBlockDevice, IDisposable
{
    private const int ZeroesPerWrite = 1 << 20;
    private static readonly byte[] Zeroes = new byte[ZeroesPerWrite];

    private readonly HostFile _file;
    private readonly DirectAccess? _direct;
    private readonly SharedFlush _flush;
    private readonly long _zeroUnit;
    private volatile bool _punches;
    private volatile bool _zeroes;

    /// <summary>Takes over an open file, and takes its lock.</summary>
    private protected HostDevice(HostFile file, HostDeviceOptions options, bool zeroesFast)
    {
        _file = file;
        IsReadOnly = options.IsReadOnly;
        file.Lock(isShared: options.IsReadOnly);
        if (options.IsDirect)
        {
            if (file.Size % file.DirectAlignment != 0)
            {
                throw new StoreIOException($"{file.Path}: direct access works in blocks of {file.DirectAlignment} bytes, and its size, "
                    + $"{file.Size}, is no multiple of that: serve it without");
            }

            _direct = new DirectAccess(file);
        }

        if (!IsReadOnly)
        {
            // A sync that failed in an earlier life left pages in memory that the medium may not have: they must not be served.
            file.SyncData();
            file.DropCache();
        }

        _flush = new SharedFlush(file.Path, file.SyncData);
        _zeroUnit = options.IsDirect ? file.DirectAlignment : file.LogicalBlockSize;
        _punches = _zeroes = zeroesFast;
    }

    /// <summary>The path that it was opened by.</summary>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public long Size => _file.Size;

    /// <inheritdoc/>
    public int PreferredBlockSize => Math.Max(4096, Math.Max(_file.PhysicalBlockSize, _file.DirectAlignment));

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>The file.</summary>
    private protected HostFile File => _file;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<BlockRead> reads)
    {
        foreach (ref readonly BlockRead read in reads)
        {
            RequireInside(read.Offset, read.Buffer.Length);
        }

        foreach (ref readonly BlockRead read in reads)
        {
            fixed (byte* start = read.Buffer.Span)
            {
                if (_direct is null)
                {
                    _file.Read(start, read.Buffer.Length, read.Offset);
                }
                else
                {
                    _direct.Read(start, read.Buffer.Length, read.Offset);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<BlockWrite> writes)
    {
        RequireWritable();
        foreach (ref readonly BlockWrite write in writes)
        {
            RequireInside(write.Offset, write.Data.Length);
        }

        foreach (ref readonly BlockWrite write in writes)
        {
            Write(write.Data.Span, write.Offset);
        }

        _flush.RequireSound();
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (!IsReadOnly)
        {
            _flush.Flush();
        }
    }

    /// <inheritdoc/>
    public void Trim(long offset, long length) => WriteZeroes(offset, length, mayTrim: true);

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayTrim)
    {
        RequireWritable();
        RequireInside(offset, length);
        long end = offset + length;
        long first = Math.Min(end, (offset + _zeroUnit - 1) / _zeroUnit * _zeroUnit);
        long last = Math.Max(first, end / _zeroUnit * _zeroUnit);
        WriteZeroes(offset, first);
        if (last > first && !TryZeroQuickly(first, last - first, mayTrim))
        {
            WriteZeroes(first, last);
        }

        WriteZeroes(last, end);
        _flush.RequireSound();
    }

    /// <inheritdoc/>
    public bool ZeroesFast(bool mayTrim) => mayTrim ? _punches : _zeroes;

    /// <inheritdoc/>
    public void Prefetch(long offset, long length)
    {
        RequireInside(offset, length);
        if (_direct is null && length > 0)
        {
            _file.Prefetch(offset, length);
        }
    }

    /// <inheritdoc/>
    public abstract int GetExtents(long offset, long length, Span<DeviceExtent> extents);

    /// <summary>Closes it. What was not flushed is in the kernel.</summary>
    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes it.</summary>
    protected virtual void Dispose(bool isDisposing) => _file.Dispose();

    /// <summary>Throws unless the range lies inside.</summary>
    private protected void RequireInside(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Size || length > Size - offset)
        {
            throw new RequestOutOfRangeException($"{length} bytes at {offset} reach outside of {Path}, which has {Size} bytes");
        }
    }

    private void RequireWritable()
    {
        if (IsReadOnly)
        {
            throw new DeviceReadOnlyException($"{Path} is open for reading alone");
        }

        _flush.RequireSound();
    }

    private void Write(ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* start = data)
        {
            if (_direct is null)
            {
                _file.Write(start, data.Length, offset);
            }
            else if (data.Length > 0)
            {
                _direct.Write(start, data.Length, offset);
            }
        }
    }

    private void WriteZeroes(long offset, long end)
    {
        if (offset < end && _direct is not null)
        {
            _direct.Write(null, end - offset, offset);
            return;
        }

        while (offset < end)
        {
            int count = (int)Math.Min(end - offset, ZeroesPerWrite);
            Write(Zeroes.AsSpan(0, count), offset);
            offset += count;
        }
    }

    /// <summary>Zeroes whole units without sending zeroes; false when there is no way to.</summary>
    private bool TryZeroQuickly(long offset, long length, bool mayTrim)
    {
        if (mayTrim && TryInTurn(offset, length, _file.TryPunchHole))
        {
            return true;
        }

        _punches &= !mayTrim;
        if (TryInTurn(offset, length, _file.TryZeroRange))
        {
            return true;
        }

        _zeroes = false;
        return false;
    }

    private bool TryInTurn(long offset, long length, Func<long, long, bool> change) =>
        _direct is null ? change(offset, length) : _direct.Change(offset, length, change);
}
