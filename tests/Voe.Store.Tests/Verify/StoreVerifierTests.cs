using Voe.Store.Devices;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Store.Verify;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>Every kind of damage, done to the golden store, gives a finding with its place and its severity.</summary>
public sealed class StoreVerifierTests
{
    private const uint First = 1;
    private readonly SortedDictionary<string, byte[]> _files = GoldenStore.Load("store-v1-raw.zip");
    private readonly uint _last;

    public StoreVerifierTests() => _last = (uint)_files.Count - 1; // one is the superblock

    [Fact]
    public void A_sound_store_is_sound_and_nothing_of_it_changes()
    {
        RepairTail();
        SimulatedDisk disk = GoldenStore.ToDisk(_files);
        VerifyResult result = StoreVerifier.Run(disk.Root, indexPath: null);
        Assert.True(result.IsSound);
        Assert.Empty(result.Findings);
        Assert.Equal(((int)_last, _files.Values.Sum(static file => (long)file.Length) - 512), (result.Packs, result.Bytes));
        Assert.True(result.Batches > 20 && result.Chunks > 400, result.ToString());
        Assert.All(_files, file => Assert.Equal(file.Value, disk.Content(file.Key)));
    }

    [Fact]
    public void Compressed_chunks_are_sound_too()
    {
        VerifyResult result = StoreVerifier.Run(GoldenStore.ToDisk(GoldenStore.Load("store-v1.zip")).Root, indexPath: null);
        Assert.True(result.IsSound);
        Assert.True(result.Chunks > 400, result.ToString());
    }

    [Fact]
    public void A_torn_tail_is_noted_and_is_no_damage()
    {
        Finding note = One(Severity.Note, _last);
        Assert.Contains("torn tail", note.Message, StringComparison.Ordinal);
        Assert.Equal(EndOf(_last), note.Offset);
    }

    [Fact]
    public void Damage_to_the_last_write_of_a_store_that_was_closed_in_peace_is_no_torn_tail()
    {
        using var index = new TemporaryDirectory(inMemory: true);
        var disk = new SimulatedDisk();
        using (VoeStore store = VoeStore.Open(disk.Root, index.Path, new StoreOptions()))
        {
            byte[] noise = new byte[4096];
            new Random(1).NextBytes(noise);
            store.CreateVolume("a", 4096).Write([new BlockWrite(0, noise)]);
        }

        _files.Clear();
        _files[Name(First)] = disk.Content(Name(First));
        (long start, BatchHeader mark) = Batches(First)[^1];
        Assert.Equal((0, mark.Lsn - 1), (mark.RecordCount, mark.DurableLsn));
        disk.FlipBit(Name(First), start - 100, 0);

        Finding finding = Assert.Single(StoreVerifier.Run(disk.Root, indexPath: null).Findings);
        Assert.Equal((Severity.Damage, First), (finding.Severity, finding.PackId));
    }

    [Fact]
    public void Packs_that_are_part_of_a_torn_tail_are_noted()
    {
        RepairTail();
        _files[Name(_last + 1)] = [.. "VOE-PACK"u8, .. new byte[9000]]; // its header never reached the disk whole
        _files[Name(_last + 2)] = new byte[9000];
        VerifyResult result = Verify();
        Assert.True(result.IsSound);
        Assert.Equal([_last + 1, _last + 2], result.Findings.Select(static finding => finding.PackId).ToArray().AsSpan());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    [InlineData(4000)]
    public void Damage_in_a_pack_header_is_found(int offset)
    {
        RepairTail();
        Flip(First, offset);
        Assert.Equal(0, One(Severity.Damage, First).Offset);
    }

    [Fact]
    public void Damage_in_the_header_of_the_only_pack_is_no_torn_tail()
    {
        RepairTail();
        byte[] pack = _files[Name(First)];
        foreach (string path in _files.Keys.Where(static path => path.StartsWith("packs/", StringComparison.Ordinal)).ToArray())
        {
            _files.Remove(path);
        }

        _files[Name(First)] = pack[..(int)FooterOf(pack).DataEnd]; // as if it were not sealed yet
        Flip(First, 40);
        Assert.Equal(0, One(Severity.Damage, First).Offset);
    }

    [Theory]
    [InlineData(0)] // magic
    [InlineData(8)] // LSN
    [InlineData(61)] // checksum
    [InlineData(70)] // record table
    public void Damage_in_a_batch_of_a_sealed_pack_is_found_where_it_is_and_the_rest_is_verified(int offsetInBatch)
    {
        RepairTail();
        VerifyResult whole = Verify();
        (long start, BatchHeader header) = BatchWithPayload(First);
        long nextPayload = FindNextPayload(First, start + header.TotalLength);
        Flip(First, start + offsetInBatch);
        Flip(First, nextPayload); // behind it, where the footer leads
        VerifyResult result = Verify();
        Assert.False(result.IsSound);
        Assert.Equal([(First, start), (First, nextPayload)], Places(result));
        Assert.All(result.Findings, static finding => Assert.Equal(Severity.Damage, finding.Severity));
        Assert.Equal((whole.Batches, whole.Chunks), (result.Batches, result.Chunks));
    }

    [Fact]
    public void Damage_in_a_chunk_is_found_with_the_chunk_named()
    {
        RepairTail();
        (long start, BatchHeader header) = BatchWithPayload(First);
        Flip(First, start + header.PayloadOffset + 4096 + 17); // its second chunk
        Finding finding = One(Severity.Damage, First);
        Assert.Equal(start + header.PayloadOffset + 4096, finding.Offset);
        Assert.Contains("chunk ", finding.Message, StringComparison.Ordinal);
        Assert.Contains("checksum", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_chunk_that_has_its_checksum_but_not_its_hash_is_found()
    {
        // Wrong before it was written: the checksums are made anew along the way, up to the header's.
        RepairTail();
        byte[] pack = _files[Name(_last)];
        (long start, BatchHeader header) = BatchWithPayload(_last);
        Span<byte> batch = pack.AsSpan((int)start, (int)header.TotalLength);
        Span<byte> entry = batch[(BatchHeader.Size + 8)..];
        batch[header.PayloadOffset] ^= 1;
        BitConverter.TryWriteBytes(entry[40..], Checksum.Of(batch.Slice(header.PayloadOffset, 4096)));
        BitConverter.TryWriteBytes(batch[48..], Checksum.Of(batch[BatchHeader.Size..header.PayloadOffset]));
        Codecs.Reseal(batch[..BatchHeader.Size].ToArray(), 60).CopyTo(batch);
        Array.Resize(ref pack, (int)(start + header.TotalLength)); // the batches behind it are not chained to it any more
        _files[Name(_last)] = pack;
        Finding finding = One(Severity.Damage, _last);
        Assert.Equal(start + header.PayloadOffset, finding.Offset);
        Assert.Contains("its bytes hash to", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_durable_batch_that_is_damaged_in_the_pack_that_is_being_written_is_no_torn_tail()
    {
        // The batch of the torn tail says in its header, which is whole, what was durable before it.
        Flip(_last, PackHeader.Size + 70);
        IReadOnlyList<Finding> findings = Verify().Findings;
        Assert.Equal([FindingCode.BatchDamaged, FindingCode.TornTail], findings.Select(static finding => finding.Code));
        Assert.Equal((_last, (long)PackHeader.Size), (findings[0].PackId, findings[0].Offset));
        Assert.Contains("was durable", findings[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-64)] // magic
    [InlineData(-40)] // a number
    [InlineData(-1)]
    public void Damage_in_a_footers_trailer_can_be_repaired(int offset)
    {
        RepairTail();
        Flip(First, _files[Name(First)].Length + offset);
        One(Severity.Repairable, First);
    }

    [Fact]
    public void Damage_in_a_footers_body_can_be_repaired()
    {
        RepairTail();
        long body = FooterOf(_files[Name(First)]).DataEnd;
        Flip(First, body + 20);
        Assert.Equal(body, One(Severity.Repairable, First).Offset);
    }

    [Fact]
    public void Packs_that_were_not_sealed_yet_are_sound()
    {
        // What the death of the process leaves while packs wait for their footers: all but the last, too.
        RepairTail();
        for (uint id = 1; id < _last; id++)
        {
            byte[] pack = _files[Name(id)];
            Array.Resize(ref pack, (int)FooterOf(pack).DataEnd);
            Array.Resize(ref pack, pack.Length + 8192); // room that was reserved
            _files[Name(id)] = pack;
        }

        VerifyResult result = Verify();
        Assert.Empty(result.Findings);
    }

    [Fact]
    public void A_missing_pack_is_found_and_those_behind_it_are_verified()
    {
        RepairTail();
        VerifyResult whole = Verify();
        _files.Remove(Name(2));
        VerifyResult result = Verify();
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingCode.PackMissing, 2u), (finding.Code, finding.PackId));
        Assert.Equal(whole.Packs - 1, result.Packs);
    }

    [Fact]
    public void A_pack_of_another_store_is_found()
    {
        RepairTail();
        byte[] pack = _files[Name(2)];
        Codecs.Forge(pack[..PackHeader.Size], 20, (byte)(pack[20] ^ 0x77), PackHeader.Size - 4).CopyTo(pack, 0);
        Assert.Contains("expected", One(Severity.Damage, 2).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pack_that_cannot_be_read_is_damage_and_the_others_are_verified()
    {
        RepairTail();
        SimulatedDisk disk = GoldenStore.ToDisk(_files);
        long reads = CountReads(disk);
        VerifyResult whole = StoreVerifier.Run(disk.Root, indexPath: null);
        for (long read = 2; read <= reads; read += 9)
        {
            disk.Inject(new FaultPlan { FailReadAt = read });
            VerifyResult result = StoreVerifier.Run(disk.Root, indexPath: null);
            Assert.NotEmpty(result.Findings);
            Assert.Equal(whole.Packs, result.Packs);
            Assert.Contains(result.Findings, static finding => finding.Message.Contains("planned I/O error", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_store_is_locked_meanwhile()
    {
        SimulatedDisk disk = GoldenStore.ToDisk(_files);
        bool wasLocked = false;
        StoreVerifier.Run(disk.Root, null, new VerifyOptions
        {
            Progress = _ => wasLocked = Assert.Throws<StoreLockedException>(
            () => disk.Root.Lock(StoreLayout.LockFile, "another")).Message.Contains("a verification", StringComparison.Ordinal)
        });
        Assert.True(wasLocked);
        using IDisposable held = disk.Root.Lock(StoreLayout.LockFile, "a server");
        StoreLockedException refused = Assert.Throws<StoreLockedException>(() => StoreVerifier.Run(disk.Root, null));
        Assert.Contains("a server", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_holds_no_store_is_refused_and_left_as_it_is()
    {
        var disk = new SimulatedDisk();
        Assert.Throws<StoreFormatException>(() => StoreVerifier.Run(disk.Root, null));
        Assert.Empty(disk.Files());
    }

    [Fact]
    public void Progress_ends_at_all_bytes()
    {
        var steps = new List<StoreProgress>();
        StoreVerifier.Run(GoldenStore.ToDisk(_files).Root, null, new VerifyOptions { Progress = steps.Add });
        Assert.All(steps, static step => Assert.InRange(step.Done, 1, step.Total));
        StoreProgress[] bytes = [.. steps.Where(static step => !step.CountsPacks)];
        Assert.Equal(bytes.Select(static step => step.Done).Order(), bytes.Select(static step => step.Done));
        Assert.Equal(_files.Values.Sum(static file => (long)file.Length) - 512, bytes[^1].Total);
        Assert.Equal(bytes[^1].Total, bytes[^1].Done);
    }

    // Cuts the golden store's torn tail off, as the next start would.
    private void RepairTail()
    {
        byte[] pack = _files[Name(_last)];
        Array.Resize(ref pack, (int)EndOf(_last));
        _files[Name(_last)] = pack;
    }

    private static string Name(uint pack) => "packs/" + PackSet.FileName(pack);

    private static PackFooter FooterOf(byte[] pack)
    {
        Assert.True(PackFooter.TryRead(pack.AsSpan(pack.Length - PackFooter.Size), out PackFooter footer, out string reason), reason);
        return footer;
    }

    private static long CountReads(SimulatedDisk disk)
    {
        // The plan counts reads; one that is never reached counts them all, and one that is tells that it was.
        long reads = 0;
        for (long step = 256; step > 0; step /= 2)
        {
            long faults = disk.FaultsHappened;
            disk.Inject(new FaultPlan { FailReadAt = reads + step });
            try
            {
                StoreVerifier.Run(disk.Root, indexPath: null);
            }
            catch (StoreIOException)
            {
                // It happened.
            }

            reads += disk.FaultsHappened > faults ? step : 0;
        }

        disk.Inject(FaultPlan.None);
        return reads;
    }

    private List<(long Start, BatchHeader Header)> Batches(uint pack)
    {
        byte[] bytes = _files[Name(pack)];
        using IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
        file.Write(bytes, 0);
        Assert.True(PackHeader.TryRead(bytes, out PackHeader header, out string reason), reason);
        BatchReader reader = BatchReader.OverFile(file, pack, PackHeader.Size);
        var batches = new List<(long, BatchHeader)>();
        (ulong lsn, uint checksum) = (header.FirstLsn, header.PreviousChecksum);
        while (reader.TryRead(lsn, checksum) && reader.IsPayloadSound())
        {
            batches.Add((reader.Header.Offset, reader.Header));
            (lsn, checksum) = (lsn + 1, reader.Link);
        }

        return batches;
    }

    private long EndOf(uint pack) => Batches(pack) is [.., (long start, BatchHeader header)] ? start + header.TotalLength : PackHeader.Size;

    private (long Start, BatchHeader Header) BatchWithPayload(uint pack) =>
        Batches(pack).First(static batch => batch.Header.PayloadLength >= 8192);

    private long FindNextPayload(uint pack, long from)
    {
        (long start, BatchHeader header) = Batches(pack).First(batch => batch.Start >= from && batch.Header.PayloadLength >= 8192);
        return start + header.PayloadOffset;
    }

    private void Flip(uint pack, long offset) => _files[Name(pack)][offset] ^= 4;

    private VerifyResult Verify() => StoreVerifier.Run(GoldenStore.ToDisk(_files).Root, indexPath: null);

    private static (uint, long)[] Places(VerifyResult result) =>
        [.. result.Findings.Select(static finding => (finding.PackId, finding.Offset))];

    private Finding One(Severity severity, uint pack)
    {
        VerifyResult result = Verify();
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal((severity, pack), (finding.Severity, finding.PackId));
        Assert.Equal((severity == Severity.Note, severity != Severity.Damage), (result.IsClean, result.IsSound));
        Assert.StartsWith($"{finding.Kind.Id} {severity}: pack {pack}, offset ", finding.ToString(), StringComparison.Ordinal);
        return finding;
    }
}
