using System.Buffers.Binary;
using System.Numerics;

namespace Voe.Store.Tests.Hashing;

/// <summary>
/// BLAKE3 as its paper tells it, top down and recursive, with nothing done for speed: the oracle of the fast ways. It
/// shares no code with them.
/// </summary>
internal static class Blake3Reference
{
    private const uint ChunkStart = 1, ChunkEnd = 2, Parent = 4, Root = 8, KeyedHash = 16;

    private static readonly uint[] IV =
        [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];

    private static readonly int[] Permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

    /// <summary>What is left of a subtree before its last compression, which differs for a chaining value and for output.</summary>
    private sealed record Node(uint[] ChainingValue, uint[] Block, ulong Counter, uint BlockLength, uint Flags)
    {
        public uint[] ToChainingValue() => Compress(ChainingValue, Block, Counter, BlockLength, Flags)[..8];

        public byte[] ToOutput(int length)
        {
            var bytes = new List<byte>();
            for (ulong counter = 0; bytes.Count < length; counter++)
            {
                foreach (uint word in Compress(ChainingValue, Block, counter, BlockLength, Flags | Root))
                {
                    bytes.AddRange(BitConverter.GetBytes(word));
                }
            }

            return [.. bytes.Take(length)];
        }
    }

    public static byte[] Hash(ReadOnlySpan<byte> data, int outputLength) => Tree(data, 0, IV, 0).ToOutput(outputLength);

    public static byte[] HashKeyed(ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, int outputLength) =>
        Tree(data, 0, Words(key), KeyedHash).ToOutput(outputLength);

    private static Node Tree(ReadOnlySpan<byte> data, ulong counter, uint[] key, uint flags)
    {
        if (data.Length <= 1024)
        {
            return Leaf(data, counter, key, flags);
        }

        int left = 1024;
        while (2 * left < data.Length)
        {
            left *= 2;
        }

        uint[] leftValue = Tree(data[..left], counter, key, flags).ToChainingValue();
        uint[] rightValue = Tree(data[left..], counter + (ulong)(left / 1024), key, flags).ToChainingValue();
        return new Node(key, [.. leftValue, .. rightValue], 0, 64, flags | Parent);
    }

    private static Node Leaf(ReadOnlySpan<byte> data, ulong counter, uint[] key, uint flags)
    {
        uint[] value = key;
        uint start = ChunkStart;
        while (data.Length > 64)
        {
            value = Compress(value, Words(data[..64]), counter, 64, flags | start)[..8];
            start = 0;
            data = data[64..];
        }

        byte[] block = new byte[64];
        data.CopyTo(block);
        return new Node(value, Words(block), counter, (uint)data.Length, flags | start | ChunkEnd);
    }

    private static uint[] Words(ReadOnlySpan<byte> bytes)
    {
        var words = new uint[bytes.Length / 4];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * i)..]);
        }

        return words;
    }

    private static uint[] Compress(uint[] chainingValue, uint[] block, ulong counter, uint blockLength, uint flags)
    {
        uint[] v = [.. chainingValue, .. IV[..4], (uint)counter, (uint)(counter >> 32), blockLength, flags];
        uint[] m = [.. block];
        for (int round = 0; round < 7; round++)
        {
            G(v, 0, 4, 8, 12, m[0], m[1]);
            G(v, 1, 5, 9, 13, m[2], m[3]);
            G(v, 2, 6, 10, 14, m[4], m[5]);
            G(v, 3, 7, 11, 15, m[6], m[7]);
            G(v, 0, 5, 10, 15, m[8], m[9]);
            G(v, 1, 6, 11, 12, m[10], m[11]);
            G(v, 2, 7, 8, 13, m[12], m[13]);
            G(v, 3, 4, 9, 14, m[14], m[15]);
            m = [.. Permutation.Select(i => m[i])];
        }

        for (int i = 0; i < 8; i++)
        {
            v[i] ^= v[i + 8];
            v[i + 8] ^= chainingValue[i];
        }

        return v;
    }

    private static void G(uint[] v, int a, int b, int c, int d, uint x, uint y)
    {
        v[a] = v[a] + v[b] + x;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 12);
        v[a] = v[a] + v[b] + y;
        v[d] = BitOperations.RotateRight(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = BitOperations.RotateRight(v[b] ^ v[c], 7);
    }
}
