using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;

namespace Voe.Store.Volumes;

/// <summary>
/// The chunks of one volume that a batch will write: whole ones as pointers into the caller's memory, and those written
/// in part merged with what the volume holds.
/// </summary>
/// <remarks>
/// Invariants: at most <see cref="MaxChunks"/> chunks and <see cref="MaxBytes"/> bytes. As soon as a part was added, no
/// chunk is in the set twice, since the two would not see each other; parts apply in the order in which they came.
/// </remarks>
internal sealed unsafe class WriteSet
{
    /// <summary>The most chunks in a set.</summary>
    public const int MaxChunks = 256;

    /// <summary>The most plain bytes in a set; what is larger becomes several.</summary>
    public const int MaxBytes = 1 << 20;

    private const int None = -1;

    private readonly StoreIndex _index;
    private readonly ChunkStore _chunks;
    private readonly ulong[] _numbers = new ulong[MaxChunks];
    private readonly nint[] _whole = new nint[MaxChunks]; // the caller's bytes of the whole chunk, or 0
    private readonly nint[] _data = new nint[MaxChunks]; // what will be written
    private readonly int[] _slots = new int[MaxChunks]; // place in _merged, or None
    private readonly ChunkHash[] _bases = new ChunkHash[MaxChunks]; // what a chunk without whole bytes was merged with
    private readonly Part[] _parts = new Part[MaxChunks];
    private readonly ulong[] _baseNumbers = new ulong[MaxChunks];
    private readonly MapEntry[] _baseEntries = new MapEntry[MaxChunks];
    private readonly ChunkRead[] _baseReads = new ChunkRead[MaxChunks];
    private byte[] _merged = [];
    private int _chunkSize;
    private int _partCount;
    private int _slotCount;

    /// <summary>A set for volumes of that store; reused for one write after another.</summary>
    public WriteSet(StoreIndex index, ChunkStore chunks)
    {
        _index = index;
        _chunks = chunks;
    }

    /// <summary>How many chunks it has.</summary>
    public int Count { get; private set; }

    /// <summary>Whether a chunk depends on what the volume holds.</summary>
    public bool HasBases { get; private set; }

    /// <summary>Whether there is room for any other chunk or part.</summary>
    public bool HasRoom => Count < MaxChunks && (Count + 1) * _chunkSize <= MaxBytes && _partCount < MaxChunks;

    /// <summary>The chunk numbers, in the order in which they came.</summary>
    public ReadOnlySpan<ulong> Numbers => _numbers.AsSpan(0, Count);

    /// <summary>Addresses of the chunks' bytes, after <see cref="Merge"/>.</summary>
    public ReadOnlySpan<nint> Data => _data.AsSpan(0, Count);

    /// <summary>Begins a new set.</summary>
    public void Begin(int chunkSize)
    {
        _chunkSize = chunkSize;
        _partCount = 0;
        _slotCount = 0;
        Count = 0;
        HasBases = false;
    }

    /// <summary>Adds a whole chunk; <paramref name="data"/> stays pinned until the set is written.</summary>
    public void AddWhole(ulong number, byte* data)
    {
        int at = _partCount > 0 ? FindOrAdd(number) : Add(number);
        _whole[at] = (nint)data;
        if (_slots[at] == None)
        {
            return;
        }

        _slots[at] = None; // the parts that came before are overwritten
        for (int i = 0; i < _partCount; i++)
        {
            if (_parts[i].At == at)
            {
                _parts[i].At = None;
            }
        }
    }

    /// <summary>Adds a part of a chunk; <paramref name="data"/> stays pinned until the set is written.</summary>
    public void AddPart(ulong number, int offset, int length, byte* data)
    {
        int at = FindOrAdd(number);
        if (_slots[at] == None)
        {
            _slots[at] = _slotCount++;
        }

        _parts[_partCount++] = new Part { At = at, Offset = offset, Length = length, Data = (nint)data };
    }

    /// <summary>Makes every chunk whole. May be repeated when <see cref="AreBasesCurrent"/> said no.</summary>
    public void Merge(uint volume)
    {
        for (int i = 0; i < Count; i++)
        {
            _data[i] = _whole[i];
        }

        if (_partCount == 0)
        {
            return;
        }

        if (_merged.Length < _slotCount * _chunkSize)
        {
            _merged = GC.AllocateUninitializedArray<byte>(_slotCount * _chunkSize, pinned: true);
        }

        ReadBases(volume);
        for (int i = 0; i < _partCount; i++)
        {
            Part part = _parts[i];
            if (part.At != None)
            {
                new ReadOnlySpan<byte>((void*)part.Data, part.Length).CopyTo(Slot(part.At).Slice(part.Offset, part.Length));
            }
        }
    }

    /// <summary>Whether every chunk that was merged with the volume's content would be merged with the same now.</summary>
    public bool AreBasesCurrent(uint volume)
    {
        Span<MapEntry> current = stackalloc MapEntry[1];
        for (int i = 0; i < Count; i++)
        {
            if (_slots[i] != None && _whole[i] == 0)
            {
                _index.ReadMap(volume, _numbers[i], current);
                if (current[0].Hash != _bases[i])
                {
                    return false;
                }
            }
        }

        return true;
    }

    private void ReadBases(uint volume)
    {
        int baseCount = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_slots[i] == None)
            {
                continue;
            }

            Span<byte> slot = Slot(i);
            _data[i] = (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(slot));
            if (_whole[i] != 0)
            {
                new ReadOnlySpan<byte>((void*)_whole[i], _chunkSize).CopyTo(slot);
            }
            else
            {
                _baseNumbers[baseCount++] = _numbers[i];
            }
        }

        HasBases = baseCount > 0;
        if (!HasBases)
        {
            return;
        }

        _index.ReadMap(volume, _baseNumbers.AsSpan(0, baseCount), _baseEntries);
        int readCount = 0;
        int next = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_slots[i] == None || _whole[i] != 0)
            {
                continue;
            }

            MapEntry entry = _baseEntries[next++];
            _bases[i] = entry.Hash;
            if (entry.IsHole)
            {
                Slot(i).Clear();
            }
            else
            {
                _baseReads[readCount++] = new ChunkRead { Entry = entry, Destination = (byte*)_data[i], Offset = 0, Length = _chunkSize };
            }
        }

        _chunks.Read(_baseReads.AsSpan(0, readCount), _chunkSize, Caching.WhatComesBack);
    }

    private Span<byte> Slot(int at) => _merged.AsSpan(_slots[at] * _chunkSize, _chunkSize);

    private int FindOrAdd(ulong number)
    {
        int at = _numbers.AsSpan(0, Count).LastIndexOf(number);
        return at >= 0 ? at : Add(number);
    }

    private int Add(ulong number)
    {
        _numbers[Count] = number;
        _whole[Count] = 0;
        _slots[Count] = None;
        return Count++;
    }

    /// <summary>A part of a chunk.</summary>
    private struct Part
    {
        public int At; // which chunk of the set, or None when it was overwritten
        public int Offset;
        public int Length;
        public nint Data;
    }
}
