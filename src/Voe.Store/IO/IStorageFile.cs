namespace Voe.Store.IO;

/// <summary>A file of bytes on some medium; see <see cref="IStorageDirectory"/> for errors and durability.</summary>
/// <remarks>
/// Safe from many threads; writes that overlap in time and place have no defined order. What was written is visible to
/// every reader, and survives the death of the process, when the call returns (it is in the kernel). After
/// <see cref="SyncData"/> has thrown, the file's unsynced bytes are in an unknown state: the owner stops using it,
/// reopens and recovers.
/// </remarks>
public interface IStorageFile : IDisposable
{
    /// <summary>The file's name in its directory.</summary>
    string Name { get; }

    /// <summary>The file's length in bytes.</summary>
    long Length { get; }

    /// <summary>
    /// Reads at <paramref name="offset"/> until the buffer is full or the file ends; returns the number of bytes read,
    /// which is short only at the file's end.
    /// </summary>
    int Read(Span<byte> buffer, long offset);

    /// <summary>
    /// Writes all bytes at <paramref name="offset"/>, extending the file if needed. After an error any part may be written.
    /// </summary>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Writes the buffers one after another at <paramref name="offset"/>, as one gathered write where the medium can.</summary>
    void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset);

    /// <summary>
    /// Reserves room up to <paramref name="length"/> and extends the file to it with zeros, where the medium can
    /// (fallocate); a medium that cannot reserve leaves the file as it is. Never shortens.
    /// </summary>
    void Reserve(long length);

    /// <summary>Cuts the file, or extends it with a hole, to <paramref name="length"/> bytes.</summary>
    void SetLength(long length);

    /// <summary>Asks the medium to begin writing these bytes back, without waiting. A hint: no durability.</summary>
    void StartWriteback(long offset, long length);

    /// <summary>Asks the medium to have these bytes ready soon, without waiting. A hint.</summary>
    void Prefetch(long offset, long length);

    /// <summary>Makes the file's bytes and its length durable (fdatasync).</summary>
    void SyncData();

    /// <summary>
    /// Drops what memory caches of the file, so that the next read asks the medium itself (posix_fadvise DONTNEED).
    /// Used after a failed sync, when cached pages may differ from what the medium has. A hint on media without a cache.
    /// </summary>
    void DropCache();
}
