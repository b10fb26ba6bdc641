using System.Buffers.Binary;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store;

/// <summary>
/// A small file beside the log in which a program keeps what belongs to the store and is not data: replaced whole, and checked
/// when it is read. Little-endian; docs/format.md, "Side files".
/// </summary>
/// <remarks>
/// <code>
///   0  8  magic           "VOE-SIDE"
///   8  4  version         1; a newer one is refused
///  12  4  length          of the content
///  16 16  store id        as in the superblock: a file of another store is refused
///  32  4  reserved        zero
///  36  4  checksum        CRC32C of the 36 bytes before it and of the content
///  40     content         what it is, and its own version, is up to the program
/// </code>
/// </remarks>
internal static class SideFile
{
    /// <summary>The most bytes of content.</summary>
    public const int MaxLength = 16 << 20;

    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const uint Version = 1;

    /// <summary>Bytes before the content.</summary>
    public const int HeaderSize = 40;

    private const string NewSuffix = ".new";
    private const int LengthOffset = 12;
    private const int StoreIdOffset = 16;
    private const int ReservedOffset = 32;
    private const int ChecksumOffset = 36;

    private static ReadOnlySpan<byte> Magic => "VOE-SIDE"u8;

    /// <summary>The content of a file; null when there is none of that name.</summary>
    /// <exception cref="StoreFormatException">It is damaged, of another store, or of a newer version.</exception>
    public static byte[]? Read(IStorageDirectory directory, string name, Guid storeId)
    {
        if (!directory.FileExists(name))
        {
            return null;
        }

        using IStorageFile file = directory.OpenFile(name, writable: false);
        string where = $"{directory.Path}/{name}";
        if (file.Length is < HeaderSize or > HeaderSize + MaxLength)
        {
            throw new StoreFormatException($"{where}: {file.Length} bytes, {HeaderSize} to {HeaderSize + MaxLength} expected");
        }

        byte[] bytes = new byte[file.Length];
        int read = file.Read(bytes, 0);
        return Decode(bytes.AsSpan(0, read), where, storeId);
    }

    /// <summary>Puts content in the place of what the file had. Durable on return; a crash before leaves the old content whole.</summary>
    public static void Write(IStorageDirectory directory, string name, Guid storeId, ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(content.Length, MaxLength);
        byte[] bytes = Encode(storeId, content);
        directory.DeleteFile(name + NewSuffix);
        using (IStorageFile file = directory.CreateFile(name + NewSuffix))
        {
            file.Write(bytes, 0);
            file.SyncData();
        }

        directory.RenameFile(name + NewSuffix, name);
        directory.Sync();
    }

    /// <summary>All bytes of a file with that content.</summary>
    public static byte[] Encode(Guid storeId, ReadOnlySpan<byte> content)
    {
        byte[] bytes = new byte[HeaderSize + content.Length];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(Magic.Length), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(LengthOffset), content.Length);
        _ = storeId.TryWriteBytes(bytes.AsSpan(StoreIdOffset));
        content.CopyTo(bytes.AsSpan(HeaderSize));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumOffset), Checksum(bytes));
        return bytes;
    }

    /// <summary>The content in the bytes of a file.</summary>
    /// <exception cref="StoreFormatException">It is damaged, of another store, or of a newer version.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> bytes, string where, Guid storeId)
    {
        if (bytes.Length < HeaderSize || !bytes.StartsWith(Magic))
        {
            throw new StoreFormatException($"{where} does not begin with \"VOE-SIDE\": it is damaged, or something else");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[Magic.Length..]);
        if (version != Version)
        {
            throw new StoreFormatException($"{where}: version {version}, this program reads {Version}: use the program that wrote it");
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[LengthOffset..]);
        if (length != bytes.Length - HeaderSize)
        {
            throw new StoreFormatException($"{where} is damaged: {bytes.Length - HeaderSize} bytes of content, {length} expected");
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]);
        uint computed = Checksum(bytes);
        if (stored != computed || BinaryPrimitives.ReadUInt32LittleEndian(bytes[ReservedOffset..]) != 0)
        {
            throw new StoreFormatException($"{where} is damaged: checksum {stored:x8}, computed {computed:x8}");
        }

        var owner = new Guid(bytes.Slice(StoreIdOffset, 16));
        return owner == storeId
            ? bytes[HeaderSize..].ToArray()
            : throw new StoreFormatException($"{where} belongs to the store {owner}, not to {storeId}");
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes) =>
        Crc32C.Append(Crc32C.Compute(bytes[..ChecksumOffset]), bytes[HeaderSize..]);
}
