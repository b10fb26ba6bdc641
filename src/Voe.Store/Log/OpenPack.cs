using Voe.Store.IO;

namespace Voe.Store.Log;

/// <summary>A pack that is being written or waits to be sealed. Fields change under the log's state lock.</summary>
/// <param name="id">Its number.</param>
/// <param name="file">Its file, open for writing.</param>
/// <param name="firstLsn">LSN of its first batch.</param>
/// <param name="previousChecksum">The header checksum of the batch before its first.</param>
internal sealed class OpenPack(uint id, IStorageFile file, ulong firstLsn, uint previousChecksum)
{
    /// <summary>Its number.</summary>
    public uint Id { get; } = id;

    /// <summary>Its file.</summary>
    public IStorageFile File { get; } = file;

    /// <summary>LSN of its first batch.</summary>
    public ulong FirstLsn { get; } = firstLsn;

    /// <summary>The header checksum of the batch before its first.</summary>
    public uint PreviousChecksum { get; } = previousChecksum;

    /// <summary>Where its batches end: the next one goes there.</summary>
    public long End { get; set; }

    /// <summary>LSN of its last batch; one less than <see cref="FirstLsn"/> while it is empty.</summary>
    public ulong LastLsn { get; set; } = firstLsn - 1;

    /// <summary>Up to where the file's room is reserved.</summary>
    public long ReservedEnd { get; set; }

    /// <summary>Up to where the file was written ahead with zeros, so that a sync there changes no metadata.</summary>
    public long WrittenAheadEnd { get; set; }
}
