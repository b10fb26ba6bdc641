namespace Voe.Store.Volumes;

/// <summary>The store that a volume belongs to, as the volume sees it.</summary>
internal interface IVolumeHost
{
    /// <summary>What was lost when the log was recovered, for the flushes that must tell.</summary>
    UnreportedLosses Losses { get; }

    /// <summary>Begins an operation that reads.</summary>
    StoreOperation Enter();

    /// <summary>Begins an operation that writes or flushes; recovers the log first if it has failed and the medium works again.</summary>
    StoreOperation EnterToWrite();

    /// <summary>
    /// Makes one change to a volume's record, after all that came before and before all that come later. Durable on return.
    /// </summary>
    void ChangeVolume(Volume volume, Func<StoreEngine, VolumeState, CatalogBatch> change);
}
