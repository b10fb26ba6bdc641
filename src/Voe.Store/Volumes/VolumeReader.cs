using System.Buffers;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Log;

namespace Voe.Store.Volumes;

/// <summary>
/// One group of reads of a volume: cut into chunks, looked up together, holes filled with zeroes, the rest read together.
/// </summary>
internal unsafe ref struct VolumeReader
{
    private readonly StoreEngine _engine;
    private readonly VolumeRecord _record;
    private readonly VolumeReadScratch _scratch;
    private readonly Caching _caching;
    private int _count;

    /// <summary>A reader for one group.</summary>
    public VolumeReader(StoreEngine engine, VolumeRecord record, VolumeReadScratch scratch, Caching caching)
    {
        _caching = caching;
        _engine = engine;
        _record = record;
        _scratch = scratch;
        _count = 0;
    }

    /// <summary>Fills all buffers; the ranges have been checked.</summary>
    public void Read(ReadOnlySpan<BlockRead> reads)
    {
        MemoryHandle[] pins = ArrayPool<MemoryHandle>.Shared.Rent(reads.Length);
        int pinCount = 0;
        try
        {
            foreach (BlockRead read in reads)
            {
                MemoryHandle pin = read.Buffer.Pin();
                pins[pinCount++] = pin;
                Add(read.Offset, (byte*)pin.Pointer, read.Buffer.Length);
            }

            ReadChunks();
        }
        finally
        {
            for (int i = 0; i < pinCount; i++)
            {
                pins[i].Dispose();
            }

            ArrayPool<MemoryHandle>.Shared.Return(pins);
        }
    }

    private void Add(long offset, byte* destination, int length)
    {
        int chunkSize = _record.ChunkSize;
        while (length > 0)
        {
            if (_count == _scratch.Reads.Length)
            {
                ReadChunks();
            }

            int start = (int)(offset & (chunkSize - 1));
            int count = Math.Min(length, chunkSize - start);
            _scratch.Numbers[_count] = (ulong)(offset / chunkSize);
            _scratch.Reads[_count++] = new ChunkRead { Destination = destination, Offset = start, Length = count };
            offset += count;
            destination += count;
            length -= count;
        }
    }

    private void ReadChunks()
    {
        ReadOnlySpan<ulong> numbers = _scratch.Numbers.AsSpan(0, _count);
        if (_count > 1 && numbers[^1] - numbers[0] == (ulong)(_count - 1) && IsConsecutive(numbers))
        {
            _engine.Index.ReadMap(_record.Id, numbers[0], _scratch.Entries.AsSpan(0, _count));
        }
        else
        {
            _engine.Index.ReadMap(_record.Id, numbers, _scratch.Entries);
        }

        int dataCount = 0;
        for (int i = 0; i < _count; i++)
        {
            ChunkRead read = _scratch.Reads[i];
            if (_scratch.Entries[i].IsHole)
            {
                new Span<byte>(read.Destination, read.Length).Clear();
            }
            else
            {
                read.Entry = _scratch.Entries[i];
                _scratch.Reads[dataCount++] = read;
            }
        }

        _engine.Chunks.Read(_scratch.Reads.AsSpan(0, dataCount), _record.ChunkSize, _caching);
        _count = 0;
    }

    private static bool IsConsecutive(ReadOnlySpan<ulong> numbers)
    {
        for (int i = 1; i < numbers.Length; i++)
        {
            if (numbers[i] != numbers[i - 1] + 1)
            {
                return false;
            }
        }

        return true;
    }
}
