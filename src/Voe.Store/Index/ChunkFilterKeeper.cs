using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using RocksDbSharp;
using Voe.Store.Hashing;
using Voe.Store.IO;

namespace Voe.Store.Index;

/// <summary>
/// Keeps the <see cref="ChunkFilter"/> in step with RocksDB: loads it, or fills it in the background after a crash, adds what
/// checkpoints write, and saves it when the index is closed.
/// </summary>
/// <remarks>
/// <para>Invariant: once <see cref="Filter"/> is not null, it has every chunk that RocksDB has, except those of the frozen
/// delta, which is looked at first. To fill it, RocksDB is read as of a moment after which checkpoints add here too.</para>
/// <para>The file is deleted when opened and written when closed, and counts only with RocksDB's present sequence number: a
/// filter that misses chunks would have them stored twice. It needs no sync, since its checksum tells what is missing.</para>
/// <list type="table">
/// <listheader><term>offset, type</term><description>field of the file</description></listheader>
/// <item><term>0, bytes (8)</term><description>magic "VoEfilt1"</description></item>
/// <item><term>8, u64 LE</term><description>RocksDB's sequence number</description></item>
/// <item><term>16, u64 LE</term><description>length of the bits in bytes</description></item>
/// <item><term>24, u64 LE</term><description>chunks added so far</description></item>
/// <item><term>32, bytes</term><description>the bits</description></item>
/// <item><term>32 + length, u32 LE</term><description>CRC32C of all before</description></item>
/// </list>
/// </remarks>
internal sealed class ChunkFilterKeeper : IDisposable
{
    private const string FileName = "chunks.filter";
    private const int HeaderSize = 32;
    private const int ChecksumSize = sizeof(uint);
    private const int PieceSize = 1 << 20;

    // A filter that has been told of so many chunks beyond those that exist is filled again: it has too many bits.
    private const ulong MostRemoved = 1 << 20;
    private readonly RocksDatabase _database;
    private readonly RocksReader _reader;
    private readonly IStorageDirectory _directory;
    private readonly ChunkFilter _filter;
    private readonly Thread? _filler;
    private readonly Lock _addLock = new();

    // Guarded by _addLock, as is adding to the filter.
    private ulong _added;
    private bool _isComplete;
    private bool _isStopped;

    /// <summary>Loads the filter of at most <paramref name="memory"/> bytes from its file in the directory, or begins to fill it.</summary>
    public ChunkFilterKeeper(RocksDatabase database, RocksReader reader, IStorageDirectory directory, long memory)
    {
        _database = database;
        _reader = reader;
        _directory = directory;
        _filter = new ChunkFilter(memory);
        _isComplete = TryLoad();
        _directory.DeleteFile(FileName);
        if (!_isComplete)
        {
            _filter.Clear();
            _added = 0;
            _filler = new Thread(Fill) { IsBackground = true, Name = "voe-index-filter", Priority = ThreadPriority.BelowNormal };
            _filler.Start();
        }
    }

    private static ReadOnlySpan<byte> Magic => "VoEfilt1"u8;

    /// <summary>The filter, or null while it is being filled.</summary>
    public ChunkFilter? Filter => Volatile.Read(ref _isComplete) ? _filter : null;

    /// <summary>Adds chunks that a checkpoint has written. Before its frozen delta is given up.</summary>
    public unsafe void Add(ReadOnlySpan<nint> slots)
    {
        lock (_addLock)
        {
            foreach (nint slot in slots)
            {
                _filter.Add(((IndexSlot*)slot)->Hash);
            }

            _added += (ulong)slots.Length;
        }
    }

    /// <summary>Waits until the filter is filled, or filling it has failed.</summary>
    public void WaitUntilFilled() => _filler?.Join();

    /// <summary>Saves the filter for the next opening, if it is complete. No checkpoint may be pending.</summary>
    public void Save()
    {
        if (Filter is null)
        {
            return;
        }

        try
        {
            _directory.DeleteFile(FileName);
            using var file = _directory.CreateFile(FileName);
            Span<byte> header = stackalloc byte[HeaderSize];
            WriteHeader(header);
            file.Write(header, 0);
            uint checksum = Checksum(uint.MaxValue, header);
            for (long offset = 0; offset < _filter.Length; offset += PieceSize)
            {
                var piece = _filter.GetPiece(offset, PieceSize);
                checksum = Checksum(checksum, piece);
                file.Write(piece, HeaderSize + offset);
            }

            BinaryPrimitives.WriteUInt32LittleEndian(header, ~checksum);
            file.Write(header[..ChecksumSize], HeaderSize + _filter.Length);
        }
        catch (StoreException)
        {
            // A full disk: the filter is only a help, and its checksum keeps half a file from being taken for one.
        }
    }

    /// <summary>Stops filling and frees the filter. No reader may be inside.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _isStopped, true);
        _filler?.Join();
        _filter.Dispose();
    }

    private static uint Checksum(uint checksum, ReadOnlySpan<byte> bytes)
    {
        // Multiples of eight bytes alone: the header and the filter's blocks are.
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
        {
            checksum = BitOperations.Crc32C(checksum, word);
        }

        return checksum;
    }

    private void WriteHeader(Span<byte> header)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], Native.Instance.rocksdb_get_latest_sequence_number(_database.Handle));
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], (ulong)_filter.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], _added);
    }

    private bool TryLoad()
    {
        try
        {
            if (!_directory.FileExists(FileName))
            {
                return false;
            }

            using var file = _directory.OpenFile(FileName, writable: false);
            Span<byte> header = stackalloc byte[HeaderSize];
            Span<byte> expected = stackalloc byte[HeaderSize];
            if (file.Length != HeaderSize + _filter.Length + ChecksumSize || file.Read(header, 0) != HeaderSize)
            {
                return false;
            }

            _added = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
            WriteHeader(expected);
            if (!header.SequenceEqual(expected) || _added > (2 * _reader.EstimateChunkCount()) + MostRemoved)
            {
                return false;
            }

            uint checksum = Checksum(uint.MaxValue, header);
            for (long offset = 0; offset < _filter.Length; offset += PieceSize)
            {
                var piece = _filter.GetPiece(offset, PieceSize);
                if (file.Read(piece, HeaderSize + offset) != piece.Length)
                {
                    return false;
                }

                checksum = Checksum(checksum, piece);
            }

            return file.Read(header[..ChecksumSize], HeaderSize + _filter.Length) == ChecksumSize
                && BinaryPrimitives.ReadUInt32LittleEndian(header) == ~checksum;
        }
        catch (StoreException)
        {
            // Unreadable is as good as lost: the filter is filled again.
            return false;
        }
    }

    private void Fill()
    {
        try
        {
            _reader.ScanChunks(AddScanned);
            Volatile.Write(ref _isComplete, !Volatile.Read(ref _isStopped));
        }
        catch (StoreException)
        {
            // The filter stays off, and RocksDB answers in its place: whoever needs the damaged part gets the error.
        }
    }

    // Returns whether to go on.
    private bool AddScanned(ReadOnlySpan<ChunkHash> hashes)
    {
        lock (_addLock)
        {
            foreach (ref readonly var hash in hashes)
            {
                _filter.Add(in hash);
            }

            _added += (ulong)hashes.Length;
        }

        return !Volatile.Read(ref _isStopped);
    }
}
