using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Voe.Store.Chunks;
using Voe.Store.Hashing;

namespace Voe.Store.Index;

/// <summary>
/// One entry of the index's tables in memory: 64 bytes, one cache line. Chunk tables use <see cref="Hash"/> as the key,
/// map tables <see cref="Volume"/> and <see cref="Chunk"/>.
/// </summary>
/// <remarks>
/// Writers (one at a time for a slot) make <see cref="Sequence"/> odd, change the slot, and make it even again; readers copy
/// the slot and take the copy only if the number was even and is still the same. So readers take no lock and never see a
/// mixture. The barriers make this hold on ARM64 too; on x64 they only bind the compiler.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IndexSlot
{
    /// <summary>Size of a slot in bytes.</summary>
    public const int Size = 64;

    /// <summary>Odd while the slot is being written.</summary>
    public uint Sequence;

    /// <summary>The volume, in a map table.</summary>
    public uint Volume;

    /// <summary>The number of the chunk in the volume, in a map table.</summary>
    public ulong Chunk;

    /// <summary>The chunk's hash; in a map table all zero for a hole.</summary>
    public ChunkHash Hash;

    private uint _packId;
    private uint _offset;
    private uint _checksum;
    private ushort _storedLengthLessOne;
    private ChunkCodec _codec;

    /// <summary>Begins a change: readers wait, or look again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void BeginWrite(IndexSlot* slot)
    {
        slot->Sequence++;
        Volatile.WriteBarrier();
    }

    /// <summary>Ends a change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EndWrite(IndexSlot* slot) => Volatile.Write(ref slot->Sequence, slot->Sequence + 1);

    /// <summary>Stores a value; between <see cref="BeginWrite"/> and <see cref="EndWrite"/>, or before anyone can see the slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetValue(IndexSlot* slot, in MapEntry entry)
    {
        slot->Hash = entry.Hash;
        slot->_packId = entry.Location.PackId;
        slot->_offset = entry.Location.Offset;
        slot->_checksum = entry.Location.Checksum;
        slot->_storedLengthLessOne = (ushort)(entry.Location.StoredLength - 1);
        slot->_codec = entry.Location.Codec;
    }

    /// <summary>The value, when no one is writing it (a frozen table, or under the writers' lock).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MapEntry GetValue(IndexSlot* slot) => slot->_packId == 0
        ? new MapEntry(slot->Hash, default)
        : new MapEntry(
            slot->Hash,
            new ChunkLocation(slot->_packId, slot->_offset, slot->_storedLengthLessOne + 1, slot->_codec, slot->_checksum));

    /// <summary>Copies the value while others may be writing; false if the slot has meanwhile got another key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead<TKey>(IndexSlot* slot, in TKey key, out MapEntry entry)
        where TKey : unmanaged, ISlotKey<TKey>
    {
        uint before = Volatile.Read(ref slot->Sequence);
        bool isSame = key.IsKeyOf(slot);
        entry = GetValue(slot);
        Volatile.ReadBarrier();
        return (before & 1) == 0 && slot->Sequence == before ? isSame : TryReadAgain(slot, in key, out entry);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadAgain<TKey>(IndexSlot* slot, in TKey key, out MapEntry entry)
        where TKey : unmanaged, ISlotKey<TKey>
    {
        var spinner = default(SpinWait);
        while (true)
        {
            // The writer may have lost its processor between the two steps: the spinner yields after a few rounds.
            spinner.SpinOnce();
            uint before = Volatile.Read(ref slot->Sequence);
            bool isSame = key.IsKeyOf(slot);
            entry = GetValue(slot);
            Volatile.ReadBarrier();
            if ((before & 1) == 0 && slot->Sequence == before)
            {
                return isSame;
            }
        }
    }
}

/// <summary>What tables of <see cref="IndexSlot"/> are searched by.</summary>
/// <typeparam name="TSelf">The key type itself.</typeparam>
internal unsafe interface ISlotKey<TSelf>
    where TSelf : unmanaged, ISlotKey<TSelf>
{
    /// <summary>A well mixed hash of the key: the low 32 bits choose the group of slots, the top seven are the tag.</summary>
    ulong TableHash { get; }

    /// <summary>Whether the slot has this key.</summary>
    bool IsKeyOf(IndexSlot* slot);

    /// <summary>Stores the key in the slot.</summary>
    void WriteTo(IndexSlot* slot);

    /// <summary>The key of the slot.</summary>
    static abstract TSelf ReadFrom(IndexSlot* slot);
}

/// <summary>Key of the chunk tables. Has the layout of a <see cref="ChunkHash"/>.</summary>
/// <param name="Hash">The chunk's hash.</param>
internal readonly unsafe record struct ChunkKey(ChunkHash Hash) : ISlotKey<ChunkKey>
{
    /// <inheritdoc/>
    public ulong TableHash => Hash.Word0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsKeyOf(IndexSlot* slot) => slot->Hash.Equals(Hash);

    /// <inheritdoc/>
    public void WriteTo(IndexSlot* slot) => slot->Hash = Hash;

    /// <inheritdoc/>
    public static ChunkKey ReadFrom(IndexSlot* slot) => new(slot->Hash);
}

/// <summary>Key of the map tables.</summary>
/// <param name="Volume">The volume's id.</param>
/// <param name="Chunk">The number of the chunk in the volume.</param>
internal readonly unsafe record struct MapKey(uint Volume, ulong Chunk) : ISlotKey<MapKey>
{
    /// <inheritdoc/>
    public ulong TableHash
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            // Two rounds of multiply and fold, as the finalisers of the Murmur family have it: neighbours scatter.
            ulong mixed = (Chunk ^ ((ulong)Volume << 40)) * 0xFF51AFD7ED558CCD;
            mixed = (mixed ^ (mixed >> 32)) * 0xC4CEB9FE1A85EC53;
            return mixed ^ (mixed >> 29);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsKeyOf(IndexSlot* slot) => slot->Chunk == Chunk && slot->Volume == Volume;

    /// <inheritdoc/>
    public void WriteTo(IndexSlot* slot)
    {
        slot->Volume = Volume;
        slot->Chunk = Chunk;
    }

    /// <inheritdoc/>
    public static MapKey ReadFrom(IndexSlot* slot) => new(slot->Volume, slot->Chunk);
}
