using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Index;
using Voe.Store.Log;

namespace Voe.Store.Verify;

/// <summary>Chunks of one length that are decoded one by one and hashed together. One thread.</summary>
/// <param name="hasher">How.</param>
/// <param name="sink">Where they go.</param>
internal sealed class ChunkGroup(ChunkHasher hasher, IChunkSink sink)
{
    private const int Capacity = 64;
    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(Capacity * VolumeLimits.MaxChunkSize, pinned: true);
    private readonly nint[] _addresses = new nint[Capacity];
    private readonly ChunkHash[] _hashes = new ChunkHash[Capacity];
    private readonly VerifiedChunk[] _chunks = new VerifiedChunk[Capacity];
    private int _count;
    private int _length;

    /// <summary>Chunks that were hashed.</summary>
    public long Verified { get; private set; }

    /// <summary>
    /// Takes a chunk whose stored bytes have their checksum. Raw ones are not copied: the bytes stay as they are until
    /// <see cref="Flush"/>.
    /// </summary>
    public void Add(in ChunkRecord chunk, in ChunkLocation location, ReadOnlySpan<byte> stored, nint address)
    {
        if (_count == Capacity || (_count > 0 && _length != chunk.Length))
        {
            Flush();
        }

        if (chunk.Codec != ChunkCodec.Raw)
        {
            address = Marshal.UnsafeAddrOfPinnedArrayElement(_plain, _count * chunk.Length);
            try
            {
                ChunkCompressor.Decompress(chunk.Codec, stored, _plain.AsSpan(_count * chunk.Length, chunk.Length));
            }
            catch (InvalidDataException e)
            {
                AddDamaged(chunk, location, e.Message);
                return;
            }
        }

        _length = chunk.Length;
        _addresses[_count] = address;
        _chunks[_count++] = new VerifiedChunk(chunk.Hash, location, chunk.Length, IsWhole: true);
    }

    /// <summary>A chunk that is damaged for a reason that was found before it was decoded.</summary>
    public void AddDamaged(in ChunkRecord chunk, in ChunkLocation location, string reason)
    {
        sink.AddDamaged(new DamagedChunk(chunk.Hash, location.PackId, location.Offset, $"chunk {chunk.Hash}: {reason}", IsLost: false));
        sink.Add([new VerifiedChunk(chunk.Hash, location, chunk.Length, IsWhole: false)]);
    }

    /// <summary>Hashes what is there.</summary>
    public void Flush()
    {
        if (_count == 0)
        {
            return;
        }

        hasher.HashMany(_addresses.AsSpan(0, _count), _length, _hashes);
        for (int i = 0; i < _count; i++)
        {
            ref VerifiedChunk chunk = ref _chunks[i];
            if (_hashes[i] != chunk.Hash)
            {
                chunk = chunk with { IsWhole = false };
                sink.AddDamaged(new DamagedChunk(
                    chunk.Hash, chunk.Location.PackId, chunk.Location.Offset, $"chunk {chunk.Hash}: its bytes hash to {_hashes[i]}",
                    IsLost: false));
            }
        }

        sink.Add(_chunks.AsSpan(0, _count));
        Verified += _count;
        _count = 0;
    }
}
