using System.Buffers.Binary;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store;

/// <summary>
/// The file <c>superblock</c>: says that a directory is a store, which one, and how it names its chunks. Little-endian;
/// docs/format.md, "Superblock".
/// </summary>
/// <remarks>
/// <code>
///   0  8  magic           "VOE-STOR"
///   8  4  version         1; a newer one is refused
///  12  1  hash algorithm  1 BLAKE3, 2 SHA-256
///  13  3  reserved        zero
///  16 16  store id        a random UUID, its bytes as .NET's Guid writes them
///  32  8  created         Unix time in milliseconds
///  40     reserved        zero, up to the checksum
/// 508  4  checksum        CRC32C of the bytes before it
/// </code>
/// Written once, when the store is made: to a file beside it, synced, renamed, and the directory synced.
/// </remarks>
/// <param name="StoreId">The store.</param>
/// <param name="HashAlgorithm">How it names its chunks.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
internal readonly record struct Superblock(Guid StoreId, HashAlgorithm HashAlgorithm, long CreatedUnixMs)
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 512;

    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const uint Version = 1;

    /// <summary>Name of the file.</summary>
    public const string FileName = "superblock";

    private const string NewFileName = "superblock.new";
    private const int ChecksumOffset = Size - sizeof(uint);

    private static ReadOnlySpan<byte> Magic => "VOE-STOR"u8;

    /// <summary>Writes all 512 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination.Clear();
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], Version);
        destination[12] = (byte)HashAlgorithm;
        _ = StoreId.TryWriteBytes(destination[16..]);
        BinaryPrimitives.WriteInt64LittleEndian(destination[32..], CreatedUnixMs);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumOffset..], Crc32C.Compute(destination[..ChecksumOffset]));
    }

    /// <summary>Whether these bytes are a superblock with its checksum, of whatever version.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> source) => source.Length >= Size && source[..Magic.Length].SequenceEqual(Magic)
        && BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]) == Crc32C.Compute(source[..ChecksumOffset]);

    /// <summary>Reads a superblock.</summary>
    /// <exception cref="StoreFormatException">The bytes are not one that this program knows.</exception>
    public static Superblock Read(ReadOnlySpan<byte> source, string where)
    {
        if (source.Length < Size || !source[..Magic.Length].SequenceEqual(Magic))
        {
            throw new StoreFormatException($"{where} is not the superblock of a VoE store: {Size} bytes that begin with "
                + "\"VOE-STOR\" expected");
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]);
        uint computed = Crc32C.Compute(source[..ChecksumOffset]);
        if (stored != computed)
        {
            throw new StoreFormatException($"{where} is damaged: checksum {stored:x8}, computed {computed:x8}; any pack's "
                + "header has the same values");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        var algorithm = (HashAlgorithm)source[12];
        if (version != Version || algorithm is not (HashAlgorithm.Blake3 or HashAlgorithm.Sha256))
        {
            throw new StoreFormatException(
                $"{where}: format version {version} with hash algorithm {(int)algorithm}; this program reads version "
                + $"{Version} with 1 or 2: "
                + "open the store with the program that wrote it, or a newer one");
        }

        if (source[13..16].ContainsAnyExcept((byte)0) || source[40..ChecksumOffset].ContainsAnyExcept((byte)0))
        {
            throw new StoreFormatException($"{where}: a reserved byte is not zero: a newer program may have written it");
        }

        return new Superblock(new Guid(source.Slice(16, 16)), algorithm, BinaryPrimitives.ReadInt64LittleEndian(source[32..]));
    }

    /// <summary>Reads the superblock of the store in a directory.</summary>
    public static Superblock ReadFrom(IStorageDirectory directory)
    {
        using IStorageFile file = directory.OpenFile(FileName, writable: false);
        byte[] bytes = new byte[Size];
        int read = file.Read(bytes, 0);
        return Read(bytes.AsSpan(0, read), $"{directory.Path}/{FileName}");
    }

    /// <summary>Makes a directory a store. Durable on return; a crash before leaves it no store.</summary>
    public void WriteTo(IStorageDirectory directory)
    {
        byte[] bytes = new byte[Size];
        Write(bytes);
        directory.DeleteFile(NewFileName);
        using (IStorageFile file = directory.CreateFile(NewFileName))
        {
            file.Write(bytes, 0);
            file.SyncData();
        }

        directory.RenameFile(NewFileName, FileName);
        directory.Sync();
    }
}
