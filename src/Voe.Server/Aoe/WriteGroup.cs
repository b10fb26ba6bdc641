using Voe.Server.Aoe.Ata;
using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>A request that waits for the thread that writes.</summary>
internal struct WriteEntry
{
    /// <summary>The request.</summary>
    public AtaFrame Frame;

    /// <summary>Where the answer goes.</summary>
    public IAoePort Port;

    /// <summary>Write, Trim, Flush or Verify.</summary>
    public AtaAction Action;

    /// <summary>Byte offset on the device, of a write or verify.</summary>
    public long Offset;

    /// <summary>Bytes to write or verify, or of a trim's list.</summary>
    public int Length;

    /// <summary>Where the data is in the group's memory, for a write or trim.</summary>
    public int Start;

    /// <summary>Its mark among the recent writes; 0 if it is not noted.</summary>
    public long Ticket;

    /// <summary>How it ended.</summary>
    public AoeFailure Failure;

    /// <summary>The sector where it failed, if that is another than the first.</summary>
    public long FailedSector;
}

/// <summary>
/// Requests that are written and flushed together, in the order in which they came, with a copy of their data. The data of
/// consecutive frames lies side by side, so that a stream needs no further copy to become one write.
/// </summary>
/// <remarks>Belongs to one thread at a time: the queue's lock guards it while it gathers, then the writing thread has it.</remarks>
internal sealed class WriteGroup(int maxEntries, int maxBytes)
{
    private const int FirstSize = 64 << 10;

    private readonly WriteEntry[] _entries = new WriteEntry[maxEntries];
    private byte[] _data = [];
    private int _used;

    /// <summary>How many requests there are.</summary>
    public int Count { get; private set; }

    /// <summary>The requests, in the order in which they came.</summary>
    public Span<WriteEntry> Entries => _entries.AsSpan(0, Count);

    /// <summary>Bytes of memory that it has taken for data, and keeps.</summary>
    public int MemorySize => _data.Length;

    /// <summary>Whether there is room for one more with that much data.</summary>
    public bool HasRoom(int length) => Count < _entries.Length && length <= maxBytes - _used;

    /// <summary>Adds a request, for which there is room, and copies its data.</summary>
    public void Add(in WriteEntry entry, ReadOnlySpan<byte> data)
    {
        if (data.Length > _data.Length - _used)
        {
            int size = Math.Min(maxBytes, Math.Max(Math.Max(FirstSize, _data.Length * 2), _used + data.Length));
            byte[] larger = GC.AllocateUninitializedArray<byte>(size, pinned: true);
            _data.AsSpan(0, _used).CopyTo(larger);
            _data = larger;
        }

        data.CopyTo(_data.AsSpan(_used));
        _entries[Count] = entry;
        _entries[Count++].Start = _used;
        _used += data.Length;
    }

    /// <summary>The data of a request.</summary>
    public ReadOnlyMemory<byte> DataOf(in WriteEntry entry) => _data.AsMemory(entry.Start, entry.Length);

    /// <summary>Data of several requests that lies side by side.</summary>
    public ReadOnlyMemory<byte> DataFrom(int start, int length) => _data.AsMemory(start, length);

    /// <summary>Forgets all requests; the memory stays.</summary>
    public void Clear()
    {
        Array.Clear(_entries, 0, Count); // ports are not kept alive
        Count = 0;
        _used = 0;
    }
}
