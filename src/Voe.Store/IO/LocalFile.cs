using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Voe.Store.IO;

/// <summary>A file of a local file system. Reads and writes allocate nothing on the garbage collector's heap.</summary>
internal sealed unsafe class LocalFile : IStorageFile
{
    /// <summary>Buffers of one gathered write. Far below IOV_MAX (1024): the vectors and the pins of one call lie on the stack.</summary>
    internal const int VectorsPerCall = 64;

    private readonly SafeFileHandle _handle;
    private readonly string _path;

    /// <summary>Takes over an open handle.</summary>
    internal LocalFile(SafeFileHandle handle, string path, string name)
    {
        _handle = handle;
        _path = path;
        Name = name;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long Length
    {
        get
        {
            try
            {
                return RandomAccess.GetLength(_handle);
            }
            catch (Exception exception) when (StorageErrors.IsFrom(exception))
            {
                throw StorageErrors.FromFramework(exception, "length", _path);
            }
        }
    }

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                nint count = Libc.PRead(_handle, start + done, (nuint)(buffer.Length - done), offset + done);
                if (count == 0)
                {
                    break;
                }

                if (count > 0)
                {
                    done += (int)count;
                }
                else if (Marshal.GetLastPInvokeError() != Libc.EINTR)
                {
                    throw StorageErrors.FromLastError($"read of {buffer.Length} bytes at offset {offset}", _path);
                }
            }
        }

        return done;
    }

    /// <summary>One read, which may be short before the end of the file only if the kernel makes it so; for direct access.</summary>
    internal int ReadOnce(byte* buffer, int length, long offset)
    {
        while (true)
        {
            nint count = Libc.PRead(_handle, buffer, (nuint)length, offset);
            if (count >= 0)
            {
                return (int)count;
            }

            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw StorageErrors.FromLastError($"read of {length} bytes at offset {offset}", _path);
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        fixed (byte* start = bytes)
        {
            int done = 0;
            while (done < bytes.Length)
            {
                nint count = Libc.PWrite(_handle, start + done, (nuint)(bytes.Length - done), offset + done);
                done += Accepted(count, bytes.Length, offset);
            }
        }
    }

    /// <inheritdoc/>
    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        for (int first = 0; first < buffers.Count; first += VectorsPerCall)
        {
            offset += WriteVectors(buffers, first, Math.Min(VectorsPerCall, buffers.Count - first), offset);
        }
    }

    /// <inheritdoc/>
    public void Reserve(long length)
    {
        // fallocate reaches from the start, so that holes are filled too; it never shortens a file.
        if (length <= 0)
        {
            return;
        }

        while (Libc.FAllocate(_handle, 0, 0, length) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case Libc.EINTR:
                    continue;
                case Libc.EOPNOTSUPP or Libc.ENOSYS or Libc.EINVAL:
                    // A file system that cannot reserve: writes find out by themselves whether there is room.
                    return;
                default:
                    throw StorageErrors.FromLastError($"reserving {length} bytes", _path);
            }
        }
    }

    /// <inheritdoc/>
    public void SetLength(long length)
    {
        while (Libc.FTruncate(_handle, length) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw StorageErrors.FromLastError($"setting the length to {length} bytes", _path);
            }
        }
    }

    /// <inheritdoc/>
    public void StartWriteback(long offset, long length) =>
        // A hint: an error of the medium is kept by the kernel for SyncData, which has to report it.
        _ = length > 0 ? Libc.SyncFileRange(_handle, offset, length, Libc.SyncFileRangeWrite) : 0;

    /// <inheritdoc/>
    public void Prefetch(long offset, long length) => _ = length > 0 ? Libc.FAdvise(_handle, offset, length, Libc.FAdviseWillNeed) : 0;

    /// <inheritdoc/>
    public void SyncData()
    {
        while (Libc.FDataSync(_handle) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.EINTR)
            {
                throw StorageErrors.FromLastError("fdatasync", _path);
            }
        }
    }

    /// <inheritdoc/>
    public void DropCache() => _ = Libc.FAdvise(_handle, 0, 0, Libc.FAdviseDontNeed);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private int WriteVectors(IReadOnlyList<ReadOnlyMemory<byte>> buffers, int first, int count, long offset)
    {
        // In bounds: count is at most VectorsPerCall, the length of both arrays.
        Pins pins = default;
        Libc.IOVector* vectors = stackalloc Libc.IOVector[VectorsPerCall];
        try
        {
            int total = 0;
            for (int i = 0; i < count; i++)
            {
                ReadOnlyMemory<byte> buffer = buffers[first + i];
                pins[i] = buffer.Pin();
                vectors[i] = new Libc.IOVector { Start = (byte*)pins[i].Pointer, Length = (nuint)buffer.Length };
                total = checked(total + buffer.Length);
            }

            int vector = 0;
            for (int done = 0; done < total;)
            {
                int accepted = Accepted(Libc.PWriteV(_handle, vectors + vector, count - vector, offset + done), total, offset);
                done += accepted;
                vector = Advance(vectors, vector, count, (nuint)accepted);
            }

            return total;
        }
        finally
        {
            for (int i = 0; i < count; i++)
            {
                pins[i].Dispose();
            }
        }
    }

    /// <summary>Skips what a short gathered write has taken; returns the first vector that is left.</summary>
    internal static int Advance(Libc.IOVector* vectors, int vector, int count, nuint accepted)
    {
        while (vector < count && accepted >= vectors[vector].Length)
        {
            accepted -= vectors[vector].Length;
            vector++;
        }

        if (accepted > 0)
        {
            vectors[vector].Start += accepted;
            vectors[vector].Length -= accepted;
        }

        return vector;
    }

    /// <summary>How many bytes a write of some has taken: none when a signal came first.</summary>
    private int Accepted(nint result, int length, long offset)
    {
        if (result > 0)
        {
            return (int)result;
        }

        if (result == 0)
        {
            throw new StoreIOException($"{_path}: write of {length} bytes at offset {offset}: the medium takes no more, "
                + "and gives no reason");
        }

        return Marshal.GetLastPInvokeError() == Libc.EINTR
            ? 0
            : throw StorageErrors.FromLastError($"write of {length} bytes at offset {offset}", _path);
    }

    /// <summary>What keeps the buffers of one call where they are.</summary>
    [InlineArray(VectorsPerCall)]
    internal struct Pins
    {
        private MemoryHandle _first;
    }
}
