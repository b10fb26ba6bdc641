using Voe.Store.Volumes;

namespace Voe.Store;

/// <summary>
/// Which volumes have lost acknowledged writes when a failed log was recovered, until a flush of each has told so: a
/// flush must not succeed as if they had become durable (P2). Safe from many threads.
/// </summary>
internal sealed class UnreportedLosses
{
    /// <summary>Stands for a flush of the whole store; no volume has this id.</summary>
    public const uint WholeStore = 0;

    private readonly Lock _volumesLock = new();
    private readonly HashSet<uint> _volumes = []; // guarded by _volumesLock

    /// <summary>
    /// Notes the volumes, as they were before the recovery, that had got batches later than 
    /// <paramref name="recoveredLsn"/>.
    /// </summary>
    public void Add(List<VolumeState> volumes, ulong recoveredLsn)
    {
        lock (_volumesLock)
        {
            foreach (VolumeState volume in volumes)
            {
                if (volume.LastLsn > recoveredLsn)
                {
                    _volumes.Add(volume.Record.Id);
                    _volumes.Add(WholeStore);
                }
            }
        }
    }

    /// <summary>Throws if the volume has lost something and no flush has told so yet.</summary>
    /// <exception cref="StoreFailedException">It has. The next flush may succeed.</exception>
    public void ThrowOnce(uint volume)
    {
        lock (_volumesLock)
        {
            if (_volumes.Remove(volume))
            {
                throw new StoreFailedException(
                    "acknowledged writes that no flush had covered were lost when the medium refused a write or sync; the "
                    + "log has been recovered without them");
            }
        }
    }
}
