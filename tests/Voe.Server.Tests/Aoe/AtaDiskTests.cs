using System.Text;
using CsCheck;
using Voe.Server.Aoe;
using Voe.Server.Aoe.Ata;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>ATA: which registers a command leaves, whatever it was asked.</summary>
public sealed class AtaDiskTests
{
    private static readonly byte[] Known =
    [
        0x06, 0x20, 0x24, 0x25, 0x30, 0x34, 0x35, 0x40, 0x42, 0xb0, 0xc8, 0xca,
        0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xef,
    ];

    private static readonly byte[] Features = [1, 2, 0x82, 0xd0, 0xd8, 0xd9, 0xda];

    private static readonly Gen<(AtaRegisters Registers, long Sectors, bool IsReadOnly)> Commands =
        from command in Gen.OneOf(Gen.Byte, Gen.Int[0, Known.Length - 1].Select(i => Known[i]))
        from feature in Gen.OneOf(Gen.Byte, Gen.Int[0, Features.Length - 1].Select(i => Features[i]))
        from count in Gen.Byte
        from sectors in Gen.OneOf(Gen.Long[0, 300], Gen.Long[0, 1L << 48])
        from lba in Gen.OneOf(Gen.Long[0, 600], Gen.Long[0, (1L << 48) - 1], Gen.Const(0xc2_4f00L), Gen.Const(sectors))
        from isReadOnly in Gen.Bool
        select (new AtaRegisters(feature, count, command, (ulong)lba & 0xffff_ffff_ffff), sectors, isReadOnly);

    [Fact]
    public void No_command_reaches_beyond_the_end_or_changes_what_is_read_only() => Commands.Sample(static sample =>
    {
        (AtaRegisters registers, long sectors, bool isReadOnly) = sample;
        AtaRequest request = new AtaDisk(hasWriteCache: true).Begin(registers, sectors, isReadOnly);
        switch (request.Action)
        {
            case AtaAction.Read or AtaAction.Write or AtaAction.Verify:
                bool isExtended = registers.Command is 0x24 or 0x25 or 0x34 or 0x35 or 0x42;
                long first = (long)registers.Lba & (isExtended ? 0xffff_ffff_ffff : 0x0fff_ffff);
                int count = registers.Count != 0 ? registers.Count : isExtended ? 65536 : 256;
                Assert.Equal((first, count), (request.Sector, request.SectorCount));
                Assert.True(first + count <= sectors);
                Assert.False(isReadOnly && request.Action == AtaAction.Write);
                break;
            case AtaAction.Trim:
                Assert.False(isReadOnly);
                Assert.Equal(1, registers.Feature);
                Assert.Equal(registers.Count, request.SectorCount);
                break;
            case AtaAction.Answer:
                RequireFinal(registers, request.Registers, sectors);
                break;
            default:
                Assert.Equal(registers, request.Registers);
                break;
        }
    });

    private static void RequireFinal(AtaRegisters before, AtaRegisters after, long sectors)
    {
        switch ((after.Command, after.Feature))
        {
            case (0x40, 0) or (0x41, 0x04):
                Assert.Equal(before.Lba, after.Lba);
                break;
            case (0x41, 0x10):
                // The first sector that is not there.
                Assert.True((long)after.Lba >= sectors);
                Assert.True((long)after.Lba == sectors || after.Lba == before.Lba || after.Lba == (before.Lba & 0x0fff_ffff));
                break;
            default:
                Assert.Fail($"status {after.Command:x2}, error {after.Feature:x2}");
                break;
        }
    }

    [Fact]
    public void What_it_does_not_know_is_aborted()
    {
        using var rig = new AoeRig();
        for (int command = 0; command < 256; command++)
        {
            if (!Known.Contains((byte)command))
            {
                Assert.Equal((0x41, 0x04), Registers(rig.Ask(Ata((byte)command, 0, 1))));
            }
        }
    }

    [Theory]
    [InlineData(0x20, 0x30)]
    [InlineData(0xc8, 0xca)]
    [InlineData(0x24, 0x34)]
    [InlineData(0x25, 0x35)]
    public void Every_read_returns_what_every_write_wrote(byte read, byte write)
    {
        using var rig = new AoeRig();
        byte[] data = [.. Enumerable.Range(0, 1024).Select(i => (byte)(i % 251))];
        Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(write, 77, 2, data))));
        Assert.Equal(data, Data(rig.Ask(Ata(read, 77, 2))));
        Assert.Equal(data, rig.Memory.Bytes.Slice(77 * 512, 1024));
    }

    [Fact]
    public void Only_48_bit_commands_reach_beyond_2_to_the_28_sectors()
    {
        var disk = new AtaDisk(hasWriteCache: false);
        const ulong Lba = (1UL << 28) + 5;
        Assert.Equal(5, disk.Begin(new AtaRegisters(0, 1, 0x20, Lba), 1L << 40, isReadOnly: false).Sector);
        Assert.Equal((long)Lba, disk.Begin(new AtaRegisters(0, 1, 0x24, Lba), 1L << 40, isReadOnly: false).Sector);
    }

    [Fact]
    public void Without_the_flag_for_48_bits_the_upper_registers_are_not_read()
    {
        using var rig = new AoeRig();
        byte[] frame = Read(5, 1);
        frame[24] = 0;
        frame[31] = 0xe0;
        frame[32] = 0xff;
        Assert.Equal((0x40, 0), Registers(rig.Ask(frame)));
    }

    [Fact]
    public void Verify_reads_and_says_where_it_failed()
    {
        using var rig = new AoeRig();
        Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(Verify, 0, 0)))); // 256 sectors
        Assert.Equal((0x41, 0x10), Registers(rig.Ask(Ata(VerifyExt, 0, 0)))); // 65,536, more than there are
        rig.Memory.BeforeRead = static (offset, length) =>
        {
            if (offset <= 40_960 && offset + length > 40_960)
            {
                throw new Store.StoreDamagedException("pack 3");
            }
        };
        byte[] answer = rig.Ask(Ata(Verify, 3, 100));
        Assert.Equal((0x41, 0x40), Registers(answer));
        Assert.Equal(80, Lba(answer) & 0x0fff_ffff);
        Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(Verify, 3, 77))));
    }

    [Fact]
    public void Trims_zero_their_ranges_and_refuse_what_is_no_trim()
    {
        using var rig = new AoeRig();
        rig.Memory.Bytes.Fill(1);
        Assert.Equal((0x40, 0), Registers(rig.Ask(TrimOf((8, 8), (0, 0), (100, 1), (101, 1)))));
        Assert.Equal(10 * 512, rig.Memory.Bytes.Count((byte)0));
        Assert.False(rig.Memory.Bytes.Slice(8 * 512, 8 * 512).ContainsAnyExcept((byte)0));
        Assert.Equal(1, rig.Memory.FlushCount);
        byte[] other = TrimOf((0, 8));
        other[25] = 0;
        Assert.Equal((0x41, 0x04), Registers(rig.Ask(other)));
        byte[] beyond = rig.Ask(TrimOf((0, 8), (2040, 9)));
        Assert.Equal((0x41, 0x10), Registers(beyond));
        Assert.Equal(2048, Lba(beyond));
        Assert.Equal(10 * 512, rig.Memory.Bytes.Count((byte)0));
    }

    [Fact]
    public void Ranges_that_adjoin_are_one_trim()
    {
        using var rig = new AoeRig(device: new MemoryDevice(64 << 20));
        var trims = new List<(long, long)>();
        ((MemoryDevice)rig.Target.Export.Device).BeforeZero = (offset, length, _) => trims.Add((offset, length));
        rig.Ask(TrimOf((2, 65535), (65537, 65535), (0, 2)));
        Assert.Equal([(2 * 512L, 131_070 * 512L), (0, 2 * 512L)], trims);
    }

    [Fact]
    public void Power_commands_answer_as_a_disk_and_standby_flushes()
    {
        using var rig = new AoeRig();
        byte Mode() => rig.Ask(Ata(CheckPower))[26];
        Assert.Equal(0xff, Mode());
        foreach ((byte command, byte mode, int flushes) in new (byte, byte, int)[]
            { (0xe1, 0x80, 0), (0xe3, 0x80, 0), (0xe0, 0, 1), (0xe2, 0, 1), (0xe6, 0, 1) })
        {
            int before = rig.Memory.FlushCount;
            Assert.Equal((0x40, 0), Registers(rig.Ask(Ata(command))));
            Assert.Equal(mode, Mode());
            Assert.Equal(before + flushes, rig.Memory.FlushCount);
            rig.Ask(Read(0, 1));
            Assert.Equal(0xff, Mode());
        }
    }

    [Fact]
    public void Smart_answers_as_a_healthy_disk()
    {
        using var rig = new AoeRig();
        byte[] Ask(byte feature, long key = 0xc2_4f00) => rig.Ask(Ata(Smart, key, feature: feature));
        byte[] status = Ask(0xda);
        Assert.Equal((0x40, 0), Registers(status));
        Assert.Equal(0xc2_4f00, Lba(status) & 0xff_ff00);
        foreach (byte feature in new byte[] { 0xd0, 0xd1 })
        {
            byte[] data = Data(Ask(feature));
            Assert.Equal(512, data.Length);
            Assert.Equal(0, (byte)data.Sum(value => value));
            Assert.Equal(0x10, data[0]);
        }

        Assert.Equal((0x41, 0x04), Registers(Ask(0xda, key: 0)));
        Assert.Equal((0x41, 0x04), Registers(Ask(0xd5)));
        Assert.Equal(1, Data(rig.Ask(Ata(Identify)))[85 * 2] & 1);
        Assert.Equal((0x40, 0), Registers(Ask(0xd9)));
        Assert.Equal(0, Data(rig.Ask(Ata(Identify)))[85 * 2] & 1);
        Assert.Equal((0x41, 0x04), Registers(Ask(0xda)));
        Assert.Equal((0x40, 0), Registers(Ask(0xd8)));
        Assert.Equal((0x40, 0), Registers(Ask(0xda)));
    }

    [Theory]
    [InlineData(0x03, true)]
    [InlineData(0x55, true)]
    [InlineData(0xaa, true)]
    [InlineData(0x82, true)]
    [InlineData(0x66, true)]
    [InlineData(0x05, false)]
    [InlineData(0x10, false)]
    public void Features_are_set_where_they_are_true_or_without_meaning(byte feature, bool isAccepted)
    {
        using var rig = new AoeRig();
        Assert.Equal(isAccepted ? (0x40, 0) : (0x41, 0x04), Registers(rig.Ask(Ata(SetFeatures, feature: feature))));
    }

    [Theory]
    [InlineData(2048, 2048, 2048)]
    [InlineData(1L << 30, 0x0fff_ffff, 1L << 30)]
    [InlineData(0xffff_ffff_ffff, 0x0fff_ffff, 0xffff_ffff_ffff)]
    public void Identity_has_both_sizes(long sectors, uint size28, long size48)
    {
        byte[] identity = new byte[512];
        new AtaIdentity { Sectors = sectors, Serial = "s", Firmware = "f", Model = "m", Disk = new AtaDisk(false) }.Write(identity);
        Assert.Equal(size28, BitConverter.ToUInt32(identity, 60 * 2));
        Assert.Equal(size48, BitConverter.ToInt64(identity, 100 * 2));
    }

    [Fact]
    public void Identity_tells_of_the_disk_word_by_word()
    {
        using var rig = new AoeRig(new AoeTargetOptions { SerialNumber = "SN-0123456789" });
        byte[] identity = Data(rig.Ask(Ata(Identify)));
        ushort Word(int word) => BitConverter.ToUInt16(identity, word * 2);
        string Text(int word, int length) => Encoding.ASCII.GetString(
            [.. Enumerable.Range(0, length).Select(i => identity[(word * 2) + (i ^ 1)])]);

        Assert.Equal(0, (byte)identity.Sum(value => value));
        Assert.Equal(0xa5, identity[510]);
        Assert.Equal("SN-0123456789       ", Text(10, 20));
        Assert.Equal("0.1.0   ", Text(23, 8));
        Assert.Equal("VoE volume".PadRight(40), Text(27, 40));
        Assert.Equal(0x0300, Word(49) & 0x0300); // LBA, DMA
        Assert.Equal(0x7400, Word(83)); // 48-bit, both flushes
        Assert.Equal(0x3400, Word(86));
        Assert.Equal(0x6003, Word(106)); // 8 logical sectors in a physical one
        Assert.Equal(1, Word(169)); // trim
        Assert.Equal(0x4020, Word(69)); // and zeroes afterwards
        Assert.Equal(2, Word(105)); // as many blocks as a frame takes
        Assert.Equal(0, Word(85) & 0x20); // no write cache
        rig.Port.Mtu = 9000;
        identity = Data(rig.Ask(Ata(Identify)));
        Assert.Equal(17, Word(105));
        using var cached = new AoeRig(new AoeTargetOptions { Durability = AoeDurability.Process });
        identity = Data(cached.Ask(Ata(Identify)));
        Assert.Equal((0x20, 0x20), (Word(82) & 0x20, Word(85) & 0x20));
    }

    [Fact]
    public void A_serial_number_follows_from_the_name_alone()
    {
        using var rig = new AoeRig();
        AoeTarget other = rig.Add(new AoeAddress(9, 9), rig.Memory);
        Assert.Equal(20, rig.Target.Serial.Length);
        Assert.NotEqual(rig.Target.Serial, other.Serial, StringComparer.Ordinal);
        using var again = new AoeRig();
        Assert.Equal(rig.Target.Serial, again.Target.Serial);
    }
}
