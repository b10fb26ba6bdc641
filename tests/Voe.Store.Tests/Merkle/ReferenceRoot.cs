using System.Buffers.Binary;
using System.Text;
using Voe.Store.Hashing;
using Voe.Store.Tests.Hashing;
using SHA256 = System.Security.Cryptography.SHA256;

namespace Voe.Store.Tests.Merkle;

/// <summary>A root hash as docs/format.md tells it, in a few lines that share no code with the program.</summary>
internal static class ReferenceRoot
{
    public static string Compute(HashAlgorithm algorithm, int chunkSize, byte[] volume)
    {
        Func<byte[], byte[]> hash = algorithm == HashAlgorithm.Sha256 ? SHA256.HashData : static bytes => Blake3Reference.Hash(bytes, 32);
        byte[] Name(byte[] bytes) => bytes.All(static b => b == 0) ? new byte[32] : hash(bytes);
        byte[] Pad(byte[] bytes, int length) => [.. bytes, .. new byte[length - bytes.Length]];

        byte[][] level = [.. volume.Chunk(chunkSize).Select(chunk => Name(Pad(chunk, chunkSize)))];
        byte depth = 0;
        do
        {
            level = [.. level.Chunk(128).Select(hashes => Name(Pad([.. hashes.SelectMany(static one => one)], 4096)))];
            depth++;
        }
        while (level.Length > 1);

        byte[] root = new byte[4096];
        Encoding.ASCII.GetBytes("VOE-ROOT").CopyTo(root, 0);
        root[8] = 1;
        root[12] = (byte)algorithm;
        root[13] = depth;
        BinaryPrimitives.WriteInt32LittleEndian(root.AsSpan(16), chunkSize);
        BinaryPrimitives.WriteInt64LittleEndian(root.AsSpan(24), volume.Length);
        level[0].CopyTo(root, 32);
        return Convert.ToHexStringLower(hash(root));
    }
}
