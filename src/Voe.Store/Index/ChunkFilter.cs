using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// A blocked Bloom filter over the chunks that RocksDB has: "no" is certain, "maybe" must be looked up. Of fixed size; with
/// 10 bits a chunk one in a hundred unknown chunks is a "maybe", with 5 bits one in eight: it fills up gracefully.
/// </summary>
/// <remarks>
/// A chunk sets eight bits in one block of 64 bytes (a cache line), one in each of its words. Block and bits are taken from
/// different words of the hash, which is random already. Chunks are never taken out; those removed stay "maybe". Readers
/// take no lock: bits only ever turn on. Whoever adds holds the adder's lock, since two threads that set bits of one word
/// could lose one.
/// </remarks>
internal sealed unsafe class ChunkFilter : IDisposable
{
    private const int BlockSize = 64;
    private const int WordsPerBlock = 8;
    private const int BitsOfWordIndex = 6;
    private readonly NativeRegion _region;
    private readonly ulong* _words;
    private readonly uint _blockCount;

    /// <summary>An empty filter of at most <paramref name="memory"/> bytes.</summary>
    public ChunkFilter(long memory)
    {
        _blockCount = (uint)Math.Clamp(memory / BlockSize, 1, uint.MaxValue);
        _region = new NativeRegion(_blockCount * (long)BlockSize);
        _words = (ulong*)_region.Start;
    }

    /// <summary>Size in bytes, and in a file.</summary>
    public long Length => _region.Length;

    /// <summary>Adds a chunk. One thread at a time.</summary>
    public void Add(in ChunkHash hash)
    {
        ulong* block = BlockOf(hash.Word1);
        ulong bits = hash.Word2;
        for (int i = 0; i < WordsPerBlock; i++, bits >>= BitsOfWordIndex)
        {
            block[i] |= 1UL << (int)(bits & 63);
        }
    }

    /// <summary>Whether the chunk may have been added; false is certain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayContain(in ChunkHash hash)
    {
        ulong* block = BlockOf(hash.Word1);
        ulong bits = hash.Word2;

        // All eight at once: cheaper than a branch that is as good as never predicted.
        ulong found = block[0] >> (int)(bits & 63);
        found &= block[1] >> (int)((bits >> 6) & 63);
        found &= block[2] >> (int)((bits >> 12) & 63);
        found &= block[3] >> (int)((bits >> 18) & 63);
        found &= block[4] >> (int)((bits >> 24) & 63);
        found &= block[5] >> (int)((bits >> 30) & 63);
        found &= block[6] >> (int)((bits >> 36) & 63);
        found &= block[7] >> (int)((bits >> 42) & 63);
        return (found & 1) != 0;
    }

    /// <summary>Those of up to 64 chunks, by the bits of <paramref name="wanted"/>, that may have been added.</summary>
    public ulong MayContainMany(ChunkKey* keys, ulong wanted)
    {
        if (Sse.IsSupported)
        {
            for (ulong rest = wanted; rest != 0; rest &= rest - 1)
            {
                Sse.Prefetch0(BlockOf(keys[BitOperations.TrailingZeroCount(rest)].Hash.Word1));
            }
        }

        ulong maybe = 0;
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            maybe |= (MayContain(keys[index].Hash) ? 1UL : 0) << index;
        }

        return maybe;
    }

    /// <summary>Forgets all chunks. No reader may be inside.</summary>
    public void Clear() => _region.Clear();

    /// <summary>Some of the filter's <see cref="Length"/> bytes, to be written to a file or read from it.</summary>
    public Span<byte> GetPiece(long offset, int length) => new(_region.Start + offset, (int)Math.Min(length, Length - offset));

    /// <summary>Frees the memory. No reader may be inside.</summary>
    public void Dispose() => _region.Dispose();

    // In bounds: a 32-bit fraction of the number of blocks.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong* BlockOf(ulong word) => _words + ((long)(((ulong)(uint)word * _blockCount) >> 32) * WordsPerBlock);
}
