using CsCheck;
using Voe.Server.Aoe;
using Voe.Server.Aoe.Ata;
using Voe.Store.Devices;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>Frames that are merged do what they do one by one.</summary>
public sealed class MergeTests
{
    private const int Sectors = 64;

    private static readonly Gen<(int Sector, int Count)[]> Writes =
        Gen.Select(Gen.Int[0, Sectors - 1], Gen.Int[1, 9])
            .Select((sector, count) => (sector, Math.Min(count, Sectors - sector)))
            .Array[0, 40];

    [Fact]
    public void Merged_writes_leave_what_writes_in_order_leave_and_never_overlap() => Writes.Sample(static writes =>
    {
        var group = new WriteGroup(64, 1 << 20);
        byte[] expected = new byte[Sectors * 512];
        for (int i = 0; i < writes.Length; i++)
        {
            byte[] data = [.. Enumerable.Range(0, writes[i].Count * 512).Select(at => (byte)(i + 1 + (at / 512)))];
            group.Add(new WriteEntry { Action = AtaAction.Write, Offset = writes[i].Sector * 512, Length = data.Length }, data);
            data.CopyTo(expected, writes[i].Sector * 512);
        }

        var merger = new WriteMerger(64);
        merger.Merge(group, 0, group.Count);
        byte[] actual = new byte[Sectors * 512];
        long end = -1;
        foreach (BlockWrite write in merger.Writes)
        {
            // Neither overlapping nor adjoining, and in order.
            Assert.True(write.Offset > end);
            end = write.Offset + write.Data.Length;
            write.Data.Span.CopyTo(actual.AsSpan((int)write.Offset));
        }

        Assert.Equal(expected, actual);
    });

    [Fact]
    public void A_stream_in_order_is_one_write_without_a_copy()
    {
        var group = new WriteGroup(64, 1 << 20);
        for (int i = 0; i < 50; i++)
        {
            group.Add(new WriteEntry { Action = AtaAction.Write, Offset = 4096 + (i * 1024), Length = 1024 }, new byte[1024]);
        }

        var merger = new WriteMerger(64);
        merger.Merge(group, 0, 50);
        BlockWrite write = Assert.Single(merger.Writes.ToArray());
        Assert.Equal(group.DataFrom(0, 50 * 1024), write.Data);
    }

    [Fact]
    public void Reads_of_a_group_are_one_call_and_those_that_adjoin_one_read()
    {
        using var rig = new AoeRig();
        new Random(3).NextBytes(rig.Memory.Bytes);
        rig.Port.Mtu = 9000;
        var other = new MemoryDevice(1 << 20);
        new Random(4).NextBytes(other.Bytes);
        rig.Add(new AoeAddress(1, 1), other);
        var reads = new List<(long, int)>();
        rig.Memory.BeforeRead = (offset, length) => reads.Add((offset, length));
        byte[] OtherRead(int lba, uint tag) => Ata(ReadExt, lba, 17, tag: tag, slot: 1);
        rig.Receive(
            Read(34, 17, 1), OtherRead(5, 2), Read(0, 17, 3), Read(500, 3, 4),
            OtherRead(22, 5), Read(17, 17, 6), Read(51, 1, 7), Read(0, 17, 8));
        Assert.Equal([(0, 17 * 512), (0, 52 * 512), (500 * 512, 3 * 512)], reads.Order());
        Assert.Equal((1, 1), (rig.Memory.ReadCallCount, other.ReadCallCount));
        Dictionary<uint, byte[]> answers = rig.Port.TakeAll().ToDictionary(Tag, Data);
        Assert.Equal(8, answers.Count);
        Assert.Equal(rig.Memory.Bytes.Slice(34 * 512, 17 * 512).ToArray(), answers[1]);
        Assert.Equal(other.Bytes.Slice(5 * 512, 17 * 512).ToArray(), answers[2]);
        Assert.Equal(rig.Memory.Bytes[..(17 * 512)].ToArray(), answers[3]);
        Assert.Equal(rig.Memory.Bytes.Slice(500 * 512, 3 * 512).ToArray(), answers[4]);
        Assert.Equal(other.Bytes.Slice(22 * 512, 17 * 512).ToArray(), answers[5]);
        Assert.Equal(rig.Memory.Bytes.Slice(17 * 512, 17 * 512).ToArray(), answers[6]);
        Assert.Equal(rig.Memory.Bytes.Slice(51 * 512, 512).ToArray(), answers[7]);
        Assert.Equal(rig.Memory.Bytes[..(17 * 512)].ToArray(), answers[8]);
        Assert.Equal(1, rig.Port.SendCount);
    }

    [Fact]
    public void A_group_with_more_reads_than_memory_is_answered_in_several_sends()
    {
        using var rig = new AoeRig();
        new Random(3).NextBytes(rig.Memory.Bytes);
        rig.Port.Mtu = 65535;
        rig.Receive([.. Enumerable.Range(0, 700).Select(i => Read(i, 127, (uint)i))]);
        byte[][] answers = rig.Port.TakeAll();
        Assert.Equal(700, answers.Select(Tag).Distinct().Count());
        Assert.All(answers, answer => Assert.Equal(rig.Memory.Bytes.Slice((int)Tag(answer) * 512, 127 * 512).ToArray(), Data(answer)));
    }
}
