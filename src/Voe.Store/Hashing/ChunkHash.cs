using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Voe.Store.Hashing;

/// <summary>
/// The name of a chunk: 32 bytes of hash, as four little-endian words. The all-zero value, which no known content
/// hashes to, stands for a hole.
/// </summary>
/// <param name="word0">Bytes 0 to 7.</param>
/// <param name="word1">Bytes 8 to 15.</param>
/// <param name="word2">Bytes 16 to 23.</param>
/// <param name="word3">Bytes 24 to 31.</param>
public readonly struct ChunkHash(ulong word0, ulong word1, ulong word2, ulong word3) : IEquatable<ChunkHash>, IComparable<ChunkHash>
{
    /// <summary>Length of a hash in bytes.</summary>
    public const int Size = 32;

    /// <summary>Bytes 0 to 7, little-endian: well mixed, so it also serves as the key of hash tables.</summary>
    public ulong Word0 { get; } = word0;

    /// <summary>Bytes 8 to 15, little-endian.</summary>
    public ulong Word1 { get; } = word1;

    /// <summary>Bytes 16 to 23, little-endian.</summary>
    public ulong Word2 { get; } = word2;

    /// <summary>Bytes 24 to 31, little-endian.</summary>
    public ulong Word3 { get; } = word3;

    /// <summary>Whether this is the all-zero value, which stands for a hole.</summary>
    public bool IsZero => (Word0 | Word1 | Word2 | Word3) == 0;

    /// <summary>Reads the first 32 bytes of <paramref name="source"/>.</summary>
    public static ChunkHash Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(source[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(source[24..]));

    /// <summary>Writes 32 bytes to the start of <paramref name="destination"/>.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, Word0);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], Word1);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], Word2);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], Word3);
    }

    /// <summary>The hash of 64 hexadecimal digits, in the order in which other tools print it.</summary>
    public static bool TryParse(string text, out ChunkHash hash)
    {
        hash = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (text is null || text.Length != 2 * Size
            || Convert.FromHexString(text, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        hash = Read(bytes);
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Equals(ChunkHash other) =>
        ((Word0 ^ other.Word0) | (Word1 ^ other.Word1) | (Word2 ^ other.Word2) | (Word3 ^ other.Word3)) == 0;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ChunkHash other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Word0.GetHashCode();

    /// <summary>Order of the bytes, as memcmp has it (and so RocksDB).</summary>
    public int CompareTo(ChunkHash other)
    {
        int order = BinaryPrimitives.ReverseEndianness(Word0).CompareTo(BinaryPrimitives.ReverseEndianness(other.Word0));
        if (order == 0)
        {
            order = BinaryPrimitives.ReverseEndianness(Word1).CompareTo(BinaryPrimitives.ReverseEndianness(other.Word1));
        }

        if (order == 0)
        {
            order = BinaryPrimitives.ReverseEndianness(Word2).CompareTo(BinaryPrimitives.ReverseEndianness(other.Word2));
        }

        return order != 0 ? order : BinaryPrimitives.ReverseEndianness(Word3).CompareTo(BinaryPrimitives.ReverseEndianness(other.Word3));
    }

    /// <summary>64 hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>Whether both are the same hash.</summary>
    public static bool operator ==(ChunkHash left, ChunkHash right) => left.Equals(right);

    /// <summary>Whether the hashes differ.</summary>
    public static bool operator !=(ChunkHash left, ChunkHash right) => !left.Equals(right);
}
