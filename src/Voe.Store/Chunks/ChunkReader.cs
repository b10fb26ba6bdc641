using System.Runtime.InteropServices;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Packs;

namespace Voe.Store.Chunks;

/// <summary>One chunk, or a part of it, that is wanted.</summary>
internal unsafe struct ChunkRead
{
    /// <summary>Which chunk, and where it should lie. Not a hole.</summary>
    public MapEntry Entry;

    /// <summary>Where the bytes go; pinned by the caller.</summary>
    public byte* Destination;

    /// <summary>First wanted byte of the chunk.</summary>
    public int Offset;

    /// <summary>How many bytes are wanted.</summary>
    public int Length;
}

/// <summary>Which of the chunks that are read from packs go to the cache.</summary>
internal enum Caching
{
    /// <summary>Those that are read again, and not as part of a long run.</summary>
    WhatComesBack,

    /// <summary>All: they are read so that they are there.</summary>
    All,
}

/// <summary>
/// Reads chunks: from the cache, else from their packs, neighbours with one read; verifies every chunk before a byte of
/// it is handed on. Holds the buffers of one caller at a time.
/// </summary>
/// <remarks>
/// Invariants (P4): <see cref="Read"/> returns, and a chunk reaches the cache, only after the stored bytes matched their
/// CRC32C and, unless the store was opened without, the plain bytes matched their hash. Chunks that are stored raw, side by
/// side and wanted side by side, are read right to their destination and verified there; after an exception the
/// destinations hold anything.
/// </remarks>
internal sealed unsafe class ChunkReader
{
    /// <summary>The most chunks that one <see cref="Read"/> takes.</summary>
    public const int MaxChunks = 256;

    /// <summary>Plain bytes from which on what came with one read is not cached; see <see cref="HandOn"/>.</summary>
    private const int LongRun = 128 << 10;

    private const int MaxGroupBytes = 1 << 20; // of stored bytes, and of plain bytes
    private const int MaxGap = 16 << 10; // bytes that are read and thrown away rather than split a read
    private const int LongDirectRun = 64 << 10; // worth a read of its own, though a longer one could go to the buffer

    private readonly ChunkStore _store;
    private readonly byte[] _storedBuffer = GC.AllocateUninitializedArray<byte>(MaxGroupBytes, pinned: true);
    private readonly byte[] _plainBuffer = GC.AllocateUninitializedArray<byte>(MaxGroupBytes, pinned: true);
    private readonly int[] _misses = new int[MaxChunks];
    private readonly ulong[] _keys = new ulong[MaxChunks];
    private readonly nint[] _plain = new nint[MaxChunks];
    private readonly ChunkHash[] _hashes = new ChunkHash[MaxChunks];
    private readonly bool[] _isInLongRun = new bool[MaxChunks];
    private Caching _caching; // of the call

    /// <summary>A reader of that store's chunks.</summary>
    public ChunkReader(ChunkStore store) => _store = store;

    /// <summary>Reads all; chunks are <paramref name="chunkSize"/> bytes long.</summary>
    /// <exception cref="ChunkDamagedException">A chunk is not what it was.</exception>
    public void Read(ReadOnlySpan<ChunkRead> reads, int chunkSize, Caching caching)
    {
        _caching = caching;
        int missCount = 0;
        bool isSorted = true;
        ulong lastKey = 0;
        for (int i = 0; i < reads.Length; i++)
        {
            ref readonly ChunkRead read = ref reads[i];
            if (_store.Cache.TryRead(read.Entry.Hash, read.Offset, new Span<byte>(read.Destination, read.Length)))
            {
                continue;
            }

            ulong key = ((ulong)read.Entry.Location.PackId << 32) | read.Entry.Location.Offset;
            isSorted &= key >= lastKey;
            lastKey = key;
            _keys[missCount] = key;
            _misses[missCount++] = i;
        }

        if (!isSorted)
        {
            Array.Sort(_keys, _misses, 0, missCount);
        }

        for (int first = 0; first < missCount;)
        {
            first += ReadGroup(reads, _misses.AsSpan(first, missCount - first), chunkSize);
        }
    }

    // Reads as many of the misses, which are in the order of their places, as the buffers take, and hashes them together:
    // many at a time cost a fraction of one by one. Returns how many they were.
    private int ReadGroup(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int chunkSize)
    {
        int count = 0;
        int storedLength = 0;
        int maxCount = MaxGroupBytes / chunkSize;
        while (count < misses.Length && count < maxCount)
        {
            ReadOnlySpan<int> rest = misses.Slice(count, Math.Min(maxCount, misses.Length) - count);
            (int runCount, int runLength) = MeasureRun(reads, rest, MaxGroupBytes - storedLength);
            int directCount = MeasureDirectRun(reads, rest, chunkSize);
            bool isDirect = directCount >= Math.Max(1, runCount) || directCount * chunkSize >= LongDirectRun;
            if (isDirect)
            {
                (runCount, runLength) = (directCount, 0);
            }
            else if (runCount == 0)
            {
                break; // for the next group, whose buffer is empty
            }

            ReadOnlySpan<int> run = rest[..runCount];
            if (!(isDirect
                ? TryReadDirect(reads, run, count, chunkSize)
                : TryReadRun(reads, run, count, storedLength, runLength, chunkSize)))
            {
                ReadOneByOne(reads, misses[..(count + runCount)], chunkSize);
                return count + runCount;
            }

            _isInLongRun.AsSpan(count, runCount).Fill((long)runCount * chunkSize >= LongRun);
            count += runCount;
            storedLength += runLength;
        }

        if (!AreHashesRight(reads, misses[..count], chunkSize))
        {
            ReadOneByOne(reads, misses[..count], chunkSize);
            return count;
        }

        for (int i = 0; i < count; i++)
        {
            HandOn(reads[misses[i]], _plain[i], chunkSize, _isInLongRun[i]);
        }

        return count;
    }

    // How many of the misses come with one read of the first one's pack, and how long it is.
    private static (int Count, int Length) MeasureRun(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int room)
    {
        ChunkLocation first = reads[misses[0]].Entry.Location;
        long end = (long)first.Offset + first.StoredLength;
        if (first.StoredLength > room)
        {
            return (0, 0);
        }

        int count = 1;
        while (count < misses.Length)
        {
            ChunkLocation next = reads[misses[count]].Entry.Location;
            long nextEnd = (long)next.Offset + next.StoredLength;
            if (next.PackId != first.PackId || next.Offset > end + MaxGap || nextEnd - first.Offset > room)
            {
                break;
            }

            end = Math.Max(end, nextEnd);
            count++;
        }

        return (count, (int)(end - first.Offset));
    }

    // How many of the misses are whole raw chunks, side by side in the pack and at their destinations.
    private static int MeasureDirectRun(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int chunkSize)
    {
        ref readonly ChunkRead first = ref reads[misses[0]];
        int count = 0;
        while (count < misses.Length)
        {
            ref readonly ChunkRead next = ref reads[misses[count]];
            ChunkLocation location = next.Entry.Location;
            int distance = count * chunkSize;
            if (next.Length != chunkSize || location.Codec != ChunkCodec.Raw || location.StoredLength != chunkSize
                || next.Destination != first.Destination + distance || location.PackId != first.Entry.Location.PackId
                || location.Offset != first.Entry.Location.Offset + (long)distance)
            {
                break;
            }

            count++;
        }

        return count;
    }

    // Reads a run of raw chunks to their destination; false when any of it is not right, whatever it is.
    private bool TryReadDirect(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> run, int index, int chunkSize)
    {
        ref readonly ChunkRead first = ref reads[run[0]];
        var destination = new Span<byte>(first.Destination, run.Length * chunkSize);
        if (!TryReadPack(first.Entry.Location, destination, out int read) || read < destination.Length)
        {
            return false;
        }

        for (int i = 0; i < run.Length; i++)
        {
            if (Crc32C.Compute(destination.Slice(i * chunkSize, chunkSize)) != reads[run[i]].Entry.Location.Checksum)
            {
                return false;
            }

            _plain[index + i] = (nint)reads[run[i]].Destination;
        }

        return true;
    }

    private bool TryReadPack(in ChunkLocation location, Span<byte> buffer, out int read)
    {
        try
        {
            using PackSet.Lease lease = _store.Packs.Acquire(location.PackId);
            read = lease.File.Read(buffer, location.Offset);
            return true;
        }
        catch (StoreIOException)
        {
            read = 0;
            return false;
        }
    }

    // Reads a run to the buffer and decodes it; false when any of it is not right, whatever it is.
    private bool TryReadRun(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> run, int index, int bufferStart, int length, int chunkSize)
    {
        ChunkLocation first = reads[run[0]].Entry.Location;
        Span<byte> buffer = _storedBuffer.AsSpan(bufferStart, length);
        if (!TryReadPack(first, buffer, out int read))
        {
            return false;
        }

        for (int i = 0; i < run.Length; i++)
        {
            ChunkLocation location = reads[run[i]].Entry.Location;
            ReadOnlySpan<byte> stored = Stored(buffer[..read], location, first);
            if (TryDecode(location, stored, PlainSlot(index + i, chunkSize), chunkSize, out _plain[index + i]) is not null)
            {
                return false;
            }
        }

        return true;
    }

    private bool AreHashesRight(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int chunkSize)
    {
        if (!_store.VerifiesHash)
        {
            return true;
        }

        _store.Hasher.HashMany(_plain.AsSpan(0, misses.Length), chunkSize, _hashes);
        for (int i = 0; i < misses.Length; i++)
        {
            if (_hashes[i] != reads[misses[i]].Entry.Hash)
            {
                return false;
            }
        }

        return true;
    }

    // Long runs are not cached: to read them again costs little more than the copy into the cache, and a scan would push
    // out what costs a read for each chunk.
    private void HandOn(in ChunkRead wanted, nint plainAddress, int chunkSize, bool isInLongRun)
    {
        var plain = new ReadOnlySpan<byte>((void*)plainAddress, chunkSize);
        if (plainAddress != (nint)wanted.Destination)
        {
            plain.Slice(wanted.Offset, wanted.Length).CopyTo(new Span<byte>(wanted.Destination, wanted.Length));
        }

        if (_caching == Caching.All || (!isInLongRun && _store.Cache.WasMissedBefore(wanted.Entry.Hash)))
        {
            _store.Cache.Add(wanted.Entry.Hash, plain);
        }
    }

    private byte* PlainSlot(int index, int chunkSize) => (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_plainBuffer, index * chunkSize);

    // The part of what was read, from the location `first` on, that is the chunk's; short when the pack ends before.
    private static ReadOnlySpan<byte> Stored(ReadOnlySpan<byte> read, in ChunkLocation location, in ChunkLocation first)
    {
        int start = (int)(location.Offset - first.Offset);
        return start < read.Length ? read.Slice(start, Math.Min(location.StoredLength, read.Length - start)) : default;
    }

    // The chunk's plain bytes, in place if they are stored raw; or why there are none.
    private static string? TryDecode(in ChunkLocation location, ReadOnlySpan<byte> stored, byte* slot, int chunkSize, out nint plain)
    {
        plain = (nint)slot;
        if (stored.Length < location.StoredLength)
        {
            return $"{location.StoredLength} bytes expected, the pack ends after {stored.Length}";
        }

        uint checksum = Crc32C.Compute(stored);
        if (checksum != location.Checksum)
        {
            return $"checksum {location.Checksum:x8} expected, {checksum:x8} found";
        }

        if (location.Codec == ChunkCodec.Raw)
        {
            plain = (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(stored));
            return stored.Length == chunkSize ? null : $"{chunkSize} bytes expected, {stored.Length} are stored";
        }

        try
        {
            ChunkCompressor.Decompress(location.Codec, stored, new Span<byte>(slot, chunkSize));
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    // Something in a group is not right: reads each chunk alone, so that all but the bad one are had, and it is named.
    private void ReadOneByOne(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int chunkSize)
    {
        foreach (int miss in misses)
        {
            ReadAlone(reads[miss], chunkSize);
        }
    }

    private void ReadAlone(in ChunkRead wanted, int chunkSize)
    {
        string? reason = TryReadAlone(wanted, wanted.Entry.Location, chunkSize, out Exception? cause);
        if (reason is null)
        {
            return;
        }

        // The hint led nowhere good: the index may know a newer place; if not, the chunk is damaged.
        ChunkHash hash = wanted.Entry.Hash;
        ChunkLocation known = _store.Find(hash);
        if (!known.IsNone && known != wanted.Entry.Location)
        {
            reason = TryReadAlone(wanted, known, chunkSize, out cause);
        }

        if (reason is not null)
        {
            if (wanted.Entry.Location.IsLost && known.IsNone)
            {
                throw new ChunkLostException(hash);
            }

            ChunkLocation place = known.IsNone ? wanted.Entry.Location : known;
            _store.MarkDamaged(hash);
            throw new ChunkDamagedException(place.PackId, place.Offset, hash, reason, cause);
        }
    }

    // Null, and the bytes were handed on; or why they were not.
    private string? TryReadAlone(in ChunkRead wanted, in ChunkLocation location, int chunkSize, out Exception? cause)
    {
        cause = null;
        Span<byte> buffer = _storedBuffer.AsSpan(0, location.StoredLength);
        int read;
        try
        {
            using PackSet.Lease lease = _store.Packs.Acquire(location.PackId);
            read = lease.File.Read(buffer, location.Offset);
        }
        catch (StoreIOException e)
        {
            cause = e;
            return $"cannot be read: {e.Message}";
        }

        if (TryDecode(location, buffer[..read], PlainSlot(0, chunkSize), chunkSize, out nint plain) is { } reason)
        {
            return reason;
        }

        if (_store.VerifiesHash)
        {
            ChunkHash found = _store.Hasher.Hash(new ReadOnlySpan<byte>((void*)plain, chunkSize));
            if (found != wanted.Entry.Hash)
            {
                return $"the bytes there hash to {found}";
            }
        }

        HandOn(wanted, plain, chunkSize, isInLongRun: false);
        return null;
    }
}
