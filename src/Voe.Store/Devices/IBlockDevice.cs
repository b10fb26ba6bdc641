namespace Voe.Store.Devices;

/// <summary>One read of a group: fill <paramref name="Buffer"/> from byte <paramref name="Offset"/> of the device.</summary>
/// <param name="Offset">Byte offset, any value inside the device.</param>
/// <param name="Buffer">Where the bytes go; owned by the caller, who must leave it alone until the call returns.</param>
public readonly record struct BlockRead(long Offset, Memory<byte> Buffer);

/// <summary>One write of a group: put <paramref name="Data"/> at byte <paramref name="Offset"/> of the device.</summary>
/// <param name="Offset">Byte offset, any value inside the device.</param>
/// <param name="Data">The bytes; owned by the caller, who must not change them until the call returns.</param>
public readonly record struct BlockWrite(long Offset, ReadOnlyMemory<byte> Data);

/// <summary>What a range of a device holds.</summary>
public enum ExtentKind
{
    /// <summary>Data is stored.</summary>
    Data,

    /// <summary>Nothing is stored; it reads as zeroes.</summary>
    Hole,
}

/// <summary>A half-open byte range <c>[Offset, Offset + Length)</c> of one kind.</summary>
/// <param name="Offset">Byte offset.</param>
/// <param name="Length">Length in bytes, at least 1.</param>
/// <param name="Kind">What is there.</param>
public readonly record struct DeviceExtent(long Offset, long Length, ExtentKind Kind);

/// <summary>
/// The one seam between protocols and storage. No protocol knows what is behind it; no device knows who asks.
/// </summary>
/// <remarks>
/// <para>Threads: every member may be called from many threads at once. Calls block until done.</para>
/// <para>Order: requests that overlap in time and touch the same chunk take effect in some order, each chunk-aligned
/// part whole. Requests of one group are a set, not a sequence: they too have no order among themselves.</para>
/// <para>Durability: a write, trim or write-zeroes that has returned survives the death of the process (P1); it survives
/// the loss of power once a <see cref="Flush"/> that began later has returned (P2).</para>
/// <para>Errors: every failure is a <see cref="StoreException"/>. A request outside the device is
/// <see cref="RequestOutOfRangeException"/> and changes nothing; a failed group of writes may have been done in part.</para>
/// </remarks>
public interface IBlockDevice
{
    /// <summary>Size in bytes. May change while the device is in use (a volume was resized).</summary>
    long Size { get; }

    /// <summary>The size, in bytes, in which requests are best made and aligned: the chunk size of a volume. A power of two.</summary>
    int PreferredBlockSize { get; }

    /// <summary>Whether writes, trims and write-zeroes are refused with <see cref="DeviceReadOnlyException"/>.</summary>
    bool IsReadOnly { get; }

    /// <summary>Fills all buffers of the group. Many small reads in one group cost less than one by one.</summary>
    void Read(ReadOnlySpan<BlockRead> reads);

    /// <summary>Writes all buffers of the group. Many small writes in one group cost less than one by one.</summary>
    void Write(ReadOnlySpan<BlockWrite> writes);

    /// <summary>Returns when everything that any caller's returned write, trim or write-zeroes changed is durable.</summary>
    void Flush();

    /// <summary>Gives up what the range holds: it reads as zeroes afterwards. An empty range does nothing.</summary>
    void Trim(long offset, long length);

    /// <summary>
    /// Makes the range read as zeroes. A device that stores zeroes as holes does so either way; another one allocates
    /// them when <paramref name="mayTrim"/> is false.
    /// </summary>
    void WriteZeroes(long offset, long length, bool mayTrim);

    /// <summary>
    /// Whether <see cref="WriteZeroes"/> with that <paramref name="mayTrim"/> costs much less than writing as many zeroes as
    /// data would. A device that cannot tell says no; one that learns better while it runs may change its answer.
    /// </summary>
    bool ZeroesFast(bool mayTrim) => false;

    /// <summary>
    /// The range will be read soon: brings it into the device's own cache, if there is one, as far as it has room. Changes
    /// nothing that a reader can see but the speed. Callers that may be cancelled ask for a few MiB at a time.
    /// </summary>
    void Prefetch(long offset, long length)
    {
        // A device without a cache of its own has nothing to do.
    }

    /// <summary>
    /// Describes the start of the range: fills <paramref name="extents"/> with consecutive extents from
    /// <paramref name="offset"/> on, neighbours of one kind merged, none beyond the range, and returns how many. At
    /// least one for a range that is not empty; fewer than the whole range when the span is full or the search long.
    /// </summary>
    int GetExtents(long offset, long length, Span<DeviceExtent> extents);
}
