using System.Buffers.Binary;
using System.Text;
using K4os.Compression.LZ4;
using Voe.Store.Tests.Hashing;

namespace Voe.Store.Tests.Golden;

/// <summary>
/// A reader of stores as somebody would write it who has docs/format.md and nothing else: it shares no code with the
/// program. It keeps all in memory and stops at whatever it does not understand.
/// </summary>
internal sealed class StrangerReader
{
    private readonly IReadOnlyDictionary<string, byte[]> _files;
    private readonly Dictionary<string, byte[]> _chunks = new(StringComparer.Ordinal); // by hash: plain bytes, verified
    private readonly Dictionary<uint, StrangeVolume> _volumes = [];
    private readonly SortedSet<(string Volume, ulong Chunk)> _lost = [];
    private byte _hashAlgorithm;
    private byte[] _storeId = [];
    private ulong _lastLsn;
    private uint _lastChecksum;
    private ulong _durableLsn;

    private StrangerReader(IReadOnlyDictionary<string, byte[]> files) => _files = files;

    /// <summary>Codecs of the chunks that were read.</summary>
    public SortedSet<byte> Codecs { get; } = [];

    /// <summary>Kinds of the records that were read.</summary>
    public SortedSet<byte> Kinds { get; } = [];

    /// <summary>Packs that had a footer, and all packs.</summary>
    public (int Sealed, int All) Packs { get; private set; }

    /// <summary>Bytes behind the last batch that are not zero: a torn tail.</summary>
    public long TornBytes { get; private set; }

    /// <summary>Lost chunks by volume and number; known once <see cref="Volumes"/> was asked.</summary>
    public IReadOnlySet<(string Volume, ulong Chunk)> Lost => _lost;

    /// <summary>Whether a repair could not save all.</summary>
    public bool HasLosses { get; private set; }

    /// <summary>What the volumes hold, by name.</summary>
    public IReadOnlyDictionary<string, byte[]> Volumes => _volumes.Values.ToDictionary(
        static volume => volume.Name, Content, StringComparer.Ordinal);

    /// <summary>Reads a store from its files: "superblock", "packs/0000000001.pack" and so on.</summary>
    public static StrangerReader Read(IReadOnlyDictionary<string, byte[]> files)
    {
        var reader = new StrangerReader(files);
        reader.ReadSuperblock(files["superblock"]);
        reader.ReadLog();
        return reader;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidDataException($"not as docs/format.md says: {what}");
        }
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);

    private static bool IsZero(ReadOnlySpan<byte> bytes) => !bytes.ContainsAnyExcept((byte)0);

    private static string Name(ReadOnlySpan<byte> body, int prefix, int length)
    {
        Require(length is >= 1 and <= 255 && body.Length == prefix + length, "a name's length");
        return new UTF8Encoding(false, true).GetString(body[prefix..]);
    }

    private void ReadSuperblock(byte[] bytes)
    {
        Require(bytes.Length == 512 && bytes.AsSpan(0, 8).SequenceEqual("VOE-STOR"u8) && U32(bytes, 8) == 1, "the superblock");
        Require(U32(bytes, 508) == Checksum.Of(bytes.AsSpan(0, 508)), "the superblock's checksum");
        Require(IsZero(bytes.AsSpan(13, 3)) && IsZero(bytes.AsSpan(40, 468)), "the superblock's reserved bytes");
        _hashAlgorithm = bytes[12];
        Require(_hashAlgorithm == 1, "this reader knows BLAKE3");
        _storeId = bytes[16..32];
    }

    private void ReadLog()
    {
        string[] names =
            [.. _files.Keys.Where(static name => name.StartsWith("packs/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        for (uint id = 1; id <= names.Length; id++)
        {
            Require(names[id - 1] == $"packs/{id:d10}.pack", "packs are numbered without gaps");
            byte[] pack = _files[names[id - 1]];
            if (!ReadPackHeader(pack, id))
            {
                // Steps 3 and 4: the log ended in the pack before, and nothing here may say that more was durable.
                Require(_durableLsn <= _lastLsn, "damage, not a torn tail");
                return;
            }

            List<(long Start, int Length)> batches = ReadBatches(pack, id, out long end);
            ReadFooter(pack, id, batches, end);
        }
    }

    private bool ReadPackHeader(byte[] pack, uint id)
    {
        ReadOnlySpan<byte> header = pack.AsSpan(0, 4096);
        Require(header[..8].SequenceEqual("VOE-PACK"u8) && U32(header, 8) == 1, "the pack header");
        Require(U32(header, 4092) == Checksum.Of(header[..4092]), "the pack header's checksum");
        Require(IsZero(header[13..16]) && IsZero(header[56..4092]), "the pack header's reserved bytes");
        Require(header[12] == _hashAlgorithm && header.Slice(16, 16).SequenceEqual(_storeId), "a pack of this store");
        Require(U32(header, 32) == id, "the pack's number");
        _durableLsn = Math.Max(_durableLsn, U64(header, 48));
        return U64(header, 40) == _lastLsn + 1 && U32(header, 36) == _lastChecksum;
    }

    private List<(long Start, int Length)> ReadBatches(byte[] pack, uint id, out long end)
    {
        var batches = new List<(long Start, int Length)>();
        end = 4096;
        while (ReadBatch(pack.AsSpan((int)end), id, (uint)end, out int headAndTable, out long length))
        {
            batches.Add((end, headAndTable));
            end += length;
        }

        return batches;
    }

    // A batch that counts: read and applied. Everything is verified before anything is applied.
    private bool ReadBatch(ReadOnlySpan<byte> bytes, uint id, uint offset, out int headAndTable, out long length)
    {
        (headAndTable, length) = (0, 0);
        if (bytes.Length < 64 || !bytes[..4].SequenceEqual("VBAT"u8) || U32(bytes, 60) != Checksum.Of(bytes[..60]))
        {
            return false;
        }

        bool isRepaired = U16(bytes, 6) == 1;
        Require(U16(bytes, 4) == 1 && (isRepaired || (U16(bytes, 6) == 0 && IsZero(bytes[52..60]))), "the batch's version and flags");
        if (U32(bytes, 24) != id || U32(bytes, 28) != offset || U64(bytes, 8) != _lastLsn + 1 || U32(bytes, 32) != _lastChecksum)
        {
            return false;
        }

        (int tableLength, int payloadLength) = ((int)U32(bytes, 40), (int)U32(bytes, 44));
        headAndTable = 64 + tableLength;
        length = (headAndTable + payloadLength + 7) / 8 * 8;
        if (bytes.Length < length || U32(bytes, 48) != Checksum.Of(bytes[64..headAndTable]))
        {
            return false;
        }

        List<byte[]> records = Split(bytes[64..headAndTable]);
        Require(records.Count == U32(bytes, 36), "the record count");
        ReadOnlySpan<byte> payload = bytes.Slice(headAndTable, payloadLength);
        if (!IsPayloadWhole(records, payload, isRepaired))
        {
            return false;
        }

        Require(IsZero(bytes[(headAndTable + payloadLength)..(int)length]), "padding of zeros");
        Require(U64(bytes, 16) <= _lastLsn, "durable before it was written");
        _durableLsn = Math.Max(_durableLsn, U64(bytes, 16));
        HasLosses |= isRepaired;
        Apply(records, payload);
        (_lastLsn, _lastChecksum) = isRepaired ? (_lastLsn + 1 + U32(bytes, 56), U32(bytes, 52)) : (_lastLsn + 1, U32(bytes, 60));
        return true;
    }

    private static List<byte[]> Split(ReadOnlySpan<byte> table)
    {
        var records = new List<byte[]>();
        while (!table.IsEmpty)
        {
            Require(IsZero(table[1..4]), "a record's reserved bytes");
            int length = 8 + (int)U32(table, 4);
            records.Add(table[..length].ToArray());
            table = table[length..];
        }

        return records;
    }

    private static bool IsPayloadWhole(List<byte[]> records, ReadOnlySpan<byte> payload, bool isRepaired)
    {
        foreach (byte[] record in records.Where(static record => record[0] == 1))
        {
            for (int entry = 8; entry < record.Length; entry += 48)
            {
                int length = (int)U32(record, entry + 36);
                if (payload.Length < length || Checksum.Of(payload[..length]) != U32(record, entry + 40))
                {
                    return false;
                }

                payload = payload[length..];
            }
        }

        Require(isRepaired ? IsZero(payload) : payload.IsEmpty, "a payload without gaps");
        return true;
    }

    private void Apply(List<byte[]> records, ReadOnlySpan<byte> payload)
    {
        foreach (byte[] record in records)
        {
            byte[] body = record[8..];
            Kinds.Add(record[0]);
            switch (record[0])
            {
                case 1:
                    payload = AddChunks(body, payload);
                    break;
                case 2:
                    Require(U32(body, 4) == 0 && (body.Length - 16) % 32 == 0, "the extent");
                    for (int i = 0; i < (body.Length - 16) / 32; i++)
                    {
                        string hash = Convert.ToHexString(body, 16 + (32 * i), 32);
                        Require(HasLosses || _chunks.ContainsKey(hash), "a hash of a chunk in this batch or an earlier one");
                        _volumes[U32(body, 0)].Chunks[U64(body, 8) + (ulong)i] = hash;
                    }

                    break;
                case 4:
                    Require(body.Length == 24 && U32(body, 4) == 0 && U64(body, 16) > 0, "the zero record");
                    for (ulong i = 0; i < U64(body, 16); i++)
                    {
                        _volumes[U32(body, 0)].Chunks.Remove(U64(body, 8) + i);
                    }

                    break;
                case 6:
                    SetVolume(body);
                    break;
                case 7:
                    Require(body.Length == 8 && U32(body, 4) == 0, "the deletion");
                    _volumes.Remove(U32(body, 0));
                    break;
                default:
                    throw new InvalidDataException($"a record of kind {record[0]}, which version 1 of the program does not write");
            }
        }
    }

    private ReadOnlySpan<byte> AddChunks(byte[] body, ReadOnlySpan<byte> payload)
    {
        for (int entry = 0; entry < body.Length; entry += 48)
        {
            (int plainLength, int storedLength) = ((int)U32(body, entry + 32), (int)U32(body, entry + 36));
            Require(IsZero(body.AsSpan(entry + 45, 3)), "the chunk's reserved bytes");
            if (body[entry + 44] == 255)
            {
                Require(HasLosses && IsZero(payload[..storedLength]), "zeros where a chunk was lost");
                payload = payload[storedLength..];
                continue;
            }

            byte[] plain = Decode(body[entry + 44], payload[..storedLength].ToArray(), plainLength);
            byte[] hash = body[entry..(entry + 32)];
            Require(Blake3Reference.Hash(plain, 32).AsSpan().SequenceEqual(hash), "plain bytes that have the hash");
            Codecs.Add(body[entry + 44]);
            _chunks[Convert.ToHexString(hash)] = plain;
            payload = payload[storedLength..];
        }

        return payload;
    }

    private static byte[] Decode(byte codec, byte[] stored, int plainLength)
    {
        byte[] plain = new byte[plainLength];
        switch (codec)
        {
            case 0:
                Require(stored.Length == plainLength, "a raw chunk's length");
                return stored;
            case 1:
                Require(stored.Length < plainLength && LZ4Codec.Decode(stored, plain) == plainLength, "an LZ4 block");
                return plain;
            case 2:
                using (var decompressor = new ZstdSharp.Decompressor())
                {
                    Require(stored.Length < plainLength && decompressor.Unwrap(stored, plain) == plainLength, "a Zstandard frame");
                }

                return plain;
            default:
                throw new InvalidDataException($"codec {codec}");
        }
    }

    private void SetVolume(byte[] body)
    {
        uint id = U32(body, 0);
        Require(id >= 1 && U32(body, 28) == 0 && IsZero(body.AsSpan(32, 32)), "a volume that is no clone");
        Require(body[24] == 2 ? body[25] is >= 1 and <= 19 : body[24] < 2 && body[25] == 0, "the volume's compression");
        if (!_volumes.TryGetValue(id, out StrangeVolume? volume))
        {
            _volumes[id] = volume = new StrangeVolume { ChunkSize = U32(body, 4) };
        }

        Require(volume.ChunkSize == U32(body, 4), "a chunk size that never changes");
        volume.Name = Name(body, 64, U16(body, 26));
        volume.Size = (long)U64(body, 8);
    }

    private byte[] Content(StrangeVolume volume)
    {
        byte[] content = new byte[volume.Size];
        foreach ((ulong number, string hash) in volume.Chunks)
        {
            Span<byte> rest = content.AsSpan((int)((long)number * volume.ChunkSize));
            if (!_chunks.TryGetValue(hash, out byte[]? plain))
            {
                _lost.Add((volume.Name, number));
                continue;
            }

            plain.AsSpan(0, Math.Min(plain.Length, rest.Length)).CopyTo(rest);
        }

        return content;
    }

    private void ReadFooter(byte[] pack, uint id, List<(long Start, int Length)> batches, long end)
    {
        byte[] trailer = pack[^64..];
        bool isSealed = trailer.AsSpan(0, 8).SequenceEqual("VOE-FOOT"u8);
        Packs = (Packs.Sealed + (isSealed ? 1 : 0), Packs.All + 1);
        if (!isSealed)
        {
            TornBytes += pack.AsSpan((int)end).LastIndexOfAnyExcept((byte)0) + 1;
            return;
        }

        Require(U32(trailer, 60) == Checksum.Of(trailer.AsSpan(0, 60)) && U32(trailer, 8) == 1 && U32(trailer, 56) == 0, "the trailer");
        Require(U32(trailer, 12) == id, "the trailer's pack");
        Require(U64(trailer, 24) == _lastLsn && U32(trailer, 52) == _lastChecksum, "the trailer's last batch");
        Require(U64(trailer, 16) == U64(pack, 40) && U32(trailer, 44) == batches.Count, "the trailer's batches");
        Require(U32(trailer, 32) == end && end + U32(trailer, 36) + 64 == pack.Length, "the trailer's lengths");
        byte[] stored = pack[(int)end..^64];
        Require(U32(trailer, 48) == Checksum.Of(stored), "the footer body's checksum");
        byte[] body = new byte[U32(trailer, 40)];
        using var decompressor = new ZstdSharp.Decompressor();
        Require(decompressor.Unwrap(stored, body) == body.Length, "the footer body's plain length");
        byte[] expected = [.. batches.SelectMany(batch => pack.AsSpan((int)batch.Start, batch.Length).ToArray())];
        Require(body.AsSpan().SequenceEqual(expected), "a footer that repeats headers and tables");
        _durableLsn = Math.Max(_durableLsn, _lastLsn);
    }

    private sealed class StrangeVolume
    {
        public string Name { get; set; } = "";

        public long Size { get; set; }

        public uint ChunkSize { get; init; }

        public Dictionary<ulong, string> Chunks { get; } = [];
    }
}
