using Voe.Store.IO;

namespace Voe.Store.Repair;

/// <summary>
/// A file of which what the medium gives is read, whatever it refuses: blocks that cannot be read are zeros, so that their
/// checksums fail and the rest is saved. For reading only. Owns the file.
/// </summary>
internal sealed class RescueFile(IStorageFile file) : IStorageFile
{
    private const int BlockSize = 4096;

    /// <inheritdoc/>
    public string Name => file.Name;

    /// <inheritdoc/>
    public long Length => file.Length;

    /// <summary>Why blocks could not be read, or null.</summary>
    public string? Refusal { get; private set; }

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, long offset)
    {
        try
        {
            return file.Read(buffer, offset);
        }
        catch (StoreIOException e)
        {
            Refusal ??= e.Message;
        }

        int length = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        for (int done = 0; done < length;)
        {
            int count = Math.Min(length - done, BlockSize - (int)((offset + done) % BlockSize));
            ReadBlock(buffer.Slice(done, count), offset + done);
            done += count;
        }

        return length;
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes, long offset) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Reserve(long length) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void SetLength(long length) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void StartWriteback(long offset, long length) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Prefetch(long offset, long length) => file.Prefetch(offset, length);

    /// <inheritdoc/>
    public void SyncData() => throw new NotSupportedException();

    /// <inheritdoc/>
    public void DropCache() => file.DropCache();

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private void ReadBlock(Span<byte> block, long offset)
    {
        try
        {
            file.Read(block, offset);
        }
        catch (StoreIOException)
        {
            block.Clear();
        }
    }
}
