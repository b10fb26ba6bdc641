using Microsoft.Win32.SafeHandles;
using Voe.Admin;
using Voe.Admin.Images;

namespace Voe.Tool.Images;

/// <summary>
/// A raw image as a stream of blocks: a file, whose holes are skipped, or a pipe, in which blocks of zeroes are. Digests what it
/// reads on the way.
/// </summary>
internal abstract class ImageReader : IBlockInput, IDisposable
{
    private readonly ImageDigest _digest = new();
    private readonly SafeFileHandle _handle;
    private readonly Action<AdminProgress> _progress;

    private protected ImageReader(SafeFileHandle handle, string name, Action<AdminProgress> progress)
    {
        _handle = handle;
        _progress = progress;
        Name = name;
    }

    /// <summary>The image's name, for people.</summary>
    public string Name { get; }

    /// <summary>Length of the image in bytes, when it is known before it was read.</summary>
    public abstract long? Size { get; }

    /// <inheritdoc/>
    public BlockStreamEnd End { get; private set; } = null!;

    private protected SafeFileHandle Handle => _handle;

    /// <summary>Opens an image.</summary>
    /// <param name="path">A file or block device; <c>-</c> for standard input.</param>
    /// <param name="progress">Told how far it is read.</param>
    /// <param name="cancellation">Ends a wait for a pipe.</param>
    /// <exception cref="AdminException">It cannot be read.</exception>
    public static ImageReader Open(string path, Action<AdminProgress> progress, CancellationToken cancellation)
    {
        bool isStandardInput = path is "-";
        string name = isStandardInput ? "standard input" : path;
        SafeFileHandle handle;
        try
        {
            handle = isStandardInput ? new SafeFileHandle(0, ownsHandle: false) : File.OpenHandle(path, share: FileShare.ReadWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdminException(AdminErrorKind.Failed, $"{path}: {e.Message}", e);
        }

        // Standard input may be a file that was read in part; from there on it is treated as a pipe.
        return Libc.Seek(handle, 0, Libc.SeekCurrent) == 0
            ? new FileImageReader(handle, name, progress)
            : new PipeImageReader(handle, name, progress, cancellation);
    }

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, out long offset)
    {
        while (true)
        {
            int length = ReadBlock(buffer[..ImageDigest.BlockSize], out offset);
            if (length == 0)
            {
                End = new BlockStreamEnd(offset, _digest.Finish(offset));
                return 0;
            }

            ReadOnlySpan<byte> block = buffer[..length];
            _progress(new AdminProgress("reading", offset + length, Size ?? 0));
            if (block.ContainsAnyExcept((byte)0))
            {
                _digest.Add(offset, block);
                return length;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <summary>Reads the next block that may hold data; at the end 0, with the image's size as offset.</summary>
    private protected abstract int ReadBlock(Span<byte> buffer, out long offset);
}

/// <summary>A file or a block device. Holes, where the file system tells them, are not read.</summary>
internal sealed class FileImageReader : ImageReader
{
    private readonly long _size;
    private long _at; // a multiple of the block's size, until the end
    private long _dataEnd; // what is between _at and here may hold data

    /// <summary>An image in a file that is open.</summary>
    /// <exception cref="AdminException">It has no size: a directory, say.</exception>
    public FileImageReader(SafeFileHandle handle, string name, Action<AdminProgress> progress)
        : base(handle, name, progress)
    {
        _size = Libc.Seek(handle, 0, Libc.SeekEnd);
        if (_size < 0)
        {
            throw new AdminException(AdminErrorKind.Failed, $"{name} is no file of which the size is known");
        }
    }

    /// <inheritdoc/>
    public override long? Size => _size;

    private protected override int ReadBlock(Span<byte> buffer, out long offset)
    {
        if (_at >= _dataEnd)
        {
            FindData();
        }

        offset = _at;
        int length = (int)Math.Min(buffer.Length, _size - _at);
        for (int done = 0; done < length;)
        {
            int count = Read(buffer[done..length], offset + done);
            if (count == 0)
            {
                throw new AdminException(
                    AdminErrorKind.Failed,
                    $"{Name}: it had {_size} bytes, and ends at {offset + done}: it became shorter while it was read");
            }

            done += count;
        }

        _at += length;
        return length;
    }

    private int Read(Span<byte> buffer, long offset)
    {
        try
        {
            return RandomAccess.Read(Handle, buffer, offset);
        }
        catch (IOException e)
        {
            throw new AdminException(AdminErrorKind.InputOutput, $"{Name}, offset {offset}: {e.Message}", e);
        }
    }

    private void FindData()
    {
        long data = Libc.Seek(Handle, _at, Libc.SeekData);
        if (data < 0)
        {
            bool isHoleToTheEnd = System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == Libc.ENXIO;
            _at = isHoleToTheEnd ? _size : _at;
            _dataEnd = _size; // no more data, or a file system that tells no holes
            return;
        }

        long hole = Libc.Seek(Handle, data, Libc.SeekHole);
        _dataEnd = hole < 0 ? _size : Math.Min(hole, _size);
        _at = Math.Min(_size, Math.Max(_at, data - (data % ImageDigest.BlockSize)));
    }
}

/// <summary>What comes through a pipe, to its end.</summary>
internal sealed class PipeImageReader : ImageReader
{
    private const int PollMs = 100;

    private readonly FileStream _stream;
    private readonly CancellationToken _cancellation;
    private long _at;

    /// <summary>An image from a pipe.</summary>
    public PipeImageReader(SafeFileHandle handle, string name, Action<AdminProgress> progress, CancellationToken cancellation)
        : base(handle, name, progress)
    {
        _stream = new FileStream(handle, FileAccess.Read, bufferSize: 0);
        _cancellation = cancellation;
    }

    /// <inheritdoc/>
    public override long? Size => null;

    private protected override int ReadBlock(Span<byte> buffer, out long offset)
    {
        int length = 0;
        while (length < buffer.Length)
        {
            // A read cannot be interrupted; waiting for it can.
            while (!Libc.WaitReadable(Handle, PollMs))
            {
                _cancellation.ThrowIfCancellationRequested();
            }

            int count = Read(buffer[length..]);
            if (count == 0)
            {
                break;
            }

            length += count;
        }

        offset = _at;
        _at += length;
        return length;
    }

    private int Read(Span<byte> buffer)
    {
        try
        {
            return _stream.Read(buffer);
        }
        catch (IOException e)
        {
            throw new AdminException(AdminErrorKind.InputOutput, $"{Name}, offset {_at}: {e.Message}", e);
        }
    }
}
