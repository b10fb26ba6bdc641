using System.Buffers.Binary;
using System.Numerics;
using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>What is known of a write that came.</summary>
internal enum Recurrence
{
    /// <summary>It is new, and is noted now.</summary>
    New,

    /// <summary>The same frame came before, and waits: its answer will come.</summary>
    Waits,

    /// <summary>The same frame came before, and was done: it is to be answered and not done again.</summary>
    Done,
}

/// <summary>
/// The last writes of a target, so that a frame which the network repeats, or delivers late, is not done again: by then a
/// newer write to its sectors may have been answered, and would be undone.
/// </summary>
/// <remarks>
/// <para>A frame is the same as one before when sender, tag, command, place and data (by a checksum) are the same. An initiator
/// whose tags recur with other contents does not mark its frames apart; its repetitions are done again, which is what the
/// specification allows for every frame.</para>
/// <para>A repetition with a new tag, as Linux's driver makes, is a new write as far as anybody can see. It is harmless when
/// frames keep their order, since the driver sends nothing else to those sectors before it has an answer.</para>
/// <para>Bounded: the oldest are forgotten. Not safe from several threads: the queue's lock guards it.</para>
/// </remarks>
internal sealed class RecentWrites
{
    private const int MaxTagReusers = 256;

    private readonly Entry[] _entries;
    private readonly Dictionary<Key, int> _slots;
    private readonly HashSet<MacAddress> _tagReusers = new(MaxTagReusers);
    private int _next;
    private uint _lastTicket;

    /// <summary>Keeps the last <paramref name="capacity"/> writes: more than may wait at a time.</summary>
    public RecentWrites(int capacity)
    {
        _entries = new Entry[capacity];
        _slots = new Dictionary<Key, int>(capacity);
    }

    /// <summary>Says whether a write came before, and notes it if not.</summary>
    /// <param name="frame">The write.</param>
    /// <param name="checksum">Of its data, <see cref="Checksum"/>.</param>
    /// <param name="ticket">What <see cref="Complete"/> takes for a new one.</param>
    public Recurrence Note(in AtaFrame frame, uint checksum, out long ticket)
    {
        ticket = 0;
        var key = new Key(frame.Header.Source, frame.Header.Tag);
        var content = new Content(frame.Registers, checksum);
        if (_slots.TryGetValue(key, out int slot))
        {
            if (_entries[slot].Content != content)
            {
                if (_tagReusers.Count == MaxTagReusers)
                {
                    _tagReusers.Clear();
                }

                _tagReusers.Add(key.Source);
            }
            else if (!_tagReusers.Contains(key.Source))
            {
                return _entries[slot].IsDone ? Recurrence.Done : Recurrence.Waits;
            }
        }

        slot = _next;
        _next = (_next + 1) % _entries.Length;
        Forget(slot);
        _entries[slot] = new Entry(key, content, ++_lastTicket, IsDone: false);
        _slots[key] = slot;
        ticket = ((long)slot << 32) | (uint)_lastTicket;
        return Recurrence.New;
    }

    /// <summary>A write that was noted is done, or failed: then it is forgotten, and its repetition is tried anew.</summary>
    public void Complete(long ticket, bool isDone)
    {
        int slot = (int)(ticket >> 32);
        if (_entries[slot].Ticket != (uint)ticket)
        {
            return;
        }

        if (isDone)
        {
            _entries[slot] = _entries[slot] with { IsDone = true };
        }
        else
        {
            Forget(slot);
        }
    }

    /// <summary>A checksum of a write's data, whole sectors (CRC32C).</summary>
    public static uint Checksum(ReadOnlySpan<byte> data)
    {
        uint checksum = 0;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
        {
            checksum = BitOperations.Crc32C(checksum, BinaryPrimitives.ReadUInt64LittleEndian(data));
        }

        return checksum;
    }

    private void Forget(int slot)
    {
        Key key = _entries[slot].Key;
        if (_entries[slot].Ticket != 0 && _slots.TryGetValue(key, out int current) && current == slot)
        {
            _slots.Remove(key);
        }

        _entries[slot] = default;
    }

    private readonly record struct Key(MacAddress Source, uint Tag);

    private readonly record struct Content(AtaRegisters Registers, uint Checksum);

    private readonly record struct Entry(Key Key, Content Content, uint Ticket, bool IsDone);
}
