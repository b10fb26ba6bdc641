using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Volumes;

/// <summary>
/// One batch of chunks written to one volume: hashes them together, leaves out zeros and what is stored already,
/// compresses the rest, and once the log has it, points the volume's map there. It can also make a hole of a range, so
/// that a trim and the chunks at its ragged ends are one batch.
/// </summary>
/// <remarks>
/// A chunk that is written in part is read, merged and written whole. Nobody is locked out meanwhile: the log accepts
/// the batch only if the chunk still holds what was merged with (its hash says so), else it is merged again.
/// </remarks>
internal sealed unsafe class VolumeWriteBatch : BatchBody
{
    private const int MaxChunks = WriteSet.MaxChunks;
    private const short None = -1;
    private const int LocalSlots = 2 * MaxChunks;

    private readonly StoreIndex _index;
    private readonly ChunkStore _chunks;
    private readonly ChunkCompressor _compressor = new();
    private readonly byte[] _payload = GC.AllocateUninitializedArray<byte>(WriteSet.MaxBytes, pinned: true);

    // For each chunk of the set.
    private readonly MapEntry[] _entries = new MapEntry[MaxChunks];
    private readonly short[] _newOf = new short[MaxChunks]; // which new chunk it is, or None

    // For each chunk that is not zeros.
    private readonly short[] _dense = new short[MaxChunks]; // its place in the set
    private readonly nint[] _denseData = new nint[MaxChunks];
    private readonly ChunkHash[] _hashes = new ChunkHash[MaxChunks];
    private readonly ChunkLocation[] _locations = new ChunkLocation[MaxChunks];

    // For each new chunk; offsets count from the payload's start until the log has placed it.
    private readonly ChunkHash[] _newHashes = new ChunkHash[MaxChunks];
    private readonly ChunkLocation[] _newLocations = new ChunkLocation[MaxChunks];
    private readonly short[] _localTable = new short[LocalSlots]; // new chunks by hash: two of one batch are stored once

    private VolumeState _volume = null!;
    private bool _ignoresSize;
    private ulong _zeroFirst;
    private ulong _zeroCount;
    private int _newCount;
    private int _payloadLength;
    private Refusal _refusal;

    /// <summary>A batch that writes to volumes of that store; reused for one write after another.</summary>
    public VolumeWriteBatch(StoreIndex index, ChunkStore chunks)
    {
        _index = index;
        _chunks = chunks;
        Set = new WriteSet(index, chunks);
    }

    private enum Refusal
    {
        BaseChanged,
        Deleted,
        OutOfRange,
    }

    /// <summary>What is to be written.</summary>
    public WriteSet Set { get; }

    /// <inheritdoc/>
    public override int EntryCount => Set.Count + _newCount + (_zeroCount > 0 ? Delta.LongestRangeInTable : 0);

    /// <inheritdoc/>
    public override bool DependsOnOthers => Set.HasBases;

    /// <summary>Begins a batch for a volume.</summary>
    /// <param name="volume">The volume.</param>
    /// <param name="ignoresSize">Whether it may write beyond the volume's size (to clear what a larger size will show).</param>
    public void Begin(VolumeState volume, bool ignoresSize)
    {
        _volume = volume;
        _ignoresSize = ignoresSize;
        _zeroCount = 0;
        Set.Begin(volume.Record.ChunkSize);
    }

    /// <summary>Whether there is nothing to write.</summary>
    public bool IsEmpty => Set.Count == 0 && _zeroCount == 0;

    /// <summary>Adds a range of chunks that become a hole: one a batch, and none of its chunks is in the set.</summary>
    public void AddZeroRange(ulong first, ulong count)
    {
        _zeroFirst = first;
        _zeroCount = count;
    }

    /// <summary>Writes the set: on return it is in the kernel and visible.</summary>
    /// <exception cref="VolumeDeletedException">The volume is gone.</exception>
    /// <exception cref="RequestOutOfRangeException">The volume has become too small.</exception>
    public void Commit(LogWriter log)
    {
        while (true)
        {
            Set.Merge(_volume.Record.Id);
            BuildRecords();
            log.Append(this);
            if (WasAppended)
            {
                return;
            }

            VolumeRecord record = _volume.Record;
            switch (_refusal)
            {
                case Refusal.Deleted:
                    throw new VolumeDeletedException($"volume \"{record.Name}\" was deleted");
                case Refusal.OutOfRange:
                    throw new RequestOutOfRangeException($"volume \"{record.Name}\" was made smaller: it has {record.Size} bytes now");
                default:
                    break; // another write came between: merge again
            }
        }
    }

    /// <inheritdoc/>
    public override bool IsStillValid()
    {
        if (_volume.IsDeleted)
        {
            _refusal = Refusal.Deleted;
            return false;
        }

        VolumeRecord record = _volume.Record;
        ulong limit = _ignoresSize ? ulong.MaxValue : (ulong)((record.Size + record.ChunkSize - 1) / record.ChunkSize);
        foreach (ulong number in Set.Numbers)
        {
            if (number >= limit)
            {
                _refusal = Refusal.OutOfRange;
                return false;
            }
        }

        if (_zeroCount > 0 && _zeroFirst + _zeroCount > limit)
        {
            _refusal = Refusal.OutOfRange;
            return false;
        }

        _refusal = Refusal.BaseChanged;
        return !Set.HasBases || Set.AreBasesCurrent(record.Id);
    }

    /// <inheritdoc/>
    public override void Apply(in BatchPlace place)
    {
        _volume.LastLsn = place.Lsn;
        _volume.NewBytes += _payloadLength;
        for (int i = 0; i < _newCount; i++)
        {
            _newLocations[i] = _newLocations[i] with { PackId = place.PackId, Offset = _newLocations[i].Offset + place.PayloadOffset };
            _index.AddChunk(_newHashes[i], _newLocations[i]);
            _chunks.MarkStored(_newHashes[i]);
        }

        ReadOnlySpan<ulong> numbers = Set.Numbers;
        for (int first = 0; first < numbers.Length;)
        {
            int end = first;
            do
            {
                if (_newOf[end] != None)
                {
                    _entries[end] = _entries[end] with { Location = _newLocations[_newOf[end]] };
                }

                end++;
            }
            while (end < numbers.Length && numbers[end] == numbers[end - 1] + 1);

            _index.SetEntries(_volume.Record.Id, numbers[first], _entries.AsSpan(first, end - first));
            first = end;
        }

        if (_zeroCount > 0)
        {
            _index.ZeroRange(_volume.Record.Id, _zeroFirst, _zeroCount);
        }
    }

    private void BuildRecords()
    {
        Table.Clear();
        int denseCount = FindData();
        _chunks.Hasher.HashMany(_denseData.AsSpan(0, denseCount), _volume.Record.ChunkSize, _hashes);
        _chunks.FindSound(_hashes.AsSpan(0, denseCount), _locations);
        _localTable.AsSpan().Fill(None);
        _newCount = 0;
        _payloadLength = 0;
        for (int i = 0; i < denseCount; i++)
        {
            int at = _dense[i];
            _newOf[at] = _locations[i].IsNone ? FindOrStore(i) : None;
            _entries[at] = new MapEntry(_hashes[i], _locations[i]);
        }

        AddRuns();
        if (_zeroCount > 0)
        {
            Table.AddZero(_volume.Record.Id, _zeroFirst, _zeroCount);
        }

        Payload = _payload.AsMemory(0, _payloadLength);
    }

    // Sorts out the zeros; returns how many chunks are left.
    private int FindData()
    {
        ReadOnlySpan<nint> data = Set.Data;
        int denseCount = 0;
        for (int i = 0; i < data.Length; i++)
        {
            if (ZeroBlock.IsZero(new ReadOnlySpan<byte>((void*)data[i], _volume.Record.ChunkSize)))
            {
                _entries[i] = default;
                _newOf[i] = None;
            }
            else
            {
                _dense[denseCount] = (short)i;
                _denseData[denseCount++] = data[i];
            }
        }

        return denseCount;
    }

    // The new chunk that this one is: one of this batch's already, or the next.
    private short FindOrStore(int dense)
    {
        ChunkHash hash = _hashes[dense];
        uint slot = (uint)(hash.Word1 % LocalSlots);
        while (_localTable[slot] != None)
        {
            if (_newHashes[_localTable[slot]] == hash)
            {
                return _localTable[slot];
            }

            slot = (slot + 1) % LocalSlots;
        }

        short at = (short)_newCount++;
        _localTable[slot] = at;
        _newHashes[at] = hash;
        _newLocations[at] = Store(new ReadOnlySpan<byte>((void*)_denseData[dense], _volume.Record.ChunkSize), hash);
        return at;
    }

    private ChunkLocation Store(ReadOnlySpan<byte> plain, in ChunkHash hash)
    {
        if (_newCount == 1)
        {
            Table.BeginChunks();
        }

        CompressionSetting setting = _volume.Record.Compression;
        Span<byte> destination = _payload.AsSpan(_payloadLength);
        int length = setting.Codec == ChunkCodec.Raw ? 0 : _compressor.Compress(setting, plain, destination[..plain.Length]);
        ChunkCodec codec = length == 0 ? ChunkCodec.Raw : setting.Codec;
        if (codec == ChunkCodec.Raw)
        {
            plain.CopyTo(destination);
            length = plain.Length;
        }

        uint checksum = Crc32C.Compute(destination[..length]);
        Table.AddChunk(new ChunkRecord(hash, plain.Length, length, checksum, codec));
        var location = new ChunkLocation(0, (uint)_payloadLength, length, codec, checksum);
        _payloadLength += length;
        return location;
    }

    // Extent and Zero records: runs of consecutive chunks with data, or without.
    private void AddRuns()
    {
        ReadOnlySpan<ulong> numbers = Set.Numbers;
        uint volume = _volume.Record.Id;
        for (int first = 0; first < numbers.Length;)
        {
            bool isHole = _entries[first].IsHole;
            int end = first + 1;
            while (end < numbers.Length && numbers[end] == numbers[end - 1] + 1 && _entries[end].IsHole == isHole)
            {
                end++;
            }

            if (isHole)
            {
                Table.AddZero(volume, numbers[first], (ulong)(end - first));
            }
            else
            {
                Table.BeginExtent(volume, numbers[first]);
                for (int i = first; i < end; i++)
                {
                    Table.AddHash(_entries[i].Hash);
                }
            }

            first = end;
        }
    }
}
