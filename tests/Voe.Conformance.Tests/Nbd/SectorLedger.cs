using System.Buffers.Binary;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// What each sector of a volume must hold after a crash: what was acknowledged last or, where an operation was under way,
/// what that one would have put there. At most one operation at a time touches a block of 4 KiB.
/// </summary>
/// <remarks>
/// A sector that was written carries its own number, the number of the operation, a checksum over both and its filling, and a
/// filling of which half compresses. The content of operation 0 is zeroes: untouched, or zeroed. Threads may share a ledger if
/// each has blocks of its own.
/// </remarks>
internal sealed class SectorLedger
{
    public const int SectorSize = 512;
    public const int BlockSize = 4096;
    public const int SectorsPerBlock = BlockSize / SectorSize;

    private const int ChecksumOffset = 16;
    private const int FillingOffset = 24;

    private readonly ulong[] _acknowledged;
    private readonly ulong[] _pending;
    private readonly bool[] _isPending;

    /// <summary>A ledger of a volume of zeroes.</summary>
    public SectorLedger(int blockCount)
    {
        _acknowledged = new ulong[blockCount * SectorsPerBlock];
        _pending = new ulong[blockCount * SectorsPerBlock];
        _isPending = new bool[blockCount * SectorsPerBlock];
    }

    /// <summary>How many blocks there are.</summary>
    public int BlockCount => _acknowledged.Length / SectorsPerBlock;

    /// <summary>An operation is about to be sent.</summary>
    /// <param name="firstSector">Its first sector.</param>
    /// <param name="count">How many sectors it has.</param>
    /// <param name="operation">Its number; 0 for one that zeroes.</param>
    public void Begin(int firstSector, int count, ulong operation)
    {
        _pending.AsSpan(firstSector, count).Fill(operation);
        _isPending.AsSpan(firstSector, count).Fill(value: true);
    }

    /// <summary>An operation was acknowledged.</summary>
    public void Acknowledge(int firstSector, int count)
    {
        _pending.AsSpan(firstSector, count).CopyTo(_acknowledged.AsSpan(firstSector, count));
        _isPending.AsSpan(firstSector, count).Clear();
    }

    /// <summary>Fills a buffer with what an operation writes from a sector on.</summary>
    public static void Fill(Span<byte> buffer, int firstSector, ulong operation)
    {
        for (int i = 0; i < buffer.Length / SectorSize; i++)
        {
            FillSector(buffer.Slice(i * SectorSize, SectorSize), (ulong)(firstSector + i), operation);
        }
    }

    /// <summary>
    /// Compares a block with what it may hold, and takes note of what it does hold: after a crash that is settled. Returns
    /// what is wrong, or null.
    /// </summary>
    public string? Settle(int block, ReadOnlySpan<byte> content)
    {
        int first = block * SectorsPerBlock;
        Span<byte> expected = stackalloc byte[SectorSize];
        int oldCount = 0;
        int newCount = 0;
        int pendingCount = 0;
        for (int i = 0; i < SectorsPerBlock; i++)
        {
            int sector = first + i;
            ReadOnlySpan<byte> found = content.Slice(i * SectorSize, SectorSize);
            FillSector(expected, (ulong)sector, _acknowledged[sector]);
            bool isOld = found.SequenceEqual(expected);
            FillSector(expected, (ulong)sector, _pending[sector]);
            bool isNew = _isPending[sector] && found.SequenceEqual(expected);
            if (!isOld && !isNew)
            {
                return $"block {block}, sector {sector}: expected operation {_acknowledged[sector]}"
                    + (_isPending[sector] ? $" or {_pending[sector]}" : "") + $", found {Describe(found)}";
            }

            // A sector that held before what the operation puts there is both.
            oldCount += isOld ? 1 : 0;
            newCount += isNew ? 1 : 0;
            pendingCount += _isPending[sector] ? 1 : 0;
            _acknowledged[sector] = isNew ? _pending[sector] : _acknowledged[sector];
        }

        _isPending.AsSpan(first, SectorsPerBlock).Clear();
        return pendingCount == SectorsPerBlock && oldCount < SectorsPerBlock && newCount < SectorsPerBlock
            ? $"block {block} is torn: {newCount} of its {SectorsPerBlock} sectors are those of the write that was under way"
            : null;
    }

    private static void FillSector(Span<byte> sector, ulong number, ulong operation)
    {
        sector.Clear();
        if (operation == 0)
        {
            return;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(sector, number);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[8..], operation);
        ulong state = (number * 0x9e3779b97f4a7c15) ^ operation;
        for (int i = FillingOffset; i + 8 <= SectorSize / 2; i += 8)
        {
            state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
            BinaryPrimitives.WriteUInt64LittleEndian(sector[i..], state);
        }

        sector[(SectorSize / 2)..].Fill((byte)operation);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[ChecksumOffset..], Checksum(sector));
    }

    private static uint Checksum(ReadOnlySpan<byte> sector)
    {
        uint checksum = 0;
        for (int i = 0; i < SectorSize; i += 8)
        {
            ulong word = i == ChecksumOffset ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(sector[i..]);
            checksum = System.Numerics.BitOperations.Crc32C(checksum, word);
        }

        return checksum;
    }

    private static string Describe(ReadOnlySpan<byte> sector)
    {
        if (!sector.ContainsAnyExcept((byte)0))
        {
            return "zeroes";
        }

        bool isWhole = Checksum(sector) == BinaryPrimitives.ReadUInt32LittleEndian(sector[ChecksumOffset..]);
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(sector);
        ulong operation = BinaryPrimitives.ReadUInt64LittleEndian(sector[8..]);
        return $"sector {number} of operation {operation}, " + (isWhole ? "whole" : "with a wrong checksum");
    }
}
