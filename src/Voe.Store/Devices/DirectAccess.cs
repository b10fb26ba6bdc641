using Voe.Store.IO;

namespace Voe.Store.Devices;

/// <summary>
/// Reads and writes of any bytes over a file that takes whole aligned blocks only (O_DIRECT). A block that is written in
/// part is read, changed and written back, while nobody else writes to it: neighbours never lose each other's bytes.
/// </summary>
/// <param name="file">The file, opened for direct access; its size is a multiple of its alignment.</param>
internal sealed unsafe class DirectAccess(HostFile file)
{
    private readonly int _block = file.DirectAlignment;
    private readonly RangeLocks _locks = new();

    /// <summary>Fills the memory from <paramref name="offset"/> on.</summary>
    public void Read(byte* target, int length, long offset)
    {
        if (IsWhole(target, length, offset))
        {
            file.Read(target, length, offset);
            return;
        }

        byte* buffer = DirectBuffers.Take();
        try
        {
            for (long end = offset + length; offset < end;)
            {
                (long start, int window) = WindowAt(offset, end);
                file.Read(buffer, window, start);
                int skipped = (int)(offset - start);
                int count = (int)Math.Min(end - offset, window - skipped);
                new ReadOnlySpan<byte>(buffer + skipped, count).CopyTo(new Span<byte>(target, count));
                target += count;
                offset += count;
            }
        }
        finally
        {
            DirectBuffers.Return(buffer);
        }
    }

    /// <summary>Writes the memory from <paramref name="offset"/> on; zeroes when <paramref name="source"/> is null.</summary>
    public void Write(byte* source, long length, long offset)
    {
        long end = offset + length;
        long ticket = Enter(offset, end);
        try
        {
            if (source is not null && IsWhole(source, length, offset))
            {
                file.Write(source, (int)length, offset);
            }
            else
            {
                WriteThroughBuffer(source, offset, end);
            }
        }
        finally
        {
            _locks.Exit(ticket);
        }
    }

    /// <summary>Runs <paramref name="change"/>, which changes whole blocks of the range in another way, in turn with the writes.</summary>
    public bool Change(long offset, long length, Func<long, long, bool> change)
    {
        long ticket = Enter(offset, offset + length);
        try
        {
            return change(offset, length);
        }
        finally
        {
            _locks.Exit(ticket);
        }
    }

    private long Enter(long offset, long end)
    {
        bool isPartial = offset % _block != 0 || end % _block != 0;
        return _locks.Enter(offset - (offset % _block), RoundUp(end), isPartial);
    }

    private void WriteThroughBuffer(byte* source, long offset, long end)
    {
        byte* buffer = DirectBuffers.Take();
        try
        {
            while (offset < end)
            {
                (long start, int window) = WindowAt(offset, end);
                int skipped = (int)(offset - start);
                int count = (int)Math.Min(end - offset, window - skipped);
                if (skipped > 0)
                {
                    file.Read(buffer, _block, start);
                }

                // The last block is partial too, and not the one that was just read.
                if (skipped + count < window && (skipped == 0 || window > _block))
                {
                    file.Read(buffer + window - _block, _block, start + window - _block);
                }

                var changed = new Span<byte>(buffer + skipped, count);
                if (source is null)
                {
                    changed.Clear();
                }
                else
                {
                    new ReadOnlySpan<byte>(source, count).CopyTo(changed);
                    source += count;
                }

                file.Write(buffer, window, start);
                offset += count;
            }
        }
        finally
        {
            DirectBuffers.Return(buffer);
        }
    }

    /// <summary>
    /// The blocks that go through the buffer next: from the one with <paramref name="offset"/> on, none behind
    /// <paramref name="end"/>.
    /// </summary>
    private (long Start, int Length) WindowAt(long offset, long end)
    {
        long start = offset - (offset % _block);
        return (start, (int)Math.Min(RoundUp(end) - start, DirectBuffers.Size));
    }

    private bool IsWhole(byte* memory, long length, long offset) =>
        offset % _block == 0 && length % _block == 0 && (nint)memory % file.MemoryAlignment == 0;

    private long RoundUp(long offset) => (offset + _block - 1) / _block * _block;
}
