using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Voe.Store.Hashing;
using HashAlgorithm = Voe.Store.Hashing.HashAlgorithm;

namespace Voe.Store.Tests.Hashing;

public sealed class ChunkHasherTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Many_chunks_hash_like_each_alone_whatever_their_number_size_and_place(int lanes)
    {
        Assert.SkipUnless(lanes <= Blake3Tree.WidestLanes, $"this processor has no vectors of {lanes} lanes");
        var hasher = new Blake3ChunkHasher(lanes);
        var random = new Random(lanes);
        foreach (int length in (int[])[4096, 8192, 16384, 32768, 65536])
        {
            foreach (int count in (int[])[0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130])
            {
                if (count * length <= 600 << 10)
                {
                    CompareWithReference(hasher, length, count, random);
                }
            }
        }
    }

    [Fact]
    public void Sha256_is_the_platforms()
    {
        byte[] data = Blake3Tests.Pattern(3 * 4096);
        var hashes = new ChunkHash[3];
        HashMany(ChunkHasher.For(HashAlgorithm.Sha256), data, 4096, [0, 4096, 8192], hashes);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ChunkHash.Read(SHA256.HashData(data.AsSpan(i * 4096, 4096))), hashes[i]);
        }

        Assert.Equal(ChunkHash.Read(SHA256.HashData("abc"u8)), ChunkHasher.For(HashAlgorithm.Sha256).Hash("abc"u8));
    }

    [Fact]
    public void Hash_of_one_is_blake3()
    {
        byte[] data = Blake3Tests.Pattern(4096);
        Assert.Equal(ChunkHash.Read(Blake3Reference.Hash(data, 32)), ChunkHasher.For(HashAlgorithm.Blake3).Hash(data));
        Assert.Equal(
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", ChunkHasher.For(HashAlgorithm.Blake3).Hash([]).ToString());
    }

    [Theory]
    [InlineData(2048)]
    [InlineData(4097)]
    [InlineData(12288)]
    [InlineData(131072)]
    public void A_length_that_no_chunk_has_is_refused(int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ChunkHasher.For(HashAlgorithm.Blake3).HashMany([], length, []));

    [Fact]
    public void Room_for_fewer_hashes_than_chunks_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => ChunkHasher.For(HashAlgorithm.Blake3).HashMany([1, 2], 4096, new ChunkHash[1]));

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] data = Blake3Tests.Pattern(64 * 4096);
        int[] offsets = [.. Enumerable.Range(0, 64).Select(i => i * 4096)];
        var hashes = new ChunkHash[64];
        foreach (HashAlgorithm algorithm in Enum.GetValues<HashAlgorithm>())
        {
            ChunkHasher hasher = ChunkHasher.For(algorithm);
            HashMany(hasher, data, 4096, offsets, hashes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            HashMany(hasher, data, 4096, offsets, hashes);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static void CompareWithReference(ChunkHasher hasher, int length, int count, Random random)
    {
        // Shuffled, with gaps of odd lengths, as requests lie in a receive buffer.
        var data = new byte[(count * (length + 31)) + 1];
        random.NextBytes(data);
        int[] offsets = [.. Enumerable.Range(0, count).Select(i => (i * (length + 31)) + random.Next(31))];
        random.Shuffle(offsets);
        var hashes = new ChunkHash[count + 1];
        HashMany(hasher, data, length, offsets, hashes);
        for (int i = 0; i < count; i++)
        {
            // The scalar way, which Blake3Tests holds against the reference.
            byte[] expected = new byte[ChunkHash.Size];
            Blake3.Hash(1, data.AsSpan(offsets[i], length), Blake3Scalar.IV, 0, expected);
            Assert.True(ChunkHash.Read(expected) == hashes[i], $"{length} bytes, chunk {i} of {count}");
        }

        Assert.True(hashes[count].IsZero, "wrote behind the last hash");
    }

    private static unsafe void HashMany(ChunkHasher hasher, byte[] data, int length, int[] offsets, ChunkHash[] hashes)
    {
        Span<nint> chunks = stackalloc nint[offsets.Length];
        fixed (byte* start = &MemoryMarshal.GetArrayDataReference(data))
        {
            for (int i = 0; i < offsets.Length; i++)
            {
                chunks[i] = (nint)(start + offsets[i]);
            }

            hasher.HashMany(chunks, length, hashes);
        }
    }
}
