using Voe.Server.Aoe;
using Voe.Store;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>What an initiator is told when the device fails, and that one bad sector fails no other frame.</summary>
public sealed class FailureTests
{
    public static TheoryData<Exception, byte, byte> ReadFailures => new()
    {
        { new StoreDamagedException("pack 3"), 0x41, 0x40 },
        { new StoreIOException("no answer"), 0x41, 0x40 },
        { new StoreFailedException("closed"), 0x61, 0x04 },
        { new RequestOutOfRangeException("shrank"), 0x41, 0x10 },
        { new InvalidOperationException("a bug"), 0x61, 0x04 },
    };

    public static TheoryData<Exception, byte, byte> WriteFailures => new()
    {
        { new StoreFullException("full"), 0x41, 0x04 },
        { new StoreIOException("no answer"), 0x61, 0x04 },
        { new StoreDamagedException("pack 3"), 0x61, 0x04 },
        { new StoreFailedException("closed"), 0x61, 0x04 },
        { new DeviceReadOnlyException("read-only"), 0x41, 0x04 },
        { new RequestOutOfRangeException("shrank"), 0x41, 0x10 },
        { new InvalidOperationException("a bug"), 0x61, 0x04 },
    };

    [Theory]
    [MemberData(nameof(ReadFailures), DisableDiscoveryEnumeration = true)]
    public void Failed_reads_say_what_a_disk_would(Exception failure, byte status, byte error)
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeRead = (_, _) => throw failure;
        byte[] answer = rig.Ask(Read(17, 1));
        Assert.Equal((status, error), Registers(answer));
        Assert.Equal(17, Lba(answer));
        Assert.Equal(60, answer.Length);
        Assert.Contains(rig.Log.Lines, line => line.Contains(failure.Message, StringComparison.Ordinal));
        Assert.Equal((status, error), Registers(rig.Ask(Ata(VerifyExt, 17, 1))));
    }

    [Theory]
    [MemberData(nameof(WriteFailures), DisableDiscoveryEnumeration = true)]
    public void Failed_writes_say_what_a_disk_would(Exception failure, byte status, byte error)
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeWrite = (_, _) => throw failure;
        byte[] answer = rig.Ask(Write(17, new byte[512]));
        Assert.Equal((status, error), Registers(answer));
        Assert.Equal(17, Lba(answer));
    }

    [Fact]
    public void A_deleted_volume_is_unavailable()
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeRead = static (_, _) => throw new VolumeDeletedException("gone");
        rig.Memory.BeforeWrite = static (_, _) => throw new VolumeDeletedException("gone");
        Assert.Equal(3, ErrorOf(rig.Ask(Read(0, 1))));
        Assert.Equal(3, ErrorOf(rig.Ask(Write(0, new byte[512]))));
    }

    [Fact]
    public void One_damaged_chunk_fails_only_the_frames_that_touch_it()
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeRead = static (offset, length) =>
        {
            if (offset < 4096 && offset + length > 3584)
            {
                throw new StoreDamagedException("pack 3");
            }
        };
        rig.Receive([.. Enumerable.Range(0, 10).Select(i => Read(i, 1, tag: (uint)i))]);
        byte[][] answers = rig.Port.TakeAll();
        Assert.Equal(10, answers.Length);
        Assert.All(answers, static answer => Assert.Equal(Tag(answer) == 7 ? (0x41, 0x40) : (0x40, 0), Registers(answer)));
    }

    [Fact]
    public void One_write_that_fails_fails_no_other_of_its_group()
    {
        using var rig = new AoeRig();
        rig.Memory.BeforeWrite = static (offset, length) =>
        {
            if (offset <= 2048 && offset + length > 2048)
            {
                throw new StoreDamagedException("pack 3");
            }
        };
        rig.Receive([.. Enumerable.Range(0, 10).Select(i => Write(i, [.. Enumerable.Repeat((byte)(i + 1), 512)], tag: (uint)i))]);
        byte[][] answers = rig.Port.Take(10);
        Assert.All(answers, static answer => Assert.Equal(Tag(answer) == 4 ? (0x61, 0x04) : (0x40, 0), Registers(answer)));
        Assert.Equal([1, 2, 3, 4, 0, 6, 7, 8, 9, 10], Enumerable.Range(0, 10).Select(i => rig.Memory.Bytes[i * 512]));
    }

    [Fact]
    public void A_read_only_device_aborts_what_changes_it_and_says_so_in_its_identity()
    {
        using var rig = new AoeRig(device: new MemoryDevice(1 << 20, isReadOnly: true));
        Assert.Equal((0x41, 0x04), Registers(rig.Ask(Write(0, new byte[512]))));
        Assert.Equal((0x41, 0x04), Registers(rig.Ask(Ata(WriteSectors, 0, 1, new byte[512]))));
        Assert.Equal((0x41, 0x04), Registers(rig.Ask(TrimOf((0, 8)))));
        Assert.Equal((0x40, 0), Registers(rig.Ask(Read(0, 1))));
        Assert.Equal(0, Data(rig.Ask(Ata(Identify)))[169 * 2]);
    }

    [Fact]
    public void The_end_is_where_the_device_ends_now()
    {
        using var rig = new AoeRig();
        byte[] answer = rig.Ask(Read(2047, 2));
        Assert.Equal((0x41, 0x10), Registers(answer));
        Assert.Equal(2048, Lba(answer));
        Assert.Equal((0x40, 0), Registers(rig.Ask(Read(2047, 1))));
        rig.Memory.Shrink(1 << 19);
        Assert.Equal((0x41, 0x10), Registers(rig.Ask(Read(2047, 1))));
        Assert.Equal((0x41, 0x10), Registers(rig.Ask(TrimOf((0, 8), (1020, 5)))));
        Assert.Equal(1024, BitConverter.ToInt32(Data(rig.Ask(Ata(Identify))), 60 * 2));
    }

    [Fact]
    public void Impossible_targets_are_refused_with_what_is_possible()
    {
        var export = new Voe.Server.Exports.Export("d", new MemoryDevice(4096), "");
        AoeTarget Make(AoeAddress address, AoeTargetOptions options) =>
            new(address, export, options, new Nbd.CollectingLogger(), TimeProvider.System);
        Check("65534.254", new AoeAddress(65535, 0), new AoeTargetOptions());
        Check("65534.254", new AoeAddress(1, 255), new AoeTargetOptions());
        Check("1 to 1024", new AoeAddress(1, 0), new AoeTargetOptions { BufferCount = 0 });
        Check("1025 bytes", new AoeAddress(1, 0), new AoeTargetOptions { ConfigString = new byte[1025] });
        Check("serial", new AoeAddress(1, 0), new AoeTargetOptions { SerialNumber = new string('x', 21) });
        Check("serial", new AoeAddress(1, 0), new AoeTargetOptions { SerialNumber = "ä" });

        void Check(string expected, AoeAddress address, AoeTargetOptions options) =>
            Assert.Contains(
                expected, Assert.Throws<ArgumentException>(() => { Make(address, options); }).Message, StringComparison.Ordinal);
    }
}
