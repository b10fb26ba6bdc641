using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Store.Tests.Golden;
using Voe.Store.Tests.Log;
using Voe.Testing;

namespace Voe.Store.Tests.Recovery;

/// <summary>What opening the log does with each kind of trouble; crashes at any step are in Voe.Crash.Tests.</summary>
public sealed class LogRecoveryTests : IDisposable
{
    private readonly LogRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void An_empty_directory_is_a_log_without_batches()
    {
        RecoveredLog found = _rig.Open();
        Assert.Equal(default, found.End);
        Assert.Equal((0u, 0L, 0), (found.LastPackId, found.CutBytes, found.CutPacks));
        Assert.Empty(found.Unsealed);
    }

    [Fact]
    public void The_log_goes_on_in_the_pack_that_was_not_full()
    {
        Make(packs: 2);
        RecoveredLog found = _rig.Open();
        ulong last = found.End.LastLsn;
        Assert.Equal(2u, Assert.Single(found.Unsealed).Id);
        _rig.Append(10, 1);
        _rig.Close();
        Assert.Equal((last + 1, 2u), (_rig.Open().End.LastLsn, _rig.Packs.ListIds()[^1]));
    }

    [Fact]
    public void Replay_begins_at_the_position_that_it_is_given()
    {
        Make(packs: 3);
        _rig.Open();
        LogPosition start = default;
        _rig.Log.RunInOrder(end => start = end);
        _rig.Append(10, 1);
        _rig.Append(10, 2);
        _rig.Close();
        RecoveredLog found = _rig.Open(start);
        Assert.Equal([start.LastLsn + 1, start.LastLsn + 2], _rig.Applied.ToArray().AsSpan());
        Assert.Equal(2, found.ReplayedBatches);
    }

    [Fact]
    public void Torn_tail_is_cut_after_the_last_whole_batch()
    {
        Make(packs: 1);
        long end = Length(1);
        Write(1, end, [.. "VBAT"u8, .. Noise(3000)]);
        RecoveredLog found = _rig.Open();
        Assert.Equal((end, 3004L, 0), (found.End.Offset, found.CutBytes, found.CutPacks));
        Assert.Equal(end, Length(1));
        _rig.Append(10, 1);
        _rig.Close();
        Assert.Equal(0, _rig.Open().CutBytes);
    }

    [Fact]
    public void Packs_that_hold_a_torn_tail_alone_are_deleted()
    {
        Make(packs: 2);
        LogPosition end = _rig.Open().End;
        _rig.Dispose();
        Write(3, 0, Noise(9000)); // a pack whose header never reached the disk
        Write(4, 0, new byte[5000]);
        RecoveredLog found = _rig.Open();
        Assert.Equal((end, 2, 2u, 9000L), (found.End, found.CutPacks, found.LastPackId, found.CutBytes));
        Assert.Equal<uint>([1, 2], _rig.Packs.ListIds());
    }

    [Fact]
    public void A_second_opening_finds_the_same_end()
    {
        Make(packs: 3);
        Write(3, Length(3), Noise(500));
        Write(4, 0, Noise(500));
        RecoveredLog first = _rig.Open();
        _rig.Dispose();
        RecoveredLog second = _rig.Open();
        Assert.Equal(first.End, second.End);
        Assert.Equal((0L, 0), (second.CutBytes, second.CutPacks));
    }

    [Fact]
    public void Zeros_that_were_reserved_ahead_are_no_tail()
    {
        _rig.Open();
        _rig.Append(10, 1);
        _rig.Die();
        Assert.True(Length(1) > PackHeader.Size + 200);
        RecoveredLog found = _rig.Open();
        Assert.Equal((0L, 1ul), (found.CutBytes, found.End.LastLsn));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void A_missing_pack_is_damage(uint missing)
    {
        Make(packs: 4);
        _rig.Disk.Root.DeleteFile(PackSet.FileName(missing));
        IsDamaged(missing + 1, "begins with LSN");
        Assert.Equal(3, _rig.Disk.Files().Count); // nothing was changed
    }

    [Fact]
    public void The_pack_where_the_index_ends_must_be_there()
    {
        Make(packs: 3);
        LogPosition end = _rig.Open().End;
        _rig.Dispose();
        _rig.Disk.Root.DeleteFile(PackSet.FileName(3));
        StoreDamagedException damaged = Assert.Throws<StoreDamagedException>(() => _rig.Open(end));
        Assert.Contains("pack 3 is missing", damaged.Message, StringComparison.Ordinal);
        Assert.Contains("0000000003.pack", damaged.Message, StringComparison.Ordinal);
        Assert.Contains("deleting the index directory", damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pack_that_is_shorter_than_what_the_index_covers_is_damage()
    {
        Make(packs: 2);
        LogPosition end = _rig.Open().End;
        _rig.Dispose();
        using (IStorageFile file = _rig.Disk.Root.OpenFile(PackSet.FileName(2), writable: true))
        {
            file.SetLength(end.Offset - 8);
        }

        IsDamaged(2, "the index covers the pack up to offset", end);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_pack_of_another_store_is_refused_by_its_name(bool isOtherStore)
    {
        Make(packs: 2);
        using var other = new LogRig();
        other.Options = other.Options with { StoreId = isOtherStore ? Guid.Empty : other.Options.StoreId };
        other.Open();
        other.Append(10, 1);
        other.Close();
        Write(2, 0, other.Disk.Content(PackSet.FileName(1))); // and of another number
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => _rig.Open());
        Assert.StartsWith("0000000002.pack is pack 1 of store", refused.Message, StringComparison.Ordinal);
        Assert.Contains("move it out of the directory", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pack_of_a_newer_version_is_refused_with_advice()
    {
        Make(packs: 2);
        byte[] header = _rig.Disk.Content(PackSet.FileName(2))[..PackHeader.Size];
        Write(2, 0, Codecs.Forge(header, 8, 2, PackHeader.Size - 4));
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => _rig.Open());
        Assert.Contains("pack format version 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_in_a_sealed_pack_is_reported_with_its_place()
    {
        Make(packs: 3);

        // Without its footer's body the pack is read batch by batch.
        PackFooter footer = Footer(1);
        Flip(1, footer.DataEnd + 10);
        Flip(1, PackHeader.Size + BatchHeader.Size + 5); // the first record table
        IsDamaged(1, $"but the pack is sealed up to LSN {footer.LastLsn}");
    }

    [Fact]
    public void A_footer_that_is_damaged_is_no_loss()
    {
        Make(packs: 3);
        ulong last = _rig.Open().End.LastLsn;
        _rig.Dispose();
        Flip(1, Footer(1).DataEnd + 10); // the body
        Flip(2, Length(2) - 1); // the trailer
        RecoveredLog found = _rig.Open();
        Assert.Equal((last, 0), (found.End.LastLsn, found.CutPacks));
        Assert.Equal<uint>([2, 3], found.Unsealed.ConvertAll(static pack => pack.Id));

        // The pack without a trailer was sealed anew.
        _rig.Close();
        Assert.Equal(3u, Assert.Single(_rig.Open().Unsealed).Id);
    }

    [Fact]
    public void A_torn_batch_before_one_that_says_it_was_durable_is_damage()
    {
        _rig.Open();
        _rig.Append(100, 1);
        _rig.Append(100, 2);
        _rig.Log.Flush();
        _rig.Append(100, 3); // its header says that LSN 2 is durable
        _rig.Die();
        Flip(1, PackHeader.Size + 200 + BatchHeader.Size); // LSN 2's table
        IsDamaged(1, "but LSN 2 was durable");
    }

    [Fact]
    public void A_torn_batch_that_a_later_pack_says_was_durable_is_damage()
    {
        _rig.Open();
        _rig.AppendPacks(2);
        _rig.Log.Flush();
        int batches = _rig.AppendPacks(3);
        Assert.True(batches > 0);
        _rig.Die();

        // Pack 2 loses its footer and a batch; what was durable then is in pack 3's header alone.
        PackFooter footer = Footer(2);
        Write(2, Length(2) - PackFooter.Size, new byte[PackFooter.Size]);
        Flip(2, PackHeader.Size + BatchHeader.Size);
        IsDamaged(2, $"but LSN {footer.LastLsn} was durable");
    }

    [Fact]
    public void A_torn_batch_before_whole_ones_that_were_never_durable_ends_the_log()
    {
        _rig.Open();
        _rig.Append(100, 1);
        _rig.Append(100, 2);
        _rig.Append(100, 3);
        _rig.Die();
        Flip(1, PackHeader.Size + 200 + BatchHeader.Size); // LSN 2's table; a power cut can do that
        RecoveredLog found = _rig.Open();
        Assert.Equal(1ul, found.End.LastLsn);
        Assert.InRange(found.CutBytes, 390, 400);
    }

    [Fact]
    public void A_sync_that_fails_while_opening_is_an_error_and_what_the_next_opening_finds_stays()
    {
        // That sync may lose any page, the pack header's too, which was read before.
        for (int seed = 0; seed < 40; seed++)
        {
            using var rig = new LogRig();
            rig.Open();
            rig.Append(3000, 1);
            rig.Append(3000, 2);
            rig.Append(3000, 3);
            rig.Die();
            rig.Disk.Inject(new FaultPlan { Seed = seed, FailSyncAt = 1 });
            Assert.Throws<StoreIOException>(() => rig.Open());
            rig.Dispose();
            RecoveredLog found = rig.Open();
            rig.Append(100, 4);
            rig.Close();
            rig.Disk = rig.Disk.PowerLost(seed);
            Assert.Equal(found.End.LastLsn + 1, rig.Open().End.LastLsn);
        }
    }

    [Fact]
    public void What_looks_like_a_batch_of_a_newer_version_inside_a_torn_payload_is_payload()
    {
        // A volume may hold a store that a newer program wrote.
        Make(packs: 1);
        long end = Length(1);
        byte[] header = new byte[BatchHeader.Size];
        new BatchHeader(70, 60, 9, 8192, 0, 0, 0, 0, 0).Write(header);
        Write(1, end, [.. Noise(800), .. Codecs.Forge(header, 4, 2, 60), .. Noise(800)]);
        RecoveredLog found = _rig.Open();
        Assert.Equal((end, 1664L), (found.End.Offset, found.CutBytes));
    }

    [Fact]
    public void Records_that_break_the_format_are_damage_even_at_the_end()
    {
        _rig.Open();
        using (var batch = new TestBatch(_rig, 10, 1))
        {
            batch.Table.AddZero(1, 0, 0); // of no chunks, in a table with a right checksum
            _rig.Log.Append(batch);
        }

        _rig.Die();
        IsDamaged(1, "record of kind Zero");
    }

    // A closed log over that many packs, the last of which is not full.
    private void Make(int packs)
    {
        _rig.Open();
        _rig.AppendPacks(packs);
        _rig.Close();
    }

    private void IsDamaged(uint pack, string reason, LogPosition start = default)
    {
        StoreDamagedException damaged = Assert.Throws<StoreDamagedException>(() => _rig.Open(start));
        Assert.StartsWith($"pack {pack}, offset ", damaged.Message, StringComparison.Ordinal);
        Assert.Contains(reason, damaged.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was changed", damaged.Message, StringComparison.Ordinal);
    }

    private long Length(uint pack) => _rig.Disk.Content(PackSet.FileName(pack)).Length;

    private PackFooter Footer(uint pack)
    {
        using IStorageFile file = _rig.Disk.Root.OpenFile(PackSet.FileName(pack), writable: false);
        Assert.True(PackFooter.TryReadFrom(file, pack, out PackFooter footer, out string reason), reason);
        return footer;
    }

    private void Flip(uint pack, long offset) => _rig.Disk.FlipBit(PackSet.FileName(pack), offset, 3);

    private void Write(uint pack, long offset, byte[] bytes)
    {
        string name = PackSet.FileName(pack);
        IStorageDirectory root = _rig.Disk.Root;
        using IStorageFile file = root.FileExists(name) ? root.OpenFile(name, writable: true) : root.CreateFile(name);
        file.Write(bytes, offset);
    }

    private static byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        bytes[^1] = 1;
        return bytes;
    }
}
