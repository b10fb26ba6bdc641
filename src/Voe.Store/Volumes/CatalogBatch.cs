using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Volumes;

/// <summary>A batch that makes, changes or deletes a volume.</summary>
internal sealed class CatalogBatch : BatchBody
{
    private readonly StoreIndex _index;
    private readonly VolumeCatalog _catalog;
    private readonly VolumeRecord? _record;
    private readonly uint _deletedId;
    private readonly ulong _cutFirst;
    private readonly ulong _cutCount;

    private CatalogBatch(StoreIndex index, VolumeCatalog catalog, VolumeRecord? record, uint deletedId, ulong cutFirst, ulong cutCount)
    {
        _index = index;
        _catalog = catalog;
        _record = record;
        _deletedId = deletedId;
        _cutFirst = cutFirst;
        _cutCount = cutCount;
    }

    /// <inheritdoc/>
    public override int EntryCount => 1;

    /// <summary>True: writes of the same volume are checked against the catalog, so this one goes alone.</summary>
    public override bool DependsOnOthers => true;

    /// <summary>
    /// A batch that makes or changes a volume; <paramref name="cutCount"/> chunks from <paramref name="cutFirst"/> on
    /// become a hole.
    /// </summary>
    public static CatalogBatch Put(StoreIndex index, VolumeCatalog catalog, VolumeRecord record, ulong cutFirst = 0, ulong cutCount = 0)
    {
        var batch = new CatalogBatch(index, catalog, record, 0, cutFirst, cutCount);
        batch.Table.AddVolume(record);
        if (cutCount > 0)
        {
            batch.Table.AddZero(record.Id, cutFirst, cutCount);
        }

        return batch;
    }

    /// <summary>A batch that deletes a volume and all it holds.</summary>
    public static CatalogBatch Delete(StoreIndex index, VolumeCatalog catalog, uint id)
    {
        var batch = new CatalogBatch(index, catalog, null, id, 0, 0);
        batch.Table.AddVolumeDeleted(id);
        return batch;
    }

    /// <inheritdoc/>
    public override void Apply(in BatchPlace place)
    {
        if (_record is { } record)
        {
            _catalog.Put(record);
            _index.PutVolume(record.Id, NamedRecordCodec.Encode(record));
            if (_cutCount > 0)
            {
                _index.ZeroRange(record.Id, _cutFirst, _cutCount);
            }
        }
        else
        {
            _catalog.Remove(_deletedId);
            _index.DeleteVolume(_deletedId);
        }
    }
}
