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

/// <summary>
/// Reads chunks: from the cache, else from their packs, neighbours with one read; verifies every chunk before a byte of
/// it is handed on. Holds the buffers of one caller at a time.
/// </summary>
/// <remarks>
/// Invariants (P4): a byte reaches a destination or the cache only after the stored bytes matched their CRC32C and, unless
/// the store was opened without, the plain bytes matched their hash.
/// </remarks>
internal sealed unsafe class ChunkReader
{
    /// <summary>The most chunks that one <see cref="Read"/> takes.</summary>
    public const int MaxChunks = 256;

    private const int MaxRunBytes = 1 << 20; // both stored and plain
    private const int MaxGap = 16 << 10; // bytes that are read and thrown away rather than split a read

    private readonly ChunkStore _store;
    private readonly byte[] _storedBuffer = GC.AllocateUninitializedArray<byte>(MaxRunBytes, pinned: true);
    private readonly byte[] _plainBuffer = GC.AllocateUninitializedArray<byte>(MaxRunBytes, pinned: true);
    private readonly int[] _misses = new int[MaxChunks];
    private readonly ulong[] _keys = new ulong[MaxChunks];
    private readonly nint[] _plain = new nint[MaxChunks];
    private readonly ChunkHash[] _hashes = new ChunkHash[MaxChunks];

    /// <summary>A reader of that store's chunks.</summary>
    public ChunkReader(ChunkStore store) => _store = store;

    /// <summary>Reads all; chunks are <paramref name="chunkSize"/> bytes long.</summary>
    /// <exception cref="ChunkDamagedException">A chunk is not what it was; nothing of it was handed on.</exception>
    public void Read(ReadOnlySpan<ChunkRead> reads, int chunkSize)
    {
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
            int count = CountRun(reads, _misses.AsSpan(first, missCount - first), chunkSize);
            ReadRun(reads, _misses.AsSpan(first, count), chunkSize);
            first += count;
        }
    }

    // How many of the misses, which are in the order of their places, come with one read of the first one's pack.
    private static int CountRun(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> misses, int chunkSize)
    {
        ChunkLocation first = reads[misses[0]].Entry.Location;
        long end = (long)first.Offset + first.StoredLength;
        int count = 1;
        int maxCount = MaxRunBytes / chunkSize;
        while (count < misses.Length && count < maxCount)
        {
            ChunkLocation next = reads[misses[count]].Entry.Location;
            long nextEnd = (long)next.Offset + next.StoredLength;
            if (next.PackId != first.PackId || next.Offset > end + MaxGap || nextEnd - first.Offset > MaxRunBytes)
            {
                break;
            }

            end = Math.Max(end, nextEnd);
            count++;
        }

        return count;
    }

    private void ReadRun(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> run, int chunkSize)
    {
        ChunkLocation first = reads[run[0]].Entry.Location;
        ChunkLocation last = reads[run[^1]].Entry.Location;
        int length = (int)((long)last.Offset + last.StoredLength - first.Offset);
        int read;
        try
        {
            using PackSet.Lease lease = _store.Packs.Acquire(first.PackId);
            read = lease.File.Read(_storedBuffer.AsSpan(0, length), first.Offset);
        }
        catch (StoreIOException e) when (run.Length == 1)
        {
            ReadElsewhere(reads[run[0]], chunkSize, $"cannot be read: {e.Message}", e);
            return;
        }
        catch (StoreIOException)
        {
            ReadOneByOne(reads, run, chunkSize); // so that the one that cannot be read is named
            return;
        }

        byte* plainSlot = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_plainBuffer, 0);
        for (int i = 0; i < run.Length; i++, plainSlot += chunkSize)
        {
            ref readonly ChunkRead wanted = ref reads[run[i]];
            int start = (int)(wanted.Entry.Location.Offset - first.Offset);
            ReadOnlySpan<byte> stored = _storedBuffer.AsSpan(0, read);
            stored = start < read ? stored.Slice(start, Math.Min(wanted.Entry.Location.StoredLength, read - start)) : default;
            if (TryDecode(wanted.Entry.Location, stored, plainSlot, chunkSize, out nint plain) is { } reason)
            {
                if (run.Length > 1)
                {
                    ReadOneByOne(reads, run, chunkSize);
                    return;
                }

                ReadElsewhere(wanted, chunkSize, reason, cause: null);
                return;
            }

            _plain[i] = plain;
        }

        HandOn(reads, run, chunkSize);
    }

    private void HandOn(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> run, int chunkSize)
    {
        if (_store.VerifiesHash)
        {
            _store.Hasher.HashMany(_plain.AsSpan(0, run.Length), chunkSize, _hashes);
            for (int i = 0; i < run.Length; i++)
            {
                if (_hashes[i] == reads[run[i]].Entry.Hash)
                {
                    continue;
                }

                if (run.Length > 1)
                {
                    ReadOneByOne(reads, run, chunkSize);
                    return;
                }

                ReadElsewhere(reads[run[i]], chunkSize, $"the bytes there hash to {_hashes[i]}", cause: null);
                return;
            }
        }

        for (int i = 0; i < run.Length; i++)
        {
            ref readonly ChunkRead wanted = ref reads[run[i]];
            var plain = new ReadOnlySpan<byte>((void*)_plain[i], chunkSize);
            plain.Slice(wanted.Offset, wanted.Length).CopyTo(new Span<byte>(wanted.Destination, wanted.Length));
            _store.Cache.Add(wanted.Entry.Hash, plain);
        }
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

    private void ReadOneByOne(ReadOnlySpan<ChunkRead> reads, ReadOnlySpan<int> run, int chunkSize)
    {
        for (int i = 0; i < run.Length; i++)
        {
            ReadRun(reads, run.Slice(i, 1), chunkSize);
        }
    }

    // The hint led nowhere good: the index may know a newer place; if not, the chunk is damaged.
    private void ReadElsewhere(in ChunkRead wanted, int chunkSize, string reason, Exception? cause)
    {
        ChunkHash hash = wanted.Entry.Hash;
        ChunkLocation hint = wanted.Entry.Location;
        ChunkLocation known = _store.Find(hash);
        if (known.IsNone || known == hint)
        {
            _store.MarkDamaged(hash);
            throw new ChunkDamagedException(hint.PackId, hint.Offset, hash, reason, cause);
        }

        ChunkRead again = wanted;
        again.Entry = new MapEntry(hash, known);
        ReadRun([again], [0], chunkSize);
    }
}
