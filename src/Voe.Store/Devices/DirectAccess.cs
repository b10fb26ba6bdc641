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

    /// <summary>Fills the buffers of a run: reads of which each begins where the one before ends.</summary>
    public void Read(ReadOnlySpan<BlockRead> run)
    {
        long offset = run[0].Offset;
        long end = run[^1].Offset + run[^1].Buffer.Length;
        if (run.Length == 1)
        {
            fixed (byte* target = run[0].Buffer.Span)
            {
                if (IsWhole(target, end - offset, offset))
                {
                    file.Read(target, (int)(end - offset), offset);
                    return;
                }
            }
        }

        byte* buffer = DirectBuffers.Take();
        try
        {
            for (int item = 0, filled = 0; offset < end;)
            {
                (long start, int window) = WindowAt(offset, end);
                file.Read(buffer, window, start);
                int skipped = (int)(offset - start);
                int count = (int)Math.Min(end - offset, window - skipped);
                Scatter(new ReadOnlySpan<byte>(buffer + skipped, count), run, ref item, ref filled);
                offset += count;
            }
        }
        finally
        {
            DirectBuffers.Return(buffer);
        }
    }

    /// <summary>Writes the data of a run: writes of which each begins where the one before ends.</summary>
    public void Write(ReadOnlySpan<BlockWrite> run)
    {
        long offset = run[0].Offset;
        long end = run[^1].Offset + run[^1].Data.Length;
        long ticket = Enter(offset, end);
        try
        {
            fixed (byte* source = run[0].Data.Span)
            {
                if (run.Length == 1 && IsWhole(source, end - offset, offset))
                {
                    file.Write(source, (int)(end - offset), offset);
                    return;
                }
            }

            WriteThroughBuffer(run, offset, end);
        }
        finally
        {
            _locks.Exit(ticket);
        }
    }

    /// <summary>Writes zeroes from <paramref name="offset"/> on.</summary>
    public void WriteZeroes(long offset, long end)
    {
        long ticket = Enter(offset, end);
        try
        {
            WriteThroughBuffer([], offset, end);
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

    private static void Scatter(ReadOnlySpan<byte> source, ReadOnlySpan<BlockRead> run, ref int item, ref int filled)
    {
        while (source.Length > 0)
        {
            Span<byte> target = run[item].Buffer.Span[filled..];
            int count = Math.Min(source.Length, target.Length);
            source[..count].CopyTo(target);
            source = source[count..];
            (item, filled) = count == target.Length ? (item + 1, 0) : (item, filled + count);
        }
    }

    private static void Gather(ReadOnlySpan<BlockWrite> run, ref int item, ref int taken, Span<byte> target)
    {
        while (target.Length > 0)
        {
            ReadOnlySpan<byte> source = run[item].Data.Span[taken..];
            int count = Math.Min(source.Length, target.Length);
            source[..count].CopyTo(target);
            target = target[count..];
            (item, taken) = count == source.Length ? (item + 1, 0) : (item, taken + count);
        }
    }

    /// <summary>Writes the data of the run, or zeroes when it is empty.</summary>
    private void WriteThroughBuffer(ReadOnlySpan<BlockWrite> run, long offset, long end)
    {
        byte* buffer = DirectBuffers.Take();
        try
        {
            for (int item = 0, taken = 0; offset < end;)
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
                if (run.IsEmpty)
                {
                    changed.Clear();
                }
                else
                {
                    Gather(run, ref item, ref taken, changed);
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
