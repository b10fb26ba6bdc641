using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Testing;

/// <summary>
/// Makes stores that are large and take little room: sealed packs with headers, record tables and footers as a store of unique,
/// incompressible chunks has them, whose payloads are holes of the files. There is no index.
/// </summary>
/// <remarks>
/// A quick verification finds such a store sound. A deep one does not: the chunks' hashes are random numbers, since no payload is
/// there to be hashed.
/// </remarks>
public static class SparseStore
{
    private const uint Volume = 1;
    private const int ChunksPerBatch = 256;
    private const int ChunkSize = VolumeLimits.MinChunkSize;

    /// <summary>Makes a store in a directory that has none. Each pack is durable when its turn is over.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="packsLength">Bytes of all packs at least, holes included.</param>
    /// <param name="packSize">At what size, in bytes, a pack is full: at least 2 MiB.</param>
    /// <param name="progress">Told the bytes of the packs that are made, holes included; or null.</param>
    /// <returns>Bytes of the packs, holes included.</returns>
    /// <exception cref="StoreFormatException">The directory holds a store.</exception>
    public static long Create(string path, long packsLength, int packSize = 64 << 20, Action<long>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(packSize, 2 << 20);
        LocalDirectory directory = LocalDirectory.Open(path, createIfMissing: true);
        if (directory.FileExists(Superblock.FileName))
        {
            throw new StoreFormatException($"{path} holds a store: another directory expected");
        }

        var superblock = new Superblock(new Guid(1, 2, 3, [4, 5, 6, 7, 8, 9, 10, 11]), HashAlgorithm.Blake3, CreatedUnixMs: 0);
        superblock.WriteTo(directory);
        using var packs = new PackSet(directory.OpenDirectory(StoreLayout.PacksDirectory), maxOpenFiles: 1);
        // The last pack goes past the length that is asked for by less than a pack.
        var log = new SparseLog(packs, superblock, (packsLength + packSize) / ChunkSize * ChunkSize);
        long length = 0;
        while (length < packsLength)
        {
            length += log.AddPack(packSize);
            progress?.Invoke(length);
        }

        packs.SyncNames();
        return length;
    }

    /// <summary>The log of such a store while it is being made: one batch after another, one pack after another.</summary>
    private sealed class SparseLog(PackSet packs, Superblock superblock, long volumeSize)
    {
        private static readonly uint HoleChecksum = Crc32C.Compute(new byte[ChunkSize]);
        private readonly Random _random = new(1);
        private readonly ChunkHash[] _hashes = new ChunkHash[ChunksPerBatch];
        private readonly RecordTableWriter _table = new();
        private uint _packId;
        private ulong _lsn;
        private uint _link;
        private ulong _nextChunk;

        /// <summary>Adds a sealed pack; returns the length of its file.</summary>
        public long AddPack(int packSize)
        {
            IStorageFile file = packs.Create(++_packId);
            byte[] header = new byte[PackHeader.Size];
            new PackHeader(superblock.HashAlgorithm, superblock.StoreId, _packId, _link, _lsn + 1, DurableLsn: _lsn).Write(header);
            file.Write(header, 0);
            var pack = new OpenPack(_packId, file, _lsn + 1, _link) { End = PackHeader.Size };
            if (_lsn == 0)
            {
                _table.Clear();
                _table.AddVolume(new VolumeRecord(
                    Volume, "sparse", volumeSize, ChunkSize, CompressionSetting.None, CreatedUnixMs: 0,
                    Origin: default));
                Append(pack, payloadLength: 0);
            }

            do
            {
                FillTable();
                Append(pack, ChunksPerBatch * ChunkSize);
            }
            while (pack.End + BatchHeader.Size + _table.TableLength + (ChunksPerBatch * ChunkSize) <= packSize);
            return Seal(pack);
        }

        private void FillTable()
        {
            Span<byte> bytes = stackalloc byte[ChunkHash.Size];
            _table.Clear();
            _table.BeginChunks();
            for (int i = 0; i < ChunksPerBatch; i++)
            {
                _random.NextBytes(bytes);
                _hashes[i] = ChunkHash.Read(bytes);
                _table.AddChunk(new ChunkRecord(_hashes[i], ChunkSize, ChunkSize, HoleChecksum, ChunkCodec.Raw));
            }

            _table.BeginExtent(Volume, _nextChunk);
            foreach (ref readonly ChunkHash hash in _hashes.AsSpan())
            {
                _table.AddHash(hash);
            }

            _nextChunk += ChunksPerBatch;
        }

        private void Append(OpenPack pack, int payloadLength)
        {
            _table.EndRecord();
            var header = new BatchHeader(
                _lsn + 1, DurableLsn: _lsn, pack.Id, (uint)pack.End, _link, _table.RecordCount, _table.TableLength, payloadLength,
                _table.ComputeChecksum());
            _link = header.Write(_table.HeaderAndTable.Span);
            pack.File.Write(_table.HeaderAndTable.Span, pack.End);
            pack.End += header.TotalLength;
            pack.LastLsn = ++_lsn;
        }

        private long Seal(OpenPack pack)
        {
            pack.File.SetLength(pack.End); // the last payload is a hole at the end of the file
            (byte[] body, PackFooter footer) = FooterBuilder.Build(pack);
            byte[] trailer = new byte[PackFooter.Size];
            footer.Write(trailer);
            pack.File.Write([body.AsMemory(0, footer.BodyLength), trailer], pack.End);
            pack.File.SyncData();
            long length = pack.File.Length;
            packs.EndWriting(pack.Id);
            return length;
        }
    }
}
