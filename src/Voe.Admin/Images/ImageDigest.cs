using System.Buffers.Binary;
using Voe.Store.Hashing;

namespace Voe.Admin.Images;

/// <summary>
/// A digest of a disk image that blocks may be added to in any order and from many threads, and that costs nothing for
/// regions of zeroes: two images have the same one only if they have the same size and bytes.
/// </summary>
/// <remarks>
/// <para>The image is cut into blocks of 1 MiB. Each block that is not all zeroes gives the BLAKE3 hash of its bytes, keyed with
/// its offset (u64, little-endian, 24 zeroes); the hashes are added as four words, each modulo 2^64; the digest is the
/// BLAKE3 hash of the sum and the image's size (u64), in hexadecimal.</para>
/// <para>It finds what goes wrong while an image is copied. It is no proof against someone who chooses blocks so that their sums
/// are equal, who could as well change the image before it is read.</para>
/// </remarks>
public sealed class ImageDigest
{
    /// <summary>Length of a block in bytes; the last of an image may be shorter.</summary>
    public const int BlockSize = 1 << 20;

    private readonly Lock _sumLock = new();
    private readonly ulong[] _sum = new ulong[4]; // guarded by _sumLock

    /// <summary>Adds a block.</summary>
    /// <param name="offset">Where it begins: a multiple of <see cref="BlockSize"/>.</param>
    /// <param name="block">All of it, as far as the image goes.</param>
    public void Add(long offset, ReadOnlySpan<byte> block)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(offset % BlockSize, 0, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(block.Length, BlockSize, nameof(block));
        if (!block.ContainsAnyExcept((byte)0))
        {
            return;
        }

        Span<byte> key = stackalloc byte[Blake3.KeySize];
        Span<byte> hash = stackalloc byte[4 * sizeof(ulong)];
        key.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(key, offset);
        Blake3.HashKeyed(key, block, hash);
        lock (_sumLock)
        {
            for (int i = 0; i < _sum.Length; i++)
            {
                _sum[i] = unchecked(_sum[i] + BinaryPrimitives.ReadUInt64LittleEndian(hash[(i * sizeof(ulong))..]));
            }
        }
    }

    /// <summary>The digest of an image of that many bytes, all blocks of which were added but those of zeroes.</summary>
    public string Finish(long size)
    {
        Span<byte> message = stackalloc byte[5 * sizeof(ulong)];
        lock (_sumLock)
        {
            for (int i = 0; i < _sum.Length; i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(message[(i * sizeof(ulong))..], _sum[i]);
            }
        }

        BinaryPrimitives.WriteInt64LittleEndian(message[(4 * sizeof(ulong))..], size);
        return Blake3.Hash(message).ToString();
    }
}
