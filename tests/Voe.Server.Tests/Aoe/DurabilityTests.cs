using Voe.Server.Aoe;
using Voe.Store;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>When writes are answered, what overtakes what, and how many device calls that takes.</summary>
public sealed class DurabilityTests
{
    [Fact]
    public void A_write_is_answered_only_after_a_flush_that_began_when_it_was_written()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)));
        held.Await();
        Assert.Equal(1, held.Memory.Bytes[0]);
        Assert.Empty(rig.Port.TakeAll());

        // Comes while the flush runs, so that flush does not cover it.
        rig.Receive(Write(1, Filled(2), tag: 2));
        held.Release();
        Assert.Equal(1u, Tag(rig.Port.Take()));
        held.Await();
        Assert.Equal(2, held.Memory.Bytes[512]);
        Assert.Empty(rig.Port.TakeAll());
        held.Release();
        Assert.Equal(2u, Tag(rig.Port.Take()));
        Assert.Equal(2, held.Memory.FlushCount);
    }

    [Fact]
    public void All_writes_that_gather_during_a_flush_share_the_next_and_leave_in_one_send()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)));
        held.Await();
        for (uint i = 0; i < 100; i++)
        {
            rig.Receive(Write(8 + (2 * i), [.. Filled((byte)i), .. Filled((byte)i)], tag: 100 + i));
        }

        held.Release();
        Assert.Equal(1u, Tag(rig.Port.Take()));
        held.Await();
        held.Release();
        Assert.Equal(Enumerable.Range(100, 100).Select(tag => (uint)tag), rig.Port.Take(100).Select(Tag));
        Assert.Equal(2, held.Memory.FlushCount);
        Assert.Equal(2, held.Memory.WriteCallCount);
        Assert.Equal(2, rig.Port.SendCount);
        AoeCounters counters = rig.Target.Counters;
        Assert.Equal((101, 2, 2), (counters.WriteFrames, counters.Groups, counters.DeviceWrites));
    }

    [Fact]
    public void Small_frames_of_a_stream_become_whole_chunks()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(1000, Filled(9)));
        held.Await();
        var pieces = new List<(long Offset, int Length)>();
        held.Memory.BeforeWrite = (offset, length) => pieces.Add((offset, length));
        uint[] order = [.. Enumerable.Range(0, 64).Select(i => (uint)i)];
        new Random(5).Shuffle(order);
        rig.Receive([.. order.Select(i => Write(8 + (2 * i), [.. Filled((byte)i), .. Filled((byte)i)], tag: i + 10))]);
        held.Release();
        held.Await();
        held.ReleaseAll();
        rig.Port.Take(65);
        Assert.Equal([(8L * 512, 64 * 1024)], pieces);
        for (int i = 0; i < 64; i++)
        {
            Assert.Equal((byte)i, held.Memory.Bytes[(8 * 512) + (1024 * i) + 1023]);
        }

        AoeCounters counters = rig.Target.Counters;
        Assert.Equal((16, 1), (counters.WholeChunks, counters.PartialChunks));
        Assert.Equal(17.0 * 4096 / (65 * 1024 - 512), counters.Amplification(4096));
    }

    [Fact]
    public void Reads_and_everything_else_overtake_a_flush()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)));
        held.Await();
        Assert.Equal(2u, Tag(rig.Ask(Read(4, 1, tag: 2))));
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(Identify))));
        Assert.Equal(0, ErrorOf(rig.Ask(Config(0))));
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(CheckPower))));
        rig.Receive(Write(1, Filled(2), tag: 3), Read(5, 1, tag: 4));
        Assert.Equal(4u, Tag(rig.Port.Take()));
        Assert.Empty(rig.Port.TakeAll());
        held.ReleaseAll();
        Assert.Equal([1u, 3u], rig.Port.Take(2).Select(Tag));
    }

    [Fact]
    public void Of_two_waiting_writes_to_a_sector_the_later_wins_and_none_is_written_twice()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(100, Filled(9)));
        held.Await();
        byte[] ones = [.. Filled(1), .. Filled(1)];
        byte[] twos = [.. Filled(2), .. Filled(2)];
        rig.Receive(Write(0, ones, tag: 2), Write(1, twos, tag: 3), Write(0, Filled(3), tag: 4));
        held.ReleaseAll();
        rig.Port.Take(4);
        Assert.Equal([3, 2, 2, 0], new[] { 0, 1, 2, 3 }.Select(sector => held.Memory.Bytes[sector * 512]));
        Assert.Equal(512 + (3 * 512), rig.Target.Counters.DeviceWriteBytes);
    }

    [Fact]
    public void A_read_after_an_answered_write_sees_it()
    {
        using var rig = new AoeRig();
        for (byte i = 1; i < 100; i++)
        {
            Assert.Equal(0, ErrorOf(rig.Ask(Write(i % 3, Filled(i), tag: i))));
            Assert.Equal(Filled(i), Data(rig.Ask(Read(i % 3, 1))));
        }
    }

    [Fact]
    public void Process_durability_answers_before_any_flush_and_flushes_when_asked()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(new AoeTargetOptions { Durability = AoeDurability.Process }, held.Memory);
        Assert.Equal(1u, Tag(rig.Ask(Write(0, Filled(1)))));
        Assert.Equal(1, held.Memory.Bytes[0]);
        rig.Receive(Write(1, Filled(2), tag: 2), Ata(FlushCache, tag: 3));
        Assert.Equal(2u, Tag(rig.Port.Take()));
        held.Await();
        Assert.Empty(rig.Port.TakeAll());
        held.Release();
        Assert.Equal(3u, Tag(rig.Port.Take()));
        Assert.Equal(1, held.Memory.FlushCount);
    }

    [Theory]
    [InlineData(true, 1, true)]
    [InlineData(true, 2, true)]
    [InlineData(true, 3, false)]
    [InlineData(false, 1, false)]
    public void A_write_or_two_that_need_no_flush_are_not_handed_to_another_thread(bool isCached, int count, bool isQuick)
    {
        using var rig = new AoeRig(new AoeTargetOptions { Durability = isCached ? AoeDurability.Process : AoeDurability.Power });
        int threads = 0;
        rig.Memory.BeforeWrite = (_, _) => threads = Environment.CurrentManagedThreadId;
        for (uint round = 0; round < 20; round++)
        {
            rig.Receive([.. Enumerable.Range(0, count).Select(i => Write(i, Filled(1), tag: (10 * round) + (uint)i))]);
            Assert.Equal(count, rig.Port.Take(count).Length);
            Assert.Equal(isQuick, threads == Environment.CurrentManagedThreadId);
        }
    }

    [Fact]
    public void A_host_that_turns_the_write_cache_off_gets_durable_answers()
    {
        using var rig = new AoeRig(new AoeTargetOptions { Durability = AoeDurability.Process });
        Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(SetFeatures, feature: 0x82))));
        Assert.Equal(1, rig.Memory.FlushCount);
        rig.Ask(Write(0, Filled(1)));
        Assert.Equal(2, rig.Memory.FlushCount);
        Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(SetFeatures, feature: 0x02))));
        rig.Ask(Write(0, Filled(2), tag: 2));
        Assert.Equal(2, rig.Memory.FlushCount);
        using var durable = new AoeRig();
        Assert.Equal((0x41, 0x04), Registers(durable.Ask(Ata(SetFeatures, feature: 0x02))));
    }

    [Fact]
    public void When_a_flush_fails_no_write_of_its_group_is_answered_as_done()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)), Write(4, Filled(1), tag: 2), Ata(FlushCache, tag: 3));
        held.Await();
        held.Release(new StoreIOException("no sync"));
        Assert.All(rig.Port.Take(3), static answer => Assert.Equal((0x61, 0x04), Registers(answer)));
        rig.Receive(Write(0, Filled(1)));
        held.Await();
        held.Release();
        Assert.Equal((0x40, 0), Registers(rig.Port.Take()));
    }

    [Fact]
    public void Trims_keep_their_place_among_writes()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(100, Filled(9)));
        held.Await();
        rig.Receive(Write(0, [.. Filled(1), .. Filled(1)], tag: 2), TrimOf((1, 1), (2, 6)), Write(2, Filled(3), tag: 4));
        held.ReleaseAll();
        rig.Port.Take(4);
        Assert.Equal([1, 0, 3, 0], new[] { 0, 1, 2, 3 }.Select(sector => held.Memory.Bytes[sector * 512]));
    }

    [Fact]
    public void A_full_queue_drops_frames_and_takes_them_again_later()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(new AoeTargetOptions { BufferCount = 2 }, held.Memory);
        rig.Receive(Write(100, Filled(9)));
        held.Await();
        rig.Receive([.. Enumerable.Range(0, 20).Select(i => Write(i, Filled(1), tag: (uint)i + 10))]);
        Assert.Equal(12, rig.Target.Counters.QueueFull);
        held.ReleaseAll();
        Assert.Equal(9, rig.Port.Take(9).Length);
        Assert.Equal(25u, Tag(rig.Ask(Write(15, Filled(1), tag: 25))));
        Assert.Equal(25u, Tag(rig.Ask(Write(15, Filled(1), tag: 25))));
    }

    [Fact]
    public void Stop_answers_what_waits_and_takes_nothing_more()
    {
        using var held = new HeldDevice();
        var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)));
        held.Await();
        rig.Receive(Write(1, Filled(2), tag: 2));
        Assert.False(rig.Server.Stop(TimeSpan.Zero));
        rig.Receive(Write(2, Filled(3), tag: 3), Read(0, 1, tag: 4));
        held.ReleaseAll();
        Assert.True(rig.Server.Stop(TimeSpan.FromSeconds(20)));
        Assert.Equal([1u, 2u], rig.Port.TakeAll().Select(Tag));
    }

    [Fact]
    public void A_target_that_was_taken_out_is_gone_and_its_address_free()
    {
        using var rig = new AoeRig();
        Assert.False(rig.Targets.TryAdd(rig.Target));
        Assert.True(rig.Targets.TryRemove(new AoeAddress(1, 0), out AoeTarget? target));
        Assert.False(rig.Targets.TryRemove(new AoeAddress(1, 0), out _));
        Assert.True(target.Stop(TimeSpan.FromSeconds(20)));
        rig.Receive(Read(0, 1), Config(0));
        Assert.Empty(rig.Port.TakeAll());
        rig.Add(new AoeAddress(1, 0), new MemoryDevice(4096));
        Assert.Equal(0, ErrorOf(rig.Ask(Read(0, 1))));
    }

    private static byte[] Filled(byte value) => [.. Enumerable.Repeat(value, 512)];
}
