using System.Buffers;
using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Volumes;

/// <summary>A mutable block device in a store. Safe from many threads; <see cref="IBlockDevice"/> says what holds.</summary>
public sealed unsafe class Volume : IBlockDevice
{
    private const int MaxPins = 256;
    private const int MaxExtentSearch = 1 << 16; // chunks that one call of GetExtents looks at
    private const int PrefetchPiece = 256 << 10;
    private static readonly byte[] Zeroes = GC.AllocateArray<byte>(VolumeLimits.MaxChunkSize, pinned: true);

    private readonly IVolumeHost _store;

    // What Size and ChunkSize were when they were last asked for; written only when they differ, since all threads read them.
    private long _lastSize;
    private int _lastChunkSize;

    internal Volume(IVolumeHost store, uint id)
    {
        _store = store;
        Id = id;
    }

    /// <summary>The volume's name.</summary>
    public string Name => State().Record.Name;

    /// <summary>
    /// Size in bytes. Of a deleted volume what it was when it was last asked for, so that a protocol that validates a request
    /// first comes to the device, which says that it was deleted.
    /// </summary>
    public long Size
    {
        get
        {
            Remember();
            return Volatile.Read(ref _lastSize);
        }
    }

    /// <summary>Size of a chunk in bytes; that of a deleted volume is still known if it was asked for before.</summary>
    public int ChunkSize
    {
        get
        {
            Remember();
            return Volatile.Read(ref _lastChunkSize);
        }
    }

    /// <inheritdoc/>
    public int PreferredBlockSize => ChunkSize;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <summary>How new chunks are compressed; <see cref="SetCompression"/> changes it.</summary>
    public CompressionSetting Compression => State().Record.Compression;

    /// <summary>When the volume was made.</summary>
    public DateTimeOffset Created => DateTimeOffset.FromUnixTimeMilliseconds(State().Record.CreatedUnixMs);

    /// <summary>Bytes of the volume that are not holes, as of the last checkpoint.</summary>
    public long MappedBytes
    {
        get
        {
            using StoreOperation operation = _store.Enter();
            return operation.Engine.Index.GetMappedChunks(Id) * State(operation).Record.ChunkSize;
        }
    }

    /// <summary>What the volume holds.</summary>
    public VolumeUsage GetUsage()
    {
        using StoreOperation operation = _store.Enter();
        VolumeState state = State(operation);
        StoreIndex index = operation.Engine.Index;
        return new VolumeUsage(index.GetMappedChunks(Id) * state.Record.ChunkSize, index.GetReferencedBytes(Id), state.NewBytes);
    }

    /// <summary>The volume's number in its store, never used again after it was deleted.</summary>
    public uint Id { get; }

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<BlockRead> reads) => Read(reads, Caching.WhatComesBack);

    private void Read(ReadOnlySpan<BlockRead> reads, Caching caching)
    {
        using StoreOperation operation = _store.Enter();
        VolumeRecord record = State(operation).Record;
        foreach (BlockRead read in reads)
        {
            RequireRange(record, read.Offset, read.Buffer.Length);
        }

        VolumeReadScratch scratch = operation.Engine.ReadScratch.Rent();
        try
        {
            new VolumeReader(operation.Engine, record, scratch, caching).Read(reads);
        }
        finally
        {
            operation.Engine.ReadScratch.Return(scratch);
        }
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<BlockWrite> writes)
    {
        using StoreOperation operation = _store.EnterToWrite();
        VolumeState state = State(operation);
        foreach (BlockWrite write in writes)
        {
            RequireRange(state.Record, write.Offset, write.Data.Length);
        }

        Write(operation.Engine, state, writes, ignoresSize: false);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        using StoreOperation operation = _store.EnterToWrite();
        _store.Losses.ThrowOnce(Id);
        operation.Engine.Log.Flush();
    }

    /// <inheritdoc/>
    public void Trim(long offset, long length) => Zero(offset, length);

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayTrim) => Zero(offset, length);

    /// <inheritdoc/>
    public bool ZeroesFast(bool mayTrim) => true;

    /// <inheritdoc/>
    public void Prefetch(long offset, long length)
    {
        using (StoreOperation operation = _store.Enter())
        {
            RequireRange(State(operation).Record, offset, length);
            if (!operation.Engine.Chunks.Cache.IsEnabled)
            {
                return;
            }
        }

        byte[] scratch = ArrayPool<byte>.Shared.Rent(PrefetchPiece);
        try
        {
            for (long end = offset + length; offset < end; offset += PrefetchPiece)
            {
                // An operation each: nothing that changes the store waits for the whole range.
                Read([new BlockRead(offset, scratch.AsMemory(0, (int)Math.Min(PrefetchPiece, end - offset)))], Caching.All);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <inheritdoc/>
    public int GetExtents(long offset, long length, Span<DeviceExtent> extents)
    {
        using StoreOperation operation = _store.Enter();
        VolumeRecord record = State(operation).Record;
        RequireRange(record, offset, length);
        VolumeReadScratch scratch = operation.Engine.ReadScratch.Rent();
        try
        {
            return GetExtents(operation.Engine.Index, record, offset, length, scratch.Entries, extents);
        }
        finally
        {
            operation.Engine.ReadScratch.Return(scratch);
        }
    }

    /// <summary>
    /// Changes the size; what lies beyond a smaller size is gone, what a larger size adds reads as zeroes. Durable on
    /// return.
    /// </summary>
    /// <exception cref="InvalidVolumeException">A volume cannot have that size.</exception>
    public void Resize(long size)
    {
        VolumeLimits.RequireSize(size);
        _store.ChangeVolume(this, (engine, state) =>
        {
            VolumeRecord record = state.Record;
            long oldChunks = ChunkCount(record.Size, record.ChunkSize);
            long newChunks = ChunkCount(size, record.ChunkSize);
            int tail = (int)((oldChunks * record.ChunkSize) - record.Size);
            if (size > record.Size && tail > 0)
            {
                // A chunk that lay across an earlier end may hold bytes beyond it, which must not come to light.
                Write(engine, state, [new BlockWrite(record.Size, Zeroes.AsMemory(0, tail))], ignoresSize: true);
            }

            return CatalogBatch.Put(
                engine.Index, engine.Catalog, record with { Size = size }, (ulong)newChunks, (ulong)Math.Max(0, oldChunks - newChunks));
        });
    }

    /// <summary>Changes the name. Durable on return.</summary>
    /// <exception cref="VolumeExistsException">Another volume has that name.</exception>
    /// <exception cref="InvalidVolumeException">A volume cannot have that name.</exception>
    public void Rename(string name)
    {
        VolumeLimits.RequireName(name);
        _store.ChangeVolume(this, (engine, state) =>
        {
            if (engine.Catalog.Find(name) is { } other && other != state)
            {
                throw new VolumeExistsException($"a volume \"{name}\" exists already");
            }

            return CatalogBatch.Put(engine.Index, engine.Catalog, state.Record with { Name = name });
        });
    }

    /// <summary>Changes how new chunks are compressed; stored ones stay as they are. Durable on return.</summary>
    public void SetCompression(CompressionSetting compression)
    {
        if (!compression.IsValid)
        {
            throw new InvalidVolumeException($"compression {compression} is not possible: none, lz4, or zstd:1 to "
                + $"zstd:{CompressionSetting.MaxZstdLevel}");
        }

        _store.ChangeVolume(this, (engine, state) =>
            CatalogBatch.Put(engine.Index, engine.Catalog, state.Record with { Compression = compression }));
    }

    /// <summary>Deletes the volume; later requests to it fail with <see cref="VolumeDeletedException"/>. Durable on return.</summary>
    public void Delete() =>
        _store.ChangeVolume(this, (engine, state) => CatalogBatch.Delete(engine.Index, engine.Catalog, state.Record.Id));

    internal static void RequireRange(VolumeRecord record, long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > record.Size - length)
        {
            throw new RequestOutOfRangeException(
                $"volume \"{record.Name}\": bytes {offset} to {offset + length} asked for, it has {record.Size}");
        }
    }

    internal VolumeState State(in StoreOperation operation) => operation.Engine.Catalog.Find(Id)
        ?? throw new VolumeDeletedException($"volume {Id} was deleted");

    private void Remember()
    {
        using StoreOperation operation = _store.Enter();
        if (operation.Engine.Catalog.Find(Id) is { } state)
        {
            if (state.Record.Size != Volatile.Read(ref _lastSize))
            {
                Volatile.Write(ref _lastSize, state.Record.Size);
            }

            if (state.Record.ChunkSize != Volatile.Read(ref _lastChunkSize))
            {
                Volatile.Write(ref _lastChunkSize, state.Record.ChunkSize);
            }
        }
        else if (Volatile.Read(ref _lastChunkSize) == 0)
        {
            throw new VolumeDeletedException($"volume {Id} was deleted");
        }
    }

    private static long ChunkCount(long size, int chunkSize) => (size + chunkSize - 1) / chunkSize;

    private VolumeState State()
    {
        using StoreOperation operation = _store.Enter();
        return State(operation);
    }

    private static void Write(StoreEngine engine, VolumeState state, ReadOnlySpan<BlockWrite> writes, bool ignoresSize)
    {
        VolumeWriteBatch batch = engine.WriteBatches.Rent();
        try
        {
            for (int first = 0; first < writes.Length; first += MaxPins)
            {
                Write(engine.Log, batch, state, writes.Slice(first, Math.Min(MaxPins, writes.Length - first)), ignoresSize);
            }
        }
        finally
        {
            engine.WriteBatches.Return(batch);
        }
    }

    private static void Write(LogWriter log, VolumeWriteBatch batch, VolumeState state, ReadOnlySpan<BlockWrite> writes, bool ignoresSize)
    {
        MemoryHandle[] pins = ArrayPool<MemoryHandle>.Shared.Rent(writes.Length);
        int pinCount = 0;
        try
        {
            batch.Begin(state, ignoresSize);
            foreach (BlockWrite write in writes)
            {
                MemoryHandle pin = write.Data.Pin();
                pins[pinCount++] = pin;
                Add(log, batch, state, write.Offset, (byte*)pin.Pointer, write.Data.Length, ignoresSize);
            }

            if (!batch.IsEmpty)
            {
                batch.Commit(log);
            }
        }
        finally
        {
            for (int i = 0; i < pinCount; i++)
            {
                pins[i].Dispose();
            }

            ArrayPool<MemoryHandle>.Shared.Return(pins);
        }
    }

    // Cuts a write into chunks and parts of chunks; a full batch is written and begun anew.
    private static void Add(LogWriter log, VolumeWriteBatch batch, VolumeState state, long offset, byte* data, int length, bool ignoresSize)
    {
        int chunkSize = state.Record.ChunkSize;
        while (length > 0)
        {
            if (!batch.Set.HasRoom)
            {
                batch.Commit(log);
                batch.Begin(state, ignoresSize);
            }

            ulong number = (ulong)(offset / chunkSize);
            int start = (int)(offset & (chunkSize - 1));
            int count = Math.Min(length, chunkSize - start);
            if (count == chunkSize)
            {
                batch.Set.AddWhole(number, data);
            }
            else
            {
                batch.Set.AddPart(number, start, count, data);
            }

            offset += count;
            data += count;
            length -= count;
        }
    }

    private void Zero(long offset, long length)
    {
        using StoreOperation operation = _store.EnterToWrite();
        VolumeState state = State(operation);
        RequireRange(state.Record, offset, length);
        VolumeWriteBatch batch = operation.Engine.WriteBatches.Rent();
        try
        {
            batch.Begin(state, ignoresSize: false);
            AddZeroes(batch, state.Record.ChunkSize, offset, length);
            if (!batch.IsEmpty)
            {
                batch.Commit(operation.Engine.Log);
            }
        }
        finally
        {
            operation.Engine.WriteBatches.Return(batch);
        }
    }

    // Whole chunks become a hole; what is left at either end, or inside one chunk, is written as zeroes.
    private static void AddZeroes(VolumeWriteBatch batch, int chunkSize, long offset, long length)
    {
        long end = offset + length;
        long firstWhole = (offset + chunkSize - 1) / chunkSize;
        long endWhole = end / chunkSize;
        byte* zeroes = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(Zeroes, 0);
        for (long at = offset; at < end;)
        {
            long number = at / chunkSize;
            if (number >= firstWhole && number < endWhole)
            {
                batch.AddZeroRange((ulong)firstWhole, (ulong)(endWhole - firstWhole));
                at = endWhole * chunkSize;
                continue;
            }

            int start = (int)(at & (chunkSize - 1));
            int count = (int)Math.Min(end - at, chunkSize - start);
            batch.Set.AddPart((ulong)number, start, count, zeroes);
            at += count;
        }
    }

    private static int GetExtents(StoreIndex index, VolumeRecord record, long offset, long length, MapEntry[] entries,
        Span<DeviceExtent> extents)
    {
        int found = 0;
        long end = offset + length;
        long at = offset;
        long endChunk = ChunkCount(end, record.ChunkSize);
        int searched = 0;
        while (at < end && searched < MaxExtentSearch)
        {
            long first = at / record.ChunkSize;
            int count = (int)Math.Min(entries.Length, endChunk - first);
            index.ReadMap(record.Id, (ulong)first, entries.AsSpan(0, count));
            searched += count;
            int dataCount = 0;
            for (int i = 0; i < count; i++)
            {
                ExtentKind kind = entries[i].IsHole ? ExtentKind.Hole : ExtentKind.Data;
                dataCount += kind == ExtentKind.Data ? 1 : 0;
                long next = Math.Min(end, (first + i + 1) * record.ChunkSize);
                if (found > 0 && extents[found - 1].Kind == kind)
                {
                    DeviceExtent last = extents[found - 1];
                    extents[found - 1] = last with { Length = next - last.Offset };
                }
                else if (found == extents.Length)
                {
                    return found;
                }
                else
                {
                    extents[found++] = new DeviceExtent(at, next - at, kind);
                }

                at = next;
            }

            if (dataCount == 0 && at < end)
            {
                // A long hole: on to where it may end, without a look at each of its chunks.
                ulong mapped = index.FindMapped(record.Id, (ulong)(at / record.ChunkSize), (ulong)endChunk);
                at = Math.Min(end, (long)mapped * record.ChunkSize);
                extents[found - 1] = extents[found - 1] with { Length = at - extents[found - 1].Offset };
            }
        }

        return found;
    }
}
