using System.Buffers.Binary;
using System.Text;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Log;

/// <summary>
/// The bodies of records that carry a name. The same bytes are the index's copy of a volume's record, so they are
/// written and read in this one place. Layouts: <see cref="RecordFormat"/>.
/// </summary>
internal static class NamedRecordCodec
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The body of a Volume record.</summary>
    public static byte[] Encode(VolumeRecord record)
    {
        byte[] name = EncodeName(record.Name);
        byte[] body = new byte[RecordFormat.VolumePrefixSize + name.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(body, record.Id);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), record.ChunkSize);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), record.Size);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(16), record.CreatedUnixMs);
        body[24] = (byte)record.Compression.Codec;
        body[25] = (byte)record.Compression.Level;
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(26), (ushort)name.Length);
        record.Origin.Write(body.AsSpan(32));
        name.CopyTo(body.AsSpan(RecordFormat.VolumePrefixSize));
        return body;
    }

    /// <summary>Reads the body of a Volume record; false when it is not one.</summary>
    public static bool TryDecodeVolume(ReadOnlySpan<byte> body, out VolumeRecord record)
    {
        record = null!;
        if (body.Length < RecordFormat.VolumePrefixSize
            || BinaryPrimitives.ReadUInt32LittleEndian(body[28..]) != 0
            || !TryDecodeName(body[RecordFormat.VolumePrefixSize..], BinaryPrimitives.ReadUInt16LittleEndian(body[26..]), out string name))
        {
            return false;
        }

        var compression = new CompressionSetting((ChunkCodec)body[24], body[25]);
        record = new VolumeRecord(
            BinaryPrimitives.ReadUInt32LittleEndian(body),
            name,
            BinaryPrimitives.ReadInt64LittleEndian(body[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(body[4..]),
            compression,
            BinaryPrimitives.ReadInt64LittleEndian(body[16..]),
            ChunkHash.Read(body[32..]));
        return compression.IsValid && record.Id != 0 && record.Size >= 0 && VolumeLimits.IsChunkSize(record.ChunkSize);
    }

    /// <summary>The body of a Snapshot record.</summary>
    public static byte[] Encode(SnapshotRecord record)
    {
        byte[] name = EncodeName(record.Name);
        byte[] body = new byte[RecordFormat.SnapshotPrefixSize + name.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(body, record.Volume);
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(4), (ushort)name.Length);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), record.CreatedUnixMs);
        record.Root.Write(body.AsSpan(16));
        name.CopyTo(body.AsSpan(RecordFormat.SnapshotPrefixSize));
        return body;
    }

    /// <summary>Reads the body of a Snapshot record; false when it is not one.</summary>
    public static bool TryDecodeSnapshot(ReadOnlySpan<byte> body, out SnapshotRecord record)
    {
        record = null!;
        if (body.Length < RecordFormat.SnapshotPrefixSize
            || BinaryPrimitives.ReadUInt16LittleEndian(body[6..]) != 0
            || !TryDecodeName(body[RecordFormat.SnapshotPrefixSize..], BinaryPrimitives.ReadUInt16LittleEndian(body[4..]), out string name))
        {
            return false;
        }

        record = new SnapshotRecord(
            BinaryPrimitives.ReadUInt32LittleEndian(body),
            name,
            BinaryPrimitives.ReadInt64LittleEndian(body[8..]),
            ChunkHash.Read(body[16..]));
        return true;
    }

    /// <summary>The body of a SnapshotDeleted record.</summary>
    public static byte[] EncodeSnapshotDeleted(uint volume, string snapshot)
    {
        byte[] name = EncodeName(snapshot);
        byte[] body = new byte[RecordFormat.SnapshotDeletedPrefixSize + name.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(body, volume);
        BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(4), (ushort)name.Length);
        name.CopyTo(body.AsSpan(RecordFormat.SnapshotDeletedPrefixSize));
        return body;
    }

    /// <summary>Reads the body of a SnapshotDeleted record; false when it is not one.</summary>
    public static bool TryDecodeSnapshotDeleted(ReadOnlySpan<byte> body, out uint volume, out string snapshot)
    {
        volume = 0;
        snapshot = "";
        const int NameOffset = RecordFormat.SnapshotDeletedPrefixSize;
        if (body.Length < NameOffset
            || BinaryPrimitives.ReadUInt16LittleEndian(body[6..]) != 0
            || !TryDecodeName(body[NameOffset..], BinaryPrimitives.ReadUInt16LittleEndian(body[4..]), out snapshot))
        {
            return false;
        }

        volume = BinaryPrimitives.ReadUInt32LittleEndian(body);
        return true;
    }

    private static byte[] EncodeName(string name)
    {
        byte[] bytes = Utf8.GetBytes(name);
        Invariant.Require(bytes.Length is > 0 and <= RecordFormat.MaxNameLength, "a name in a record has 1 to 255 bytes");
        return bytes;
    }

    private static bool TryDecodeName(ReadOnlySpan<byte> rest, int length, out string name)
    {
        name = "";
        if (length is 0 or > RecordFormat.MaxNameLength || rest.Length != length)
        {
            return false;
        }

        try
        {
            name = Utf8.GetString(rest);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
