using System.Runtime.InteropServices;

namespace Voe.Store.IO;

/// <summary>
/// A file that is read past the page cache (O_DIRECT): whole blocks, by way of a buffer of its own. For one reader at a time; it
/// cannot be written.
/// </summary>
/// <param name="file">The file, opened so; disposed of with this object.</param>
internal sealed unsafe class ScanFile(LocalFile file) : IStorageFile
{
    // What all disks take; a multiple of every block size there is.
    private const int Alignment = 4096;
    private const int BufferSize = 2 << 20;
    private byte* _buffer = (byte*)NativeMemory.AlignedAlloc(BufferSize, Alignment);

    /// <summary>Frees the buffer of a file that was not disposed of.</summary>
    ~ScanFile() => Free();

    /// <inheritdoc/>
    public string Name => file.Name;

    /// <inheritdoc/>
    public long Length => file.Length;

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, long offset)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            long start = (offset + done) / Alignment * Alignment;
            int skip = (int)(offset + done - start);
            int want = (int)Math.Min(BufferSize, ((long)skip + buffer.Length - done + Alignment - 1) / Alignment * Alignment);

            // A short read ends where the file does, which need not be at a whole block: a second one there would be refused.
            int count = Math.Min(file.ReadOnce(_buffer, want, start) - skip, buffer.Length - done);
            if (count <= 0)
            {
                break;
            }

            new ReadOnlySpan<byte>(_buffer + skip, count).CopyTo(buffer[done..]);
            done += count;
            if ((offset + done) % Alignment != 0 && done < buffer.Length)
            {
                break;
            }
        }

        return done;
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes, long offset) => throw ReadOnly();

    /// <inheritdoc/>
    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) => throw ReadOnly();

    /// <inheritdoc/>
    public void Reserve(long length) => throw ReadOnly();

    /// <inheritdoc/>
    public void SetLength(long length) => throw ReadOnly();

    /// <inheritdoc/>
    public void StartWriteback(long offset, long length)
    {
        // There is nothing to write back.
    }

    /// <inheritdoc/>
    public void Prefetch(long offset, long length)
    {
        // It would go to the cache.
    }

    /// <inheritdoc/>
    public void SyncData() => throw ReadOnly();

    /// <inheritdoc/>
    public void DropCache()
    {
        // What is in it is others'.
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
        file.Dispose();
    }

    private static InvariantException ReadOnly() => new("a file that is read through is not written");

    private void Free()
    {
        NativeMemory.AlignedFree(_buffer);
        _buffer = null;
    }
}
