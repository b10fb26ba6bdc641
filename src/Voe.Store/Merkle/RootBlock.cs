using System.Buffers.Binary;
using System.Numerics;
using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>
/// The top of a volume's tree and all that its content depends on. Its hash is the root hash: it names the content for ever,
/// in any store. docs/format.md, "Trees and roots".
/// </summary>
/// <param name="HashAlgorithm">How chunks, nodes and this block are hashed.</param>
/// <param name="ChunkSize">Bytes a chunk.</param>
/// <param name="Size">Bytes of the volume, a multiple of 512.</param>
/// <param name="Top">Hash of the top node; zero when the whole volume is a hole.</param>
internal readonly record struct RootBlock(HashAlgorithm HashAlgorithm, int ChunkSize, long Size, ChunkHash Top)
{
    /// <summary>Bytes of a root block: it is a chunk of the smallest size.</summary>
    public const int BlockSize = VolumeLimits.MinChunkSize;

    private const uint KnownVersion = 1;
    private const int UsedSize = 64;

    private static ReadOnlySpan<byte> Magic => "VOE-ROOT"u8;

    /// <summary>How many levels of nodes there are.</summary>
    public int Depth => MerkleNode.DepthOf(Size, ChunkSize);

    /// <summary>Writes the <see cref="BlockSize"/> bytes.</summary>
    public void Write(Span<byte> block)
    {
        block[..BlockSize].Clear();
        Magic.CopyTo(block);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], KnownVersion);
        block[12] = (byte)HashAlgorithm;
        block[13] = (byte)Depth;
        BinaryPrimitives.WriteUInt32LittleEndian(block[16..], (uint)ChunkSize);
        BinaryPrimitives.WriteInt64LittleEndian(block[24..], Size);
        Top.Write(block[32..]);
    }

    /// <summary>Reads one. It is the only encoding of what it says, or it is refused.</summary>
    /// <param name="block">The bytes.</param>
    /// <param name="root">What they say.</param>
    /// <param name="reason">Why they say nothing.</param>
    public static bool TryRead(ReadOnlySpan<byte> block, out RootBlock root, out string reason)
    {
        root = default;
        if (block.Length != BlockSize || !block.StartsWith(Magic))
        {
            reason = "no root block";
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(block[8..]);
        if (version != KnownVersion)
        {
            reason = $"the root block has version {version}; {KnownVersion} is known";
            return false;
        }

        uint chunkSize = BinaryPrimitives.ReadUInt32LittleEndian(block[16..]);
        long size = BinaryPrimitives.ReadInt64LittleEndian(block[24..]);
        var algorithm = (HashAlgorithm)block[12];
        if (!Enum.IsDefined(algorithm)
            || chunkSize is < VolumeLimits.MinChunkSize or > VolumeLimits.MaxChunkSize || !BitOperations.IsPow2(chunkSize)
            || size is <= 0 or > VolumeLimits.MaxSize || size % VolumeLimits.SectorSize != 0)
        {
            reason = $"the root block has hash algorithm {block[12]}, chunks of {chunkSize} bytes, a size of {size}";
            return false;
        }

        root = new RootBlock(algorithm, (int)chunkSize, size, ChunkHash.Read(block[32..UsedSize]));
        if (block[13] != root.Depth || (block[14] | block[15]) != 0 || block[20..24].ContainsAnyExcept((byte)0)
            || block[UsedSize..].ContainsAnyExcept((byte)0))
        {
            reason = $"the root block has depth {block[13]}, {root.Depth} expected, or reserved bytes that are not zero";
            return false;
        }

        reason = "";
        return true;
    }

    /// <summary>The root hash.</summary>
    public ChunkHash ComputeHash()
    {
        Span<byte> block = stackalloc byte[BlockSize];
        Write(block);
        return ChunkHasher.For(HashAlgorithm).Hash(block);
    }
}
