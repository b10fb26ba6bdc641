using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>
/// A volume: its settings, and its map as ranges. The map is taken from the log, two million chunks at a time (8 GiB of a volume with
/// chunks of 4 KiB), each of which takes two passes over the records of all packs; where a volume holds nothing, none. Memory: some
/// 250 MiB at most, and the volume's coverage (<see cref="VolumeCoverage"/>).
/// </summary>
/// <param name="session">The store.</param>
/// <param name="windowChunks">How many chunks at a time.</param>
internal sealed class VolumeDump(DumpSession session, int windowChunks = VolumeDump.DefaultWindowChunks)
{
    /// <summary>How many chunks at a time unless told otherwise.</summary>
    public const int DefaultWindowChunks = 2 << 20;

    private readonly Dictionary<ChunkHash, Place> _places = [];
    private ChunkHash[] _window = [];
    private VolumeMapEntry? _run;

    private readonly record struct Place(uint Pack, long Offset, int StoredLength);

    /// <summary>Shows it.</summary>
    /// <exception cref="DumpTargetException">No volume has that name.</exception>
    public void Run(string name)
    {
        LogSurvey survey = session.ReadLogAndShowProblems();
        VolumeRecord volume = survey.Catalog.Volumes.Values.FirstOrDefault(
            other => string.Equals(other.Name, name, StringComparison.Ordinal))
            ?? throw new DumpTargetException($"no volume has the name {DumpEntry.Quote(name)}");
        session.Show(VolumeEntry.Of(volume, mappedChunks: null));
        ulong chunks = ((ulong)volume.Size + (ulong)volume.ChunkSize - 1) / (ulong)volume.ChunkSize;
        for (ulong first = 0; first < chunks;)
        {
            int count = (int)Math.Min((ulong)windowChunks, chunks - first);
            ulong next = Load(survey, volume, first, count, chunks);
            Resolve(survey);
            for (int i = 0; i < count; i++)
            {
                Add(volume, first + (ulong)i, _window[i]);
            }

            ulong end = first + (ulong)count;
            if (next > end)
            {
                AddRange(volume, end, next, "hole", default);
            }

            first = next;
        }

        if (_run is not null)
        {
            session.Show(_run);
        }
    }

    // What these chunks hold. Returns where the next one behind them is that holds something, at most the end.
    private ulong Load(LogSurvey survey, VolumeRecord volume, ulong first, int count, ulong end)
    {
        if (_window.Length < count)
        {
            _window = new ChunkHash[count];
        }

        _window.AsSpan().Clear();
        _places.Clear();
        ulong next = end;
        var volumes = new Dictionary<uint, VolumeRecord> { [volume.Id] = volume };
        var replay = new MapReplay(volumes, survey.End.LastLsn, (_, _, chunk, hash) =>
        {
            if (chunk >= first && chunk - first < (ulong)count)
            {
                _window[chunk - first] = hash;
                _places[hash] = default;
            }
            else if (chunk > first)
            {
                next = Math.Min(next, chunk);
            }
        });
        session.ForEachTables(survey, isBackwards: true, "resolving the volume's map", replay.Apply);
        return next;
    }

    // Where they are stored: the last place counts, as for the index.
    private void Resolve(LogSurvey survey)
    {
        if (_places.Count > 0)
        {
            session.ForEachBatch(survey, "looking for chunks", ResolveIn);
        }
    }

    private void ResolveIn(BatchHeader header, RecordTableReader records)
    {
        long offset = (long)header.Offset + header.PayloadOffset;
        while (records.MoveNext())
        {
            if (records.Kind == RecordKind.Delta)
            {
                offset += records.GetDelta().Length;
            }

            for (int i = 0; records.Kind == RecordKind.Chunks && i < records.ChunkCount; i++)
            {
                ChunkRecord chunk = records.GetChunk(i);
                ref Place place = ref CollectionsMarshal.GetValueRefOrNullRef(_places, chunk.Hash);
                if (chunk.Codec != ChunkCodec.Lost && !System.Runtime.CompilerServices.Unsafe.IsNullRef(ref place))
                {
                    place = new Place(header.PackId, offset, chunk.StoredLength);
                }

                offset += chunk.StoredLength;
            }
        }
    }

    private void Add(VolumeRecord volume, ulong chunk, in ChunkHash hash)
    {
        Place place = hash.IsZero ? default : _places[hash];
        string state = hash.IsZero ? "hole" : place.Pack == 0 ? "lost" : "data";
        AddRange(volume, chunk, chunk + 1, state, place);
    }

    private void AddRange(VolumeRecord volume, ulong first, ulong end, string state, in Place place)
    {
        long offset = (long)first * volume.ChunkSize;
        long length = Math.Min((long)end * volume.ChunkSize, volume.Size) - offset;
        if (_run is { } run && string.Equals(run.State, state, StringComparison.Ordinal)
            && (place.Pack == 0 || (run.Pack == place.Pack && run.PackOffset + run.StoredLength == place.Offset)))
        {
            _run = run with
            {
                Length = run.Length + length,
                StoredLength = place.Pack == 0 ? null : run.StoredLength + place.StoredLength,
            };
            return;
        }

        if (_run is not null)
        {
            session.Show(_run);
        }

        _run = place.Pack == 0
            ? new VolumeMapEntry(offset, length, state, null, null, null)
            : new VolumeMapEntry(offset, length, state, place.Pack, place.Offset, place.StoredLength);
    }
}
