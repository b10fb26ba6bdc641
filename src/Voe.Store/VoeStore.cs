using Voe.Store.Chunks;
using Voe.Store.IO;
using Voe.Store.Volumes;

namespace Voe.Store;

/// <summary>The door to a store: opens it, creates, finds and deletes volumes, closes it.</summary>
public sealed class VoeStore : IDisposable
{
    /// <summary>Opens or creates the store in a local directory.</summary>
    public static VoeStore Open(string path, StoreOptions? options = null) => throw new NotSupportedException(path + options);

    /// <summary>Opens or creates the store in <paramref name="directory"/>, with RocksDB in the local directory <paramref name="indexPath"/>.</summary>
    internal static VoeStore Open(IStorageDirectory directory, string indexPath, StoreOptions options) =>
        throw new NotSupportedException(directory.Path + indexPath + options);

    /// <summary>All volumes, by name in ordinal order.</summary>
    public IReadOnlyList<Volume> Volumes => throw new NotSupportedException();

    /// <summary>Creates a volume. Durable on return.</summary>
    /// <param name="name">1 to 255 characters of letters, digits, <c>.</c>, <c>_</c>, <c>-</c>, beginning with a letter or digit.</param>
    /// <param name="size">In bytes, a multiple of 512.</param>
    /// <param name="chunkSize">4 to 64 KiB, a power of two.</param>
    /// <param name="compression">LZ4 when null.</param>
    public Volume CreateVolume(string name, long size, int chunkSize = 4096, CompressionSetting? compression = null) =>
        throw new NotSupportedException(name + size + chunkSize + compression);

    /// <summary>The volume of that name.</summary>
    public Volume OpenVolume(string name) => throw new NotSupportedException(name);

    /// <summary>Makes everything that was acknowledged durable.</summary>
    public void Flush() => throw new NotSupportedException();

    /// <summary>Brings RocksDB up to date, so that the next opening replays nothing of what was written so far.</summary>
    public void Checkpoint() => throw new NotSupportedException();

    /// <summary>Flushes, makes a checkpoint, and gives up the lock.</summary>
    public void Dispose()
    {
    }

    /// <summary>Drops everything in memory without writing a byte, as the death of the process does. For tests.</summary>
    internal void Abandon() => throw new NotSupportedException();
}
