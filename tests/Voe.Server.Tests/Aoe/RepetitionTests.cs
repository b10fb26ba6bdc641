using Voe.Server.Aoe;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>Frames that come again: done once, or harmlessly twice.</summary>
public sealed class RepetitionTests
{
    private const int Mark = 512;

    [Fact]
    public void A_late_repetition_of_an_answered_write_is_answered_and_does_not_undo_a_newer_one()
    {
        using var rig = new AoeRig();
        byte[] older = Write(0, Filled(1), tag: 1);
        rig.Ask(older);
        rig.Ask(Write(0, Filled(2), tag: 2));
        byte[] answer = rig.Ask(older);
        Assert.Equal((0x40, 0), Registers(answer));
        Assert.Equal(1u, Tag(answer));
        Assert.Equal(2, rig.Memory.Bytes[0]);
        Assert.Equal(1, rig.Target.Counters.Repetitions);
    }

    [Fact]
    public void A_repetition_of_a_waiting_write_is_dropped()
    {
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1)), Write(0, Filled(1)));
        held.Await();
        rig.Receive(Write(0, Filled(1)));
        held.ReleaseAll();
        Assert.Equal(1u, Tag(rig.Port.Take()));
        rig.RequireSilence();
        Assert.Equal(1, held.Memory.WriteCallCount);
    }

    [Fact]
    public void A_late_trim_does_not_undo_a_write()
    {
        using var rig = new AoeRig();
        rig.Ask(TrimOf((0, 8)));
        rig.Ask(Write(0, Filled(2), tag: 2));
        Assert.Equal((0x40, 0), Registers(rig.Ask(TrimOf((0, 8)))));
        Assert.Equal(2, rig.Memory.Bytes[0]);
    }

    [Fact]
    public void A_write_that_failed_is_tried_anew()
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeWrite = static (_, _) => throw new Store.StoreFullException("full");
        Assert.Equal((0x41, 0x04), Registers(rig.Ask(Write(0, Filled(1)))));
        rig.Memory.BeforeWrite = null;
        Assert.Equal((0x40, 0), Registers(rig.Ask(Write(0, Filled(1)))));
        Assert.Equal(1, rig.Memory.Bytes[0]);
    }

    [Fact]
    public void The_same_tag_of_somebody_else_or_with_other_contents_is_another_write()
    {
        using var rig = new AoeRig();
        rig.Ask(Write(0, Filled(1)));
        rig.Ask(Write(0, Filled(2), tag: 2));
        rig.Ask(Write(0, Filled(1), source: OtherMac));
        Assert.Equal(1, rig.Memory.Bytes[0]);
        rig.Ask(Write(1, Filled(1)));
        Assert.Equal(1, rig.Memory.Bytes[Mark]);
        Assert.Equal(0, rig.Target.Counters.Repetitions);
    }

    [Fact]
    public void An_initiator_that_uses_one_tag_for_everything_loses_no_write()
    {
        using var rig = new AoeRig();
        foreach (byte value in new byte[] { 1, 2, 1, 1, 2, 3, 1 })
        {
            rig.Ask(Write(0, Filled(value), tag: 7));
            Assert.Equal(value, rig.Memory.Bytes[0]);
        }
    }

    [Fact]
    public void An_initiator_that_numbers_its_slots_by_tags_loses_no_write_once_a_slot_was_used_again()
    {
        using var rig = new AoeRig();
        rig.Ask(Write(1, Filled(8), tag: 3));
        rig.Ask(Write(2, Filled(9), tag: 3));
        for (int i = 0; i < 5; i++)
        {
            rig.Ask(Write(0, Filled(1), tag: 4));
            Assert.Equal(1, rig.Memory.Bytes[0]);
            rig.Ask(Write(0, Filled(2), tag: 5));
            Assert.Equal(2, rig.Memory.Bytes[0]);
        }
    }

    [Fact]
    public void A_repetition_with_a_new_tag_is_harmless_while_frames_keep_their_order()
    {
        // Linux's driver: it marks what it sends again with a new tag, and sends nothing newer before that is answered.
        using var held = new HeldDevice();
        using var rig = new AoeRig(device: held.Memory);
        rig.Receive(Write(0, Filled(1), tag: 1));
        held.Await();
        rig.Receive(Write(0, Filled(1), tag: 2), Write(0, Filled(1), tag: 3));
        held.ReleaseAll();
        Assert.Equal([1u, 2u, 3u], rig.Port.Take(3).Select(Tag));
        rig.Ask(Write(0, Filled(2), tag: 4));
        Assert.Equal(2, held.Memory.Bytes[0]);
    }

    [Fact]
    public void Memory_of_repetitions_is_bounded_and_forgets_the_oldest()
    {
        using var rig = new AoeRig();
        byte[] first = Write(0, Filled(1), tag: 1);
        rig.Ask(first);
        for (uint i = 0; i < 3000; i++)
        {
            rig.Ask(Write(1, Filled((byte)i), tag: 100 + i));
        }

        int writes = rig.Memory.WriteCallCount;
        rig.Ask(Write(1, Filled(unchecked((byte)2999)), tag: 3099));
        Assert.Equal(writes, rig.Memory.WriteCallCount);
        rig.Ask(first);
        Assert.Equal(writes + 1, rig.Memory.WriteCallCount);
    }

    private static byte[] Filled(byte value) => [.. Enumerable.Repeat(value, 512)];
}
