namespace Voe.Store.Log;

/// <summary>Who keeps the volumes as the log has them so far: changed by replay and by batches, in the log's order.</summary>
internal interface IVolumeRecords
{
    /// <summary>The id that the next new volume gets; part of each checkpoint, since the highest volume may be deleted.</summary>
    uint NextId { get; }

    /// <summary>
    /// Whether the log lost something that a repair could not save: then extents may name chunks that it no longer holds. Part of
    /// each checkpoint.
    /// </summary>
    bool HasLosses { get; set; }

    /// <summary>Makes or changes a volume.</summary>
    void Put(VolumeRecord record);

    /// <summary>Removes a volume; one that is unknown is not an error.</summary>
    void Remove(uint id);
}
