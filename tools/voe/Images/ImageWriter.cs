using Microsoft.Win32.SafeHandles;
using Voe.Admin;
using Voe.Admin.Images;

namespace Voe.Tool.Images;

/// <summary>Where a stream of blocks becomes a raw image. Disposed before <see cref="Complete"/>, it leaves nothing behind.</summary>
internal abstract class ImageWriter : IBlockOutput, IDisposable
{
    /// <summary>Opens what an image is to be written to.</summary>
    /// <param name="path">A new file, or with <paramref name="force"/> one that exists or a block device.</param>
    /// <param name="force">Whether what is there may be lost.</param>
    /// <param name="progress">Told how far it is verified.</param>
    /// <exception cref="AdminException">It exists, or cannot be written.</exception>
    public static ImageWriter Open(string path, bool force, Action<AdminProgress> progress)
    {
        FileKind kind = Libc.KindOf(path);
        if (kind == FileKind.Other)
        {
            throw new AdminException(AdminErrorKind.Failed, $"{path} is no file, pipe or block device");
        }

        if (kind is FileKind.Regular or FileKind.BlockDevice && !force)
        {
            throw new AdminException(AdminErrorKind.Exists, $"{path} exists already: say --force to write over it");
        }

        bool isInPlace = kind == FileKind.BlockDevice;
        string actualPath = kind is FileKind.Missing or FileKind.Regular ? path + FileImageWriter.PartialSuffix : path;
        try
        {
            if (kind == FileKind.Pipe)
            {
                return new PipeImageWriter(new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));
            }

            SafeFileHandle handle = File.OpenHandle(
                actualPath, isInPlace ? FileMode.Open : FileMode.Create, FileAccess.ReadWrite, FileShare.None);
            return new FileImageWriter(handle, actualPath, path, isInPlace, progress);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdminException(AdminErrorKind.Failed, $"{actualPath}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public abstract void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>Ends the image: durable and verified on return.</summary>
    /// <param name="size">Its length in bytes.</param>
    /// <param name="digest">The digest of what was sent.</param>
    /// <param name="cancellation">Ends the verification.</param>
    /// <exception cref="AdminException">What was written is not what was sent.</exception>
    public abstract void Complete(long size, string digest, CancellationToken cancellation);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Throws unless two digests are equal.</summary>
    private protected static void RequireEqual(string digest, string expected, string where)
    {
        if (!string.Equals(digest, expected, StringComparison.Ordinal))
        {
            throw new AdminException(
                AdminErrorKind.Verification, $"{where} is not what the volume holds: digest {digest}, {expected} expected");
        }
    }
}

/// <summary>
/// An image in a file: sparse, written beside the file that it is to become and renamed when it is durable and verified. Or on
/// a block device, in place and with all its zeroes.
/// </summary>
internal sealed class FileImageWriter : ImageWriter
{
    /// <summary>What a file is called as long as it is not complete.</summary>
    public const string PartialSuffix = ".partial";

    private const int PageSize = 4096;
    private const int PagesPerZeroWrite = 256;

    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly string _finalPath;
    private readonly bool _isInPlace;
    private readonly Action<AdminProgress> _progress;
    private long _end;
    private bool _isComplete;

    /// <summary>An image that is written to an open file.</summary>
    public FileImageWriter(SafeFileHandle handle, string path, string finalPath, bool isInPlace, Action<AdminProgress> progress)
    {
        _handle = handle;
        _path = path;
        _finalPath = finalPath;
        _isInPlace = isInPlace;
        _progress = progress;
    }

    /// <inheritdoc/>
    public override void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (_isInPlace)
        {
            WriteZeroes(offset);
            WriteAt(offset, data);
            _end = offset + data.Length;
            return;
        }

        // Pages of zeroes stay holes.
        for (int at = 0; at < data.Length;)
        {
            int end = at;
            while (end < data.Length && data.Slice(end, Math.Min(PageSize, data.Length - end)).ContainsAnyExcept((byte)0))
            {
                end = Math.Min(end + PageSize, data.Length);
            }

            WriteAt(offset + at, data[at..end]);
            at = end + PageSize;
        }
    }

    /// <inheritdoc/>
    public override void Complete(long size, string digest, CancellationToken cancellation)
    {
        try
        {
            if (_isInPlace)
            {
                WriteZeroes(size);
            }
            else
            {
                RandomAccess.SetLength(_handle, size);
            }

            RandomAccess.FlushToDisk(_handle);
            Libc.DropFromCache(_handle);
            RequireEqual(DigestOf(size, cancellation), digest, _path);
            if (!_isInPlace)
            {
                File.Move(_path, _finalPath, overwrite: true);
                Libc.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(_finalPath))!);
            }

            _isComplete = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdminException(AdminErrorKind.InputOutput, $"{_path}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _handle.Dispose();
        if (!_isComplete && !_isInPlace)
        {
            File.Delete(_path);
        }
    }

    private void WriteAt(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            RandomAccess.Write(_handle, data, offset);
        }
        catch (IOException e)
        {
            throw new AdminException(AdminErrorKind.InputOutput, $"{_path}, offset {offset}: {e.Message}", e);
        }
    }

    private void WriteZeroes(long end)
    {
        byte[] zeroes = new byte[PageSize * PagesPerZeroWrite];
        for (; _end < end; _end += Math.Min(zeroes.Length, end - _end))
        {
            WriteAt(_end, zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, end - _end)));
        }
    }

    private string DigestOf(long size, CancellationToken cancellation)
    {
        var digest = new ImageDigest();
        byte[] buffer = new byte[ImageDigest.BlockSize];
        for (long at = 0; at < size;)
        {
            cancellation.ThrowIfCancellationRequested();
            int length = (int)Math.Min(buffer.Length, size - at);
            int done = 0;
            while (done < length && RandomAccess.Read(_handle, buffer.AsSpan(done, length - done), at + done) is > 0 and int count)
            {
                done += count;
            }

            if (done < length)
            {
                throw new AdminException(AdminErrorKind.Verification, $"{_path} ends at {at + done}, {size} bytes were written");
            }

            digest.Add(at, buffer.AsSpan(0, length));
            at += length;
            _progress(new AdminProgress("verifying", at, size));
        }

        return digest.Finish(size);
    }
}

/// <summary>An image through a pipe: with all its zeroes, verified as far as this end of the pipe goes.</summary>
internal sealed class PipeImageWriter(Stream stream) : ImageWriter
{
    private readonly ImageDigest _digest = new();
    private readonly byte[] _zeroes = new byte[64 << 10];
    private long _at;

    /// <inheritdoc/>
    public override void Write(long offset, ReadOnlySpan<byte> data)
    {
        WriteZeroes(offset);
        if (offset != _at || offset % ImageDigest.BlockSize != 0)
        {
            throw new AdminException(AdminErrorKind.Protocol, $"a block at {offset} cannot follow what ends at {_at}");
        }

        _digest.Add(offset, data);
        WriteThrough(data);
        _at += data.Length;
    }

    /// <inheritdoc/>
    public override void Complete(long size, string digest, CancellationToken cancellation)
    {
        WriteZeroes(size);
        stream.Flush();
        RequireEqual(_digest.Finish(size), digest, "what was written");
    }

    /// <inheritdoc/>
    public override void Dispose() => stream.Dispose();

    private void WriteZeroes(long end)
    {
        while (_at < end)
        {
            int length = (int)Math.Min(_zeroes.Length, end - _at);
            WriteThrough(_zeroes.AsSpan(0, length));
            _at += length;
        }
    }

    private void WriteThrough(ReadOnlySpan<byte> data)
    {
        try
        {
            stream.Write(data);
        }
        catch (IOException e)
        {
            throw new AdminException(AdminErrorKind.InputOutput, $"standard output: {e.Message}", e);
        }
    }
}
