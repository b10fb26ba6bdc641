using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Recovery;

/// <summary>Does to the index and the catalog what one batch of the log says. One thread, in LSN order, nobody reading.</summary>
/// <remarks>
/// Doing it over an index that already has a part of it comes to the same: every record says what holds afterwards, not
/// what changes.
/// </remarks>
internal sealed class BatchReplay(StoreIndex index, IVolumeRecords volumes)
{
    private const int Step = 256;
    private readonly ChunkHash[] _hashes = new ChunkHash[Step];
    private readonly ChunkLocation[] _locations = new ChunkLocation[Step];
    private readonly MapEntry[] _entries = new MapEntry[Step];

    /// <summary>The most entries that a batch with this table adds to the index.</summary>
    public static int CountEntries(ReadOnlySpan<byte> table) => table.Length / ChunkHash.Size;

    /// <summary>Applies a batch.</summary>
    /// <exception cref="StoreDamagedException">Its records contradict the log before it.</exception>
    public void Apply(in BatchHeader header, ReadOnlySpan<byte> table)
    {
        try
        {
            ApplyRecords(header, table);
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamagedException($"pack {header.PackId}, offset {header.Offset}, LSN {header.Lsn}: {e.Message}", e);
        }
    }

    private void ApplyRecords(in BatchHeader header, ReadOnlySpan<byte> table)
    {
        long payload = (long)header.Offset + header.PayloadOffset;
        volumes.HasLosses |= header.IsRepaired;
        var records = new RecordTableReader(table);
        while (records.MoveNext())
        {
            switch (records.Kind)
            {
                case RecordKind.Chunks:
                    payload = AddChunks(header, records, payload);
                    break;
                case RecordKind.Extent:
                    SetExtent(header, records);
                    break;
                case RecordKind.Zero:
                    index.ZeroRange(records.Volume, records.FirstChunk, records.ZeroCount);
                    break;
                case RecordKind.Volume:
                    volumes.Put(records.GetVolume());
                    index.PutVolume(records.GetVolume().Id, records.Body);
                    break;
                case RecordKind.VolumeDeleted:
                    volumes.Remove(records.Volume);
                    index.DeleteVolume(records.Volume);
                    break;
                case RecordKind.Snapshot:
                    index.PutRoot(SnapshotKey(records.GetSnapshot().Volume, records.GetSnapshot().Name), records.Body);
                    break;
                case RecordKind.SnapshotDeleted:
                    _ = NamedRecordCodec.TryDecodeSnapshotDeleted(records.Body, out uint volume, out string name);
                    index.DeleteRoot(SnapshotKey(volume, name));
                    break;
                case RecordKind.Root:
                    break; // says where old extents may be forgotten; the map is as the extents said
                default:
                    throw new StoreFormatException(
                        $"pack {header.PackId}, offset {header.Offset}: a {records.Kind} record, which this program does not replay: "
                        + "open the store with the program that wrote it, or a newer one");
            }
        }
    }

    private static byte[] SnapshotKey(uint volume, string name) => NamedRecordCodec.EncodeSnapshotDeleted(volume, name);

    private long AddChunks(in BatchHeader header, in RecordTableReader records, long payload)
    {
        for (int i = 0; i < records.ChunkCount; i++)
        {
            ChunkRecord chunk = records.GetChunk(i);
            if (chunk.Codec != ChunkCodec.Lost)
            {
                var location = new ChunkLocation(header.PackId, (uint)payload, chunk.StoredLength, chunk.Codec, chunk.Checksum);
                index.AddChunk(chunk.Hash, location);
            }

            payload += chunk.StoredLength;
        }

        return payload;
    }

    private void SetExtent(in BatchHeader header, in RecordTableReader records)
    {
        for (int done = 0; done < records.HashCount;)
        {
            int count = Math.Min(Step, records.HashCount - done);
            for (int i = 0; i < count; i++)
            {
                _hashes[i] = records.GetHash(done + i);
            }

            index.FindChunks(_hashes.AsSpan(0, count), _locations);
            for (int i = 0; i < count; i++)
            {
                if (_locations[i].IsNone && volumes.HasLosses)
                {
                    _locations[i] = ChunkLocation.Lost;
                }
                else if (_locations[i].IsNone)
                {
                    throw new StoreDamagedException(
                        $"pack {header.PackId}, offset {header.Offset}, LSN {header.Lsn}: the extent names chunk "
                        + $"{_hashes[i]}, which the log before it does not hold; "
                        + "if the index directory was changed by hand, delete it: it is rebuilt from the packs");
                }

                _entries[i] = new MapEntry(_hashes[i], _locations[i]);
            }

            index.SetEntries(records.Volume, records.FirstChunk + (ulong)done, _entries.AsSpan(0, count));
            done += count;
        }
    }
}
