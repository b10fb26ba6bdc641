using System.Numerics;
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
    private const long LongestRun = 16 << 20;
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
    public int PreferredBlockSize =>
        (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4096, Math.Max(_file.PhysicalBlockSize, _file.DirectAlignment)));

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

        if (_direct is null)
        {
            ReadCached(reads);
            return;
        }

        for (int i = 0; i < reads.Length;)
        {
            int count = 1;
            while (i + count < reads.Length && reads[i + count].Offset == reads[i + count - 1].Offset + reads[i + count - 1].Buffer.Length)
            {
                count++;
            }

            _direct.Read(reads.Slice(i, count));
            i += count;
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

        // Neighbours go together: one system call, and with direct access one trip to the medium.
        for (int i = 0; i < writes.Length;)
        {
            int count = RunLength(writes[i..]);
            WriteRun(writes.Slice(i, count));
            i += count;
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

    /// <summary>Reads through the page cache: what is not there is asked for all at once, and then waited for.</summary>
    private void ReadCached(ReadOnlySpan<BlockRead> reads)
    {
        bool isAsked = reads.Length == 1;
        for (int i = 0; i < reads.Length; i++)
        {
            (long offset, Memory<byte> buffer) = reads[i];
            fixed (byte* start = buffer.Span)
            {
                if (!isAsked && !_file.TryReadCached(start, buffer.Length, offset))
                {
                    foreach (ref readonly BlockRead coming in reads[i..])
                    {
                        _file.Prefetch(coming.Offset, coming.Buffer.Length);
                    }

                    isAsked = true;
                }
                else if (!isAsked)
                {
                    continue;
                }

                _file.Read(start, buffer.Length, offset);
            }
        }
    }

    /// <summary>How many of the first writes begin where the one before ends, and go into one call.</summary>
    private static int RunLength(ReadOnlySpan<BlockWrite> writes)
    {
        int count = 1;
        long length = writes[0].Data.Length;
        while (count < Math.Min(writes.Length, LocalFile.VectorsPerCall)
            && writes[count].Offset == writes[0].Offset + length && length + writes[count].Data.Length <= LongestRun)
        {
            length += writes[count].Data.Length;
            count++;
        }

        return count;
    }

    private void WriteRun(ReadOnlySpan<BlockWrite> run)
    {
        if (_direct is not null)
        {
            _direct.Write(run);
            return;
        }

        // In bounds: a run has at most VectorsPerCall writes, the length of both arrays.
        LocalFile.Pins pins = default;
        Libc.IOVector* vectors = stackalloc Libc.IOVector[LocalFile.VectorsPerCall];
        try
        {
            int length = 0;
            for (int i = 0; i < run.Length; i++)
            {
                pins[i] = run[i].Data.Pin();
                vectors[i] = new Libc.IOVector { Start = (byte*)pins[i].Pointer, Length = (nuint)run[i].Data.Length };
                length = checked(length + run[i].Data.Length);
            }

            _file.Write(vectors, run.Length, length, run[0].Offset);
        }
        finally
        {
            for (int i = 0; i < run.Length; i++)
            {
                pins[i].Dispose();
            }
        }
    }

    private void WriteZeroes(long offset, long end)
    {
        if (_direct is not null)
        {
            _direct.WriteZeroes(offset, end);
            return;
        }

        fixed (byte* zeroes = Zeroes)
        {
            while (offset < end)
            {
                int count = (int)Math.Min(end - offset, ZeroesPerWrite);
                _file.Write(zeroes, count, offset);
                offset += count;
            }
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
