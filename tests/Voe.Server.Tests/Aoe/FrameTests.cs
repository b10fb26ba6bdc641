using Voe.Server.Aoe;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>
/// Every frame, byte by byte, as the specification draws it. What the tests' own encoder makes is held against literals too.
/// </summary>
public sealed class FrameTests
{
    [Fact]
    public void A_config_query_is_answered_with_buffers_firmware_sectors_and_string()
    {
        using var rig = new AoeRig(new AoeTargetOptions { ConfigString = "boot"u8.ToArray() });
        byte[] query = Hex("ffffffffffff 0200000000aa 88a2 10 00 ffff ff 01 12345678 0000 0000 00 10 0000");
        byte[] answer = rig.Ask(query);
        Assert.Equal(
            Padded(Hex("0200000000aa 020000000001 88a2 18 00 0001 00 01 12345678 0040 0001 02 10 0004 626f6f74")), answer);
    }

    [Fact]
    public void Short_frames_that_nobody_padded_are_answered_with_padding()
    {
        using var rig = new AoeRig();
        Assert.Equal(32, Config(0).Length);
        Assert.Equal(60, rig.Ask(Config(0)).Length);
        Assert.Equal(36, Ata(CheckPower).Length);
        byte[] answer = rig.Ask(Ata(CheckPower));
        Assert.Equal(60, answer.Length);
        Assert.All(answer[36..], static padding => Assert.Equal(0, padding));
    }

    [Fact]
    public void A_read_is_answered_with_its_sectors()
    {
        using var rig = new AoeRig();
        rig.Memory.Bytes.Slice(5 * 512, 512).Fill(0x5a);
        byte[] request = Hex("020000000001 0200000000aa 88a2 10 00 0001 00 00 cafe0001 40 00 02 24 050000000000 0000");
        Assert.Equal(request, Ata(ReadExt, 5, 2, tag: 0xcafe_0001));
        byte[] expected =
        [
            .. Hex("0200000000aa 020000000001 88a2 18 00 0001 00 00 cafe0001 40 00 02 40 050000000000 0000"),
            .. Enumerable.Repeat((byte)0x5a, 512),
            .. new byte[512],
        ];
        Assert.Equal(expected, rig.Ask(request));
    }

    [Fact]
    public void A_write_is_answered_with_its_registers()
    {
        using var rig = new AoeRig();
        byte[] data = [.. Enumerable.Repeat((byte)7, 512)];
        byte[] request = [.. Hex("020000000001 0200000000aa 88a2 10 00 0001 00 00 cafe0002 01 00 01 30 030000e0 0000 0000"), .. data];
        Assert.Equal(request, Ata(WriteSectors, 3, 1, data, tag: 0xcafe_0002));
        byte[] expected = Padded(Hex("0200000000aa 020000000001 88a2 18 00 0001 00 00 cafe0002 01 00 01 40 030000e0 0000 0000"));
        Assert.Equal(expected, rig.Ask(request));
        Assert.Equal(data, rig.Memory.Bytes.Slice(3 * 512, 512));
        Assert.Equal(1, rig.Memory.FlushCount);
    }

    [Fact]
    public void Mask_lists_are_edited_and_read()
    {
        using var rig = new AoeRig();
        byte[] request = Hex(
            "020000000001 0200000000aa 88a2 10 00 0001 00 02 00000001 00 01 00 02 00 01 0200000000aa 00 01 0200000000bb");
        Assert.Equal(request, Mask(1, ClientMac, (1, ClientMac), (1, OtherMac)));
        byte[] expected = Padded(Hex(
            "0200000000aa 020000000001 88a2 18 00 0001 00 02 00000001 00 01 00 02 00 00 0200000000aa 00 00 0200000000bb"));
        Assert.Equal(expected, rig.Ask(request));
        byte[] list = rig.Ask(Mask(0, OtherMac));
        Assert.Equal((0, 0, 2), (list[25], list[26], list[27]));
        byte[] shorter = rig.Ask(Mask(1, OtherMac, (0, 0), (2, ClientMac)));
        Assert.Equal(Hex("00 01 00 01 00 00 0200000000bb"), shorter[24..36]);
        rig.Receive(Mask(0, ClientMac), Config(0), Ata(Identify));
        Assert.Empty(rig.Port.TakeAll());
    }

    [Fact]
    public void A_directive_that_is_wrong_changes_nothing_and_is_named()
    {
        using var rig = new AoeRig();
        Assert.Equal(Hex("00 01 02 01"), rig.Ask(Mask(1, ClientMac, (1, OtherMac), (3, OtherMac)))[24..28]);
        Assert.Equal(Hex("00 01 01 00"), rig.Ask(Mask(1, ClientMac, (1, Broadcast)))[24..28]);
        (byte, ulong)[] many = [.. Enumerable.Range(0, 128).Select(i => ((byte)1, ClientMac - (ulong)i))];
        Assert.Equal(128, rig.Ask(Mask(1, ClientMac, many))[27]);
        Assert.Equal(Hex("00 01 03 01"), rig.Ask(Mask(1, ClientMac, (1, ClientMac), (1, OtherMac)))[24..28]);
        Assert.Equal(128, rig.Target.Access.Masks.Length);
        Assert.Equal(2, ErrorOf(rig.Ask(Mask(2, ClientMac))));
        Assert.Equal(2, ErrorOf(rig.Ask(Mask(1, ClientMac, (1, OtherMac))[..^1])));
    }

    [Fact]
    public void A_reservation_keeps_others_from_the_disk_but_not_from_its_identity()
    {
        using var rig = new AoeRig();
        byte[] request = Hex("020000000001 0200000000aa 88a2 10 00 0001 00 03 00000001 01 01 0200000000aa");
        Assert.Equal(request, Reserve(1, ClientMac, ClientMac));
        byte[] expected = Padded(Hex("0200000000aa 020000000001 88a2 18 00 0001 00 03 00000001 01 01 0200000000aa"));
        Assert.Equal(expected, rig.Ask(request));
        Assert.Equal(6, ErrorOf(rig.Ask(Ata(ReadExt, 0, 1, source: OtherMac))));
        Assert.Equal(6, ErrorOf(rig.Ask(Write(0, new byte[512], source: OtherMac))));
        Assert.Equal(6, ErrorOf(rig.Ask(Reserve(1, OtherMac, OtherMac))));
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(Identify, source: OtherMac))));
        Assert.Equal(0, ErrorOf(rig.Ask(Config(0, source: OtherMac))));
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(ReadExt, 0, 1))));
        Assert.Equal(Hex("00 01 0200000000aa"), rig.Ask(Reserve(0, OtherMac))[24..32]);
        Assert.Equal(Hex("02 01 0200000000bb"), rig.Ask(Reserve(2, OtherMac, OtherMac))[24..32]);
        Assert.Equal(6, ErrorOf(rig.Ask(Ata(ReadExt, 0, 1))));
        Assert.Equal(Hex("01 00"), rig.Ask(Reserve(1, OtherMac))[24..26]);
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(ReadExt, 0, 1))));
        Assert.Equal(2, ErrorOf(rig.Ask(Reserve(3, ClientMac))));
        Assert.Equal(2, ErrorOf(rig.Ask(Reserve(1, ClientMac, [.. Enumerable.Repeat(ClientMac, 241)]))));
    }

    [Fact]
    public void Config_strings_are_tested_set_once_and_forced()
    {
        var kept = new List<byte[]>();
        using var rig = new AoeRig(new AoeTargetOptions { PersistConfigString = text => kept.Add(text.ToArray()) });
        Assert.Equal("abc"u8.ToArray(), rig.Ask(Config(3, "abc"u8))[32..35]);
        Assert.Equal(0, ErrorOf(rig.Ask(Config(3, "abc"u8))));
        Assert.Equal(4, ErrorOf(rig.Ask(Config(3, "x"u8))));
        rig.Receive(Config(1, "ab"u8), Config(1, "abcd"u8), Config(2, "b"u8), Config(2, "abcd"u8));
        Assert.Empty(rig.Port.TakeAll());
        Assert.Equal(3, rig.Ask(Config(1, "abc"u8))[31]);
        Assert.Equal(3, rig.Ask(Config(2, "ab"u8))[31]);
        Assert.Equal(3, rig.Ask(Config(2))[31]);
        byte[] longest = [.. Enumerable.Range(0, 1024).Select(i => (byte)i)];
        Assert.Equal(longest, rig.Ask(Config(4, longest))[32..]);
        Assert.Equal(["abc"u8.ToArray(), longest], kept);
        Assert.Equal(2, ErrorOf(rig.Ask(Config(4, [.. longest, 1]))));
        Assert.Equal(2, ErrorOf(rig.Ask(Config(5, "abc"u8))));
        Assert.Equal(2, ErrorOf(rig.Ask(Config(4, "abc"u8)[..^1])));
        Assert.Equal(0, rig.Ask(Config(4))[31]);
    }

    [Fact]
    public void A_config_string_that_cannot_be_kept_is_not_set()
    {
        using var rig = new AoeRig(new AoeTargetOptions { PersistConfigString = _ => throw new IOException("the disk is full") });
        Assert.Equal(3, ErrorOf(rig.Ask(Config(3, "abc"u8))));
        Assert.Equal(0, rig.Ask(Config(0))[31]);
        Assert.Contains(rig.Log.Lines, line => line.Contains("the disk is full", StringComparison.Ordinal));
    }

    [Fact]
    public void Unknown_commands_and_versions_get_the_error_that_says_so()
    {
        using var rig = new AoeRig();
        Assert.Equal(Padded(Hex("0200000000aa 020000000001 88a2 1c 01 0001 00 04 00000001")), rig.Ask(Any(4, new byte[12])));
        Assert.Equal(1, ErrorOf(rig.Ask(Any(0xf0, []))));
        Assert.Equal(Padded(Hex("0200000000aa 020000000001 88a2 1c 05 0001 00 01 00000001")), rig.Ask(Any(1, new byte[8], version: 0x20)));
        Assert.Equal(5, ErrorOf(rig.Ask(Any(0, new byte[12], version: 0))));
    }

    [Fact]
    public void Truncated_arguments_get_an_error()
    {
        using var rig = new AoeRig();
        Assert.Equal(2, ErrorOf(rig.Ask(Ata(Identify)[..35])));
        Assert.Equal(2, ErrorOf(rig.Ask(Config(0)[..31])));
        Assert.Equal(2, ErrorOf(rig.Ask(Mask(0, ClientMac)[..27])));
        Assert.Equal(2, ErrorOf(rig.Ask(Reserve(0, ClientMac)[..25])));
    }

    [Fact]
    public void What_is_for_somebody_else_is_dropped()
    {
        using var rig = new AoeRig();
        byte[] vlan = Config(0);
        vlan[12] = 0x81;
        vlan[13] = 0x00;
        rig.RequireSilence(
            Config(0)[..23],
            [],
            vlan,
            Config(0, destination: OtherMac),
            Config(0, destination: 0x0100_5e00_0001),
            Config(0, source: ServerMac),
            Config(0, source: Broadcast),
            Config(0, source: 0),
            Any(1, new byte[8], version: 0x18),
            Any(1, new byte[8], version: 0x28),
            Config(0, shelf: 2),
            Config(0, slot: 1),
            Config(0, shelf: 2, slot: 255),
            Config(0, shelf: 65535, slot: 1));
        Assert.Empty(rig.Port.TakeAll());
    }

    [Fact]
    public void A_broadcast_is_answered_by_each_target_with_its_own_address()
    {
        using var rig = new AoeRig();
        var device = new MemoryDevice(1 << 16);
        rig.Add(new AoeAddress(1, 3), device);
        rig.Add(new AoeAddress(700, 3), device);
        (int, int)[] Answers(ushort shelf, byte slot)
        {
            rig.Receive(Config(0, shelf: shelf, slot: slot, destination: Broadcast, tag: 99));
            return [.. rig.Port.TakeAll().Select(answer =>
            {
                Assert.Equal(99u, Tag(answer));
                return ((answer[16] << 8) | answer[17], (int)answer[18]);
            })];
        }

        Assert.Equal([(1, 0), (1, 3), (700, 3)], Answers(0xffff, 0xff));
        Assert.Equal([(1, 0), (1, 3)], Answers(1, 0xff));
        Assert.Equal([(1, 3), (700, 3)], Answers(0xffff, 3));
        Assert.Equal([(700, 3)], Answers(700, 3));
        rig.Receive(Ata(Identify, shelf: 0xffff, slot: 0xff));
        Assert.Equal(3, rig.Port.TakeAll().Length);
        rig.Receive(Ata(WriteSectors, 0, 1, new byte[512], shelf: 0xffff, slot: 0xff));
        Assert.Equal([2, 2, 2], rig.Port.TakeAll().Select(ErrorOf));
        Assert.Equal(0, device.WriteCallCount);
    }

    [Fact]
    public void Sectors_a_frame_follow_the_mtu_of_the_moment()
    {
        using var rig = new AoeRig();
        foreach ((int mtu, int sectors) in new[] { (1500, 2), (9000, 17), (65535, 127), (1500, 2) })
        {
            rig.Port.Mtu = mtu;
            Assert.Equal(sectors, rig.Ask(Config(0))[28]);
            Assert.Equal(36 + (sectors * 512), rig.Ask(Read(0, sectors)).Length);
            Assert.Equal(2, ErrorOf(rig.Ask(Read(0, sectors + 1))));
        }
    }

    [Fact]
    public void Data_shorter_than_the_count_says_is_refused_and_more_is_ignored()
    {
        using var rig = new AoeRig();
        byte[] two = new byte[1024];
        Assert.Equal(2, ErrorOf(rig.Ask(Ata(WriteExt, 0, 3, two))));
        Assert.Equal((0x41, 0x10), Registers(rig.Ask(Ata(WriteExt, 0, 0, two)))); // 65,536 sectors
        Assert.Equal(2, ErrorOf(rig.Ask(Ata(WriteSectors, 0, 0, two))));
        Assert.Equal(2, ErrorOf(rig.Ask(Ata(ReadSectors, 0, 0))));
        Assert.Equal(2, ErrorOf(rig.Ask(Ata(Trim, 0, 2, new byte[512], feature: 1))));
        Assert.Equal(0, rig.Memory.WriteCallCount);
        Assert.Equal(0, ErrorOf(rig.Ask(Ata(WriteExt, 0, 1, two))));
        byte[] probe = Ata(Identify, data: new byte[1464]);
        Assert.Equal(36 + 512, rig.Ask(probe).Length);
    }

    [Fact]
    public void The_access_list_of_the_configuration_shuts_others_out_without_an_answer()
    {
        using var rig = new AoeRig(new AoeTargetOptions { AllowedMacs = [new MacAddress(ClientMac)] });
        rig.RequireSilence(
            Config(0, source: OtherMac), Ata(Identify, source: OtherMac), Mask(1, OtherMac, (1, OtherMac)), Reserve(2, OtherMac));
        Assert.Equal(4, rig.Target.Counters.NotAdmitted);
    }

    [Fact]
    public void Targets_are_announced_to_everybody_or_to_whom_they_admit()
    {
        using var rig = new AoeRig();
        rig.Add(new AoeAddress(1, 1), rig.Memory, new AoeTargetOptions { AllowedMacs = [new MacAddress(OtherMac)] });
        rig.Server.Announce(rig.Port);
        byte[][] frames = rig.Port.TakeAll();
        Assert.Equal(Padded(Hex("ffffffffffff 020000000001 88a2 18 00 0001 00 01 00000000 0040 0001 02 10 0000")), frames[0]);
        Assert.Equal(Padded(Hex("0200000000bb 020000000001 88a2 18 00 0001 01 01 00000000 0040 0001 02 10 0000")), frames[1]);
        Assert.Equal(2, frames.Length);
    }

    private static byte[] Padded(byte[] frame) => frame.Length >= 60 ? frame : [.. frame, .. new byte[60 - frame.Length]];
}
