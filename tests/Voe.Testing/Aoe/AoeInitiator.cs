using System.Buffers.Binary;
using System.Diagnostics;

namespace Voe.Testing.Aoe;

/// <summary>A frame of AoE that was received: what is behind the Ethernet header.</summary>
/// <param name="Source">Who sent it, as a number of 48 bits.</param>
/// <param name="Flags">The flags: 8 response, 4 error.</param>
/// <param name="Error">The error code.</param>
/// <param name="Shelf">The shelf.</param>
/// <param name="Slot">The slot.</param>
/// <param name="Command">The command.</param>
/// <param name="Tag">The tag.</param>
/// <param name="Argument">What the command has behind the header, with the padding.</param>
public sealed record AoeAnswer(ulong Source, int Flags, int Error, int Shelf, int Slot, int Command, uint Tag, byte[] Argument);

/// <summary>
/// A client of AoE in a test: asks single questions, and moves data with many frames under way. It sends again what is not
/// answered within 200 ms. Not thread-safe.
/// </summary>
public sealed class AoeInitiator : IDisposable
{
    /// <summary>The most frames that it has under way.</summary>
    public const int MaxDepth = 64;

    private const int HeaderSize = 24;
    private const int AtaSize = 12;
    private const int SectorSize = 512;
    private const int ReadExt = 0x24;
    private const int WriteExt = 0x34;
    private const int ResendMs = 200;
    private const ulong Everybody = 0xffff_ffff_ffff;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly PacketSocket _socket;
    private readonly Slot[] _slots = [.. Enumerable.Range(0, MaxDepth).Select(_ => new Slot())];
    private ulong _destination = Everybody;
    private uint _nextTag = 1;

    /// <summary>A client on an interface, of one target.</summary>
    public AoeInitiator(string networkInterface, int shelf, int slot)
    {
        _socket = new PacketSocket(networkInterface, MaxDepth);
        Shelf = shelf;
        TargetSlot = slot;
    }

    /// <summary>The target's shelf.</summary>
    public int Shelf { get; set; }

    /// <summary>The target's slot.</summary>
    public int TargetSlot { get; set; }

    /// <summary>Sectors that it puts into a frame.</summary>
    public int SectorsPerFrame { get; set; } = 2;

    /// <summary>Frames that it has under way, <see cref="MaxDepth"/> at most.</summary>
    public int Depth { get; set; } = 16;

    /// <summary>How many frames it sent again.</summary>
    public int Resent { get; private set; }

    /// <summary>The client's Ethernet address.</summary>
    public IReadOnlyList<byte> Address => _socket.Address;

    /// <summary>Asks one question, and returns all answers that come within the time, or with the first if only one is wanted.</summary>
    /// <param name="command">The command: 0 ATA, 1 config, 2 mask, 3 reserve.</param>
    /// <param name="argument">What the command has behind the header.</param>
    /// <param name="timeoutMs">How long it waits.</param>
    /// <param name="isOneEnough">Whether to return with the first answer.</param>
    public IReadOnlyList<AoeAnswer> Ask(int command, ReadOnlySpan<byte> argument, int timeoutMs = 2000, bool isOneEnough = true)
    {
        uint tag = _nextTag++;
        Span<byte> frame = _socket.ToSend(0);
        WriteHeader(frame, command, tag);
        argument.CopyTo(frame[HeaderSize..]);
        _socket.SetLength(0, HeaderSize + argument.Length);
        _socket.Send(1);
        var answers = new List<AoeAnswer>();
        long start = Stopwatch.GetTimestamp();
        while (!(isOneEnough && answers.Count > 0)
            && timeoutMs - (int)Stopwatch.GetElapsedTime(start).TotalMilliseconds is var left and > 0)
        {
            int count = _socket.Receive(left);
            for (int i = 0; i < count; i++)
            {
                AoeAnswer answer = Parse(_socket.Received(i));
                if (answer.Tag == tag && (answer.Flags & 8) != 0)
                {
                    answers.Add(answer);
                }
            }
        }

        return answers;
    }

    /// <summary>Asks the target for its config; takes the sectors of a frame from it, and its Ethernet address for what follows.</summary>
    /// <returns>The config string.</returns>
    public byte[] QueryConfig()
    {
        _destination = Everybody;
        if (Ask(1, [0, 0, 0, 0, 0, 0, 0, 0]) is not [var answer, ..])
        {
            throw new IOException($"the target {Shelf}.{TargetSlot} does not answer");
        }

        byte[] argument = answer.Argument;
        _destination = answer.Source;
        SectorsPerFrame = argument[4];
        return argument[8..(8 + BinaryPrimitives.ReadUInt16BigEndian(argument.AsSpan(6)))];
    }

    /// <summary>Does one ATA command without data; returns status and error.</summary>
    public (int Status, int Error) Ata(byte command, byte feature = 0, byte count = 0)
    {
        byte[] argument = Ask(0, [0, feature, count, command, 0, 0, 0, 0, 0, 0, 0, 0])[0].Argument;
        return (argument[3], argument[1]);
    }

    /// <summary>Reads whole sectors.</summary>
    public void Read(long firstSector, Memory<byte> data) => Transfer(isWrite: false, firstSector, data);

    /// <summary>Writes whole sectors; all are answered on return.</summary>
    public void Write(long firstSector, ReadOnlyMemory<byte> data) =>
        Transfer(isWrite: true, firstSector, System.Runtime.InteropServices.MemoryMarshal.AsMemory(data));

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Transfer(bool isWrite, long firstSector, Memory<byte> data)
    {
        int sectors = data.Length / SectorSize, next = 0, done = 0;
        long start = Stopwatch.GetTimestamp();
        while (done < sectors)
        {
            int group = 0;
            long now = Stopwatch.GetTimestamp();
            for (int i = 0; i < Depth; i++)
            {
                Slot slot = _slots[i];
                bool isLate = slot.Count > 0 && Stopwatch.GetElapsedTime(slot.SentAt, now).TotalMilliseconds > ResendMs;
                if (slot.Count == 0 && next < sectors)
                {
                    (slot.First, slot.Count) = (next, Math.Min(SectorsPerFrame, sectors - next));
                    next += slot.Count;
                }
                else if (!isLate)
                {
                    continue;
                }

                Resent += isLate ? 1 : 0;
                slot.Tag = (_nextTag++ << 8) | (uint)i;
                slot.SentAt = now;
                WriteTransfer(group++, isWrite, firstSector, slot, data.Span);
            }

            _socket.Send(group);
            int count = _socket.Receive(ResendMs);
            for (int i = 0; i < count; i++)
            {
                done += Take(_socket.Received(i), isWrite, data.Span);
            }

            if (Stopwatch.GetElapsedTime(start) > Limit && count == 0)
            {
                throw new TimeoutException($"{done} of {sectors} sectors were answered within {Limit}");
            }
        }
    }

    private void WriteTransfer(int index, bool isWrite, long firstSector, Slot slot, ReadOnlySpan<byte> data)
    {
        Span<byte> frame = _socket.ToSend(index);
        WriteHeader(frame, 0, slot.Tag);
        Span<byte> ata = frame[HeaderSize..];
        long sector = firstSector + slot.First;
        ata[0] = (byte)(0x40 | (isWrite ? 1 : 0)); // 48 bits; a write
        ata[1] = 0;
        ata[2] = (byte)slot.Count;
        ata[3] = (byte)(isWrite ? WriteExt : ReadExt);
        BinaryPrimitives.WriteInt64LittleEndian(ata[4..], sector);
        int length = slot.Count * SectorSize;
        if (isWrite)
        {
            data.Slice(slot.First * SectorSize, length).CopyTo(ata[AtaSize..]);
        }

        _socket.SetLength(index, HeaderSize + AtaSize + (isWrite ? length : 0));
    }

    /// <summary>Takes an answer; returns how many sectors it does.</summary>
    private int Take(ReadOnlySpan<byte> frame, bool isWrite, Span<byte> data)
    {
        uint tag = frame.Length >= HeaderSize + AtaSize ? BinaryPrimitives.ReadUInt32BigEndian(frame[20..]) : 0;
        Slot slot = _slots[tag & 0xff & (MaxDepth - 1)];
        if (tag == 0 || slot.Tag != tag || slot.Count == 0 || (frame[14] & 8) == 0)
        {
            return 0;
        }

        if ((frame[14] & 4) != 0 || (frame[HeaderSize + 3] & 1) != 0)
        {
            throw new IOException($"sector {slot.First}: AoE error {frame[15]}, ATA status {frame[27]:x2}, error {frame[25]:x2}");
        }

        if (!isWrite)
        {
            frame.Slice(HeaderSize + AtaSize, slot.Count * SectorSize).CopyTo(data[(slot.First * SectorSize)..]);
        }

        int count = slot.Count;
        slot.Count = 0;
        return count;
    }

    private void WriteHeader(Span<byte> frame, int command, uint tag)
    {
        for (int i = 0; i < 6; i++)
        {
            frame[i] = (byte)(_destination >> (8 * (5 - i)));
            frame[6 + i] = _socket.Address[i];
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x88a2);
        frame[14] = 0x10;
        frame[15] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame[16..], (ushort)Shelf);
        frame[18] = (byte)TargetSlot;
        frame[19] = (byte)command;
        BinaryPrimitives.WriteUInt32BigEndian(frame[20..], tag);
    }

    private static AoeAnswer Parse(ReadOnlySpan<byte> frame) => new(
        BinaryPrimitives.ReadUInt64BigEndian(frame[4..]) & 0xffff_ffff_ffff,
        frame[14] & 0xf,
        frame[15],
        BinaryPrimitives.ReadUInt16BigEndian(frame[16..]),
        frame[18],
        frame[19],
        BinaryPrimitives.ReadUInt32BigEndian(frame[20..]),
        frame[HeaderSize..].ToArray());

    private sealed class Slot
    {
        public int First { get; set; }

        public int Count { get; set; }

        public uint Tag { get; set; }

        public long SentAt { get; set; }
    }
}
