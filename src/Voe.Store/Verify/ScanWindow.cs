using System.Runtime.InteropServices;
using Voe.Store.IO;

namespace Voe.Store.Verify;

/// <summary>
/// Reads a file from its beginning to its end, in large pieces, with the next one asked for ahead. One thread.
/// </summary>
/// <remarks>
/// A read that fails is tried again for the bytes that are wanted alone, so that one bad sector hurts what lies in it and
/// nothing else.
/// </remarks>
/// <param name="limit">How fast.</param>
/// <param name="retried">Told of reads that failed and worked the second time: their offset, and why.</param>
internal sealed class ScanWindow(RateLimit limit, Action<long, string> retried)
{
    /// <summary>Bytes that are read at a time.</summary>
    public const int Size = 2 << 20;

    private const int Alignment = 4096;
    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(Size + VolumeLimits.MaxChunkSize, pinned: true);
    private IStorageFile? _file;
    private long _start;
    private int _length;
    private long _fileLength;

    /// <summary>Called before the bytes that were handed out change.</summary>
    public Action? BeforeMove { get; set; }

    /// <summary>Bytes read so far, of all files.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Begins with a file.</summary>
    public void Open(IStorageFile file)
    {
        BeforeMove?.Invoke();
        _file = file;
        _fileLength = file.Length;
        (_start, _length) = (0, 0);
    }

    /// <summary>
    /// Bytes of the file, fewer only at its end. They stay until <see cref="BeforeMove"/> is called, and do not move in memory.
    /// </summary>
    /// <exception cref="StoreIOException">The medium does not give these bytes.</exception>
    /// <exception cref="OperationCanceledException">The work is to end.</exception>
    public ReadOnlySpan<byte> Get(long offset, int length)
    {
        if (offset < _start || offset + length > _start + _length)
        {
            Move(offset, length);
        }

        int first = (int)Math.Min(offset - _start, _length);
        return _buffer.AsSpan(first, Math.Min(length, _length - first));
    }

    private void Move(long offset, int length)
    {
        BeforeMove?.Invoke();
        long start = offset / Alignment * Alignment;
        int want = (int)Math.Max(Size, offset + length - start);
        if (_buffer.Length < want)
        {
            _buffer = GC.AllocateUninitializedArray<byte>(want, pinned: true);
        }

        (_start, _length) = (start, 0);
        int expected = (int)Math.Clamp(_fileLength - start, 0, want);
        limit.Take(expected);
        try
        {
            _file!.Prefetch(start + want, Math.Min(Size, _fileLength - start - want));
            _length = _file.Read(_buffer.AsSpan(0, want), start);
        }
        catch (StoreIOException e)
        {
            int count = _file!.Read(_buffer.AsSpan(0, length), offset);
            (_start, _length) = (offset, count);
            retried(offset, e.Message);
        }

        BytesRead += _length;
    }

    /// <summary>The address of bytes that were handed out.</summary>
    public nint AddressOf(long offset) => Marshal.UnsafeAddrOfPinnedArrayElement(_buffer, (int)(offset - _start));
}
