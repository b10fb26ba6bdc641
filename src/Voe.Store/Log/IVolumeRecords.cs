namespace Voe.Store.Log;

/// <summary>Who keeps the volumes as the log has them so far: changed by replay and by batches, in the log's order.</summary>
internal interface IVolumeRecords
{
    /// <summary>The id that the next new volume gets; part of each checkpoint, since the highest volume may be deleted.</summary>
    uint NextId { get; }

    /// <summary>Makes or changes a volume.</summary>
    void Put(VolumeRecord record);

    /// <summary>Removes a volume; one that is unknown is not an error.</summary>
    void Remove(uint id);
}
