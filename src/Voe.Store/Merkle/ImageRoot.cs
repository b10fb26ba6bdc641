using System.Runtime.InteropServices;
using Voe.Store.Hashing;

namespace Voe.Store.Merkle;

/// <summary>
/// The root hash of a raw image, computed without a store: that of any volume with this content, size, chunk size and hash
/// algorithm. One thread at a time.
/// </summary>
public sealed unsafe class ImageRoot
{
    private const int Group = 64;

    private readonly HashAlgorithm _algorithm;
    private readonly int _chunkSize;
    private readonly RootBuilder _builder;
    private readonly nint[] _addresses = new nint[Group];
    private readonly ulong[] _chunks = new ulong[Group];
    private readonly ChunkHash[] _hashes = new ChunkHash[Group];
    private readonly byte[] _last; // the image's end, if it is no whole chunk
    private long _end;

    /// <summary>An image that is to come.</summary>
    /// <param name="algorithm">How chunks and nodes are hashed.</param>
    /// <param name="chunkSize">Bytes a chunk: 4 KiB to 64 KiB, a power of two.</param>
    /// <exception cref="InvalidVolumeException">No volume has such chunks.</exception>
    public ImageRoot(HashAlgorithm algorithm, int chunkSize)
    {
        VolumeLimits.RequireChunkSize(chunkSize);
        _algorithm = algorithm;
        _chunkSize = chunkSize;
        _builder = new RootBuilder(algorithm);
        _last = GC.AllocateUninitializedArray<byte>(chunkSize, pinned: true);
    }

    /// <summary>Takes a piece of the image.</summary>
    /// <param name="offset">Its byte offset: a multiple of the chunk size, behind all pieces before; gaps are zeroes.</param>
    /// <param name="data">Its bytes. Only the last piece may end inside a chunk.</param>
    public void Add(long offset, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _end);
        if (offset % _chunkSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"A multiple of {_chunkSize} expected.");
        }

        _end = offset + data.Length;
        var first = (ulong)(offset / _chunkSize);
        int whole = data.Length / _chunkSize;
        int tail = data.Length % _chunkSize;
        fixed (byte* start = data)
        {
            int count = 0;
            for (int i = 0; i < whole; i++)
            {
                if (!ZeroBlock.IsZero(data.Slice(i * _chunkSize, _chunkSize)))
                {
                    count = Queue(count, first + (ulong)i, (nint)(start + ((long)i * _chunkSize)));
                }
            }

            if (tail > 0 && !ZeroBlock.IsZero(data[^tail..]))
            {
                data[^tail..].CopyTo(_last);
                _last.AsSpan(tail).Clear();
                count = Queue(count, first + (ulong)whole, Marshal.UnsafeAddrOfPinnedArrayElement(_last, 0));
            }

            HashQueued(count);
        }
    }

    /// <summary>Ends the image.</summary>
    /// <param name="size">The volume's size in bytes, a multiple of 512; what comes behind the last piece is zeroes.</param>
    /// <returns>The root hash.</returns>
    /// <exception cref="InvalidVolumeException">No volume has that size.</exception>
    public ChunkHash Finish(long size)
    {
        VolumeLimits.RequireSize(size);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, _end);
        return _builder.Finish(size, _chunkSize).ComputeHash();
    }

    private int Queue(int count, ulong chunk, nint address)
    {
        _chunks[count] = chunk;
        _addresses[count] = address;
        if (count + 1 < Group)
        {
            return count + 1;
        }

        HashQueued(Group);
        return 0;
    }

    private void HashQueued(int count)
    {
        ChunkHasher.For(_algorithm).HashMany(_addresses.AsSpan(0, count), _chunkSize, _hashes);
        for (int i = 0; i < count; i++)
        {
            _builder.Add(_chunks[i], _hashes[i]);
        }
    }
}
