namespace Voe.Store;

/// <summary>
/// The base of everything that the store throws for reasons outside the program: a full disk, a damaged chunk, a name
/// that is taken. The message says what, where, expected, found, and what to do.
/// </summary>
public class StoreException : Exception
{
    /// <summary>An error with its message and, if any, its cause.</summary>
    public StoreException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>The medium has no room (ENOSPC, EDQUOT): the write failed, nothing else did; writes go on when there is room again.</summary>
public sealed class StoreFullException(string message, Exception? innerException = null) : StoreException(message, innerException);

/// <summary>The medium refused an operation (EIO and the like).</summary>
public sealed class StoreIOException(string message, Exception? innerException = null) : StoreException(message, innerException);

/// <summary>Another process, or another object of this one, has the store open. The message says who.</summary>
public sealed class StoreLockedException(string message) : StoreException(message);

/// <summary>A format, version or setting on disk that this program does not know, or a directory that is no store.</summary>
public sealed class StoreFormatException(string message) : StoreException(message);

/// <summary>Stored bytes are not what they were. The data is not served; the message names pack and offset.</summary>
public class StoreDamagedException(string message, Exception? innerException = null) : StoreException(message, innerException);

/// <summary>A chunk's bytes fail their checksum or their hash, or cannot be read or decoded.</summary>
/// <param name="packId">The pack.</param>
/// <param name="offset">Byte offset in the pack's file.</param>
/// <param name="chunk">The chunk's hash.</param>
/// <param name="reason">What was expected and what was found.</param>
/// <param name="innerException">The cause, if any.</param>
public sealed class ChunkDamagedException(
    uint packId, long offset, Hashing.ChunkHash chunk, string reason, Exception? innerException = null)
    : StoreDamagedException($"pack {packId}, offset {offset}, chunk {chunk}: {reason}", innerException)
{
    /// <summary>The pack's number.</summary>
    public uint PackId { get; } = packId;

    /// <summary>Byte offset of the chunk's stored bytes in the pack's file.</summary>
    public long Offset { get; } = offset;

    /// <summary>The chunk's hash.</summary>
    public Hashing.ChunkHash Chunk { get; } = chunk;
}

/// <summary>A chunk was damaged in an earlier life and could not be saved by the repair; writing its bytes again brings it back.</summary>
/// <param name="chunk">The chunk's hash.</param>
public sealed class ChunkLostException(Hashing.ChunkHash chunk)
    : StoreDamagedException($"chunk {chunk} was lost to damage; the record of the repair is in \"lost+found\"")
{
    /// <summary>The chunk's hash.</summary>
    public Hashing.ChunkHash Chunk { get; } = chunk;
}

/// <summary>
/// An earlier write or sync of the log failed in a way that leaves its end unknown; writes and flushes are refused until
/// the log has been reopened and recovered, which the store tries by itself.
/// </summary>
public sealed class StoreFailedException(string message, Exception? innerException = null) : StoreException(message, innerException);

/// <summary>No volume has that name.</summary>
public sealed class VolumeNotFoundException(string message) : StoreException(message);

/// <summary>A volume already has that name.</summary>
public sealed class VolumeExistsException(string message) : StoreException(message);

/// <summary>A name, size or option that a volume cannot have.</summary>
public sealed class InvalidVolumeException(string message) : StoreException(message);

/// <summary>The volume was deleted while it was in use.</summary>
public sealed class VolumeDeletedException(string message) : StoreException(message);

/// <summary>A request reaches outside the device; nothing was done.</summary>
public sealed class RequestOutOfRangeException(string message) : StoreException(message);

/// <summary>A write to a device that is read-only; nothing was done.</summary>
public sealed class DeviceReadOnlyException(string message) : StoreException(message);
