using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Store.Tests.Devices;

/// <summary>A device under test, full of zeroes at first.</summary>
public interface IDeviceLab : IDisposable
{
    /// <summary>The device, open now.</summary>
    IBlockDevice Device { get; }

    /// <summary>Whether what was never written, or was trimmed, is told to be a hole.</summary>
    bool TellsHoles { get; }

    /// <summary>Closes the device and opens it again.</summary>
    void Reopen();
}

/// <summary>What <see cref="IBlockDevice"/> promises: one suite for every device. The size is that of the lab.</summary>
public abstract class DeviceContract
{
    private const int Page = 4096;

    /// <summary>A new device of a MiB or so.</summary>
    protected abstract IDeviceLab Create();

    private static int Rounds => Environment.GetEnvironmentVariable("VOE_TEST_LONG") == "1" ? 200 : 12;

    [Fact]
    public void Any_sequence_of_operations_reads_as_a_byte_array_would() => Schedules.Run(Rounds, seed =>
    {
        var random = new Random(seed);
        using IDeviceLab lab = Create();
        byte[] model = new byte[lab.Device.Size];
        for (int step = 0; step < 60; step++)
        {
            Step(random, lab, model);
        }

        RequireContent(lab.Device, model);
        lab.Device.Flush();
        lab.Reopen();
        RequireContent(lab.Device, model);
        RequireExtents(lab.Device, model, random);
    });

    [Fact]
    public void Writers_of_ranges_that_meet_inside_a_block_lose_none_of_their_neighbours_bytes() => Schedules.Run(Rounds / 3, seed =>
    {
        const int length = (8 * Page) - 2560;
        using IDeviceLab lab = Create();
        byte[] model = new byte[lab.Device.Size];
        int[] seeds = [.. Enumerable.Range(0, 4).Select(thread => seed + (thread << 16))];
        Parallel.For(0, seeds.Length, new ParallelOptions { MaxDegreeOfParallelism = seeds.Length }, thread =>
        {
            var random = new Random(seeds[thread]);
            for (int i = 0; i < 60; i++)
            {
                int count = random.Next(1, length / 2);
                int offset = random.Next(length - count);
                Change(random, lab.Device, model, (thread * length) + offset, count);
            }
        });
        RequireContent(lab.Device, model);
    });

    [Fact]
    public void Writer_of_a_few_bytes_never_undoes_a_writer_of_the_whole_block()
    {
        const int rounds = 2000;
        using IDeviceLab lab = Create();
        using var barrier = new Barrier(2);
        byte[] whole = new byte[Page];
        byte[] part = new byte[100];
        var small = new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                Array.Fill(part, (byte)(i + 7));
                barrier.SignalAndWait();
                lab.Device.Write([new BlockWrite(Page + 500, part)]);
                barrier.SignalAndWait();
            }
        });
        small.Start();
        byte[] found = new byte[Page];
        int lost = -1;
        for (int i = 0; i < rounds; i++)
        {
            Array.Fill(whole, (byte)i);
            barrier.SignalAndWait();
            lab.Device.Write([new BlockWrite(Page, whole)]);
            barrier.SignalAndWait();
            lab.Device.Read([new BlockRead(Page, found)]);
            bool isWhole = !found.AsSpan(0, 500).ContainsAnyExcept((byte)i) && !found.AsSpan(600).ContainsAnyExcept((byte)i);
            bool isOne = !found.AsSpan(500, 100).ContainsAnyExcept(found[500]) && (found[500] == (byte)i || found[500] == (byte)(i + 7));
            lost = lost < 0 && !(isWhole && isOne) ? i : lost;
        }

        small.Join();
        Assert.Equal(-1, lost);
    }

    [Fact]
    public void Request_outside_is_refused_and_changes_nothing()
    {
        using IDeviceLab lab = Create();
        IBlockDevice device = lab.Device;
        byte[] data = [.. Enumerable.Repeat((byte)1, 10)];
        (long Offset, int Length)[] outside = [(-1, 1), (device.Size, 1), (device.Size - 9, 10), (long.MaxValue, 10), (long.MinValue, 1)];
        foreach ((long offset, int length) in outside)
        {
            Assert.Throws<RequestOutOfRangeException>(() => device.Write([new(0, data), new(offset, data.AsMemory(0, length))]));
            Assert.Throws<RequestOutOfRangeException>(() => device.Read([new(offset, new byte[length])]));
            Assert.Throws<RequestOutOfRangeException>(() => device.Trim(offset, length));
            Assert.Throws<RequestOutOfRangeException>(() => device.WriteZeroes(offset, length, mayTrim: false));
            Assert.Throws<RequestOutOfRangeException>(() => device.GetExtents(offset, length, new DeviceExtent[1]));
        }

        Assert.Throws<RequestOutOfRangeException>(() => device.Trim(10, -1));
        Assert.Throws<RequestOutOfRangeException>(() => device.Trim(10, long.MaxValue));
        RequireContent(device, new byte[device.Size]);
    }

    [Fact]
    public void Empty_requests_do_nothing()
    {
        using IDeviceLab lab = Create();
        lab.Device.Write([]);
        lab.Device.Write([new BlockWrite(lab.Device.Size, default)]);
        lab.Device.Read([]);
        lab.Device.Read([new BlockRead(17, Memory<byte>.Empty)]);
        lab.Device.Trim(lab.Device.Size, 0);
        lab.Device.WriteZeroes(17, 0, mayTrim: false);
        Assert.Equal(0, lab.Device.GetExtents(17, 0, new DeviceExtent[1]));
    }

    [Fact]
    public void Holes_are_told_where_the_device_knows_them()
    {
        using IDeviceLab lab = Create();
        Assert.SkipUnless(lab.TellsHoles, "this device does not tell holes");
        const int block = 64 << 10; // as large as the blocks of any file system
        byte[] data = [.. Enumerable.Repeat((byte)9, 2 * block)];
        Assert.Equal([new(0, 8 * block, ExtentKind.Hole)], Extents(lab.Device, 0, 8 * block));
        lab.Device.Write([new BlockWrite(block, data), new BlockWrite(5 * block, data)]);
        lab.Device.Flush();
        Assert.Equal(
            [
                new(0, block, ExtentKind.Hole), new(block, 2 * block, ExtentKind.Data), new(3 * block, 2 * block, ExtentKind.Hole),
                new(5 * block, 2 * block, ExtentKind.Data), new(7 * block, block, ExtentKind.Hole),
            ],
            Extents(lab.Device, 0, 8 * block));
        lab.Device.Trim(block, block);
        lab.Device.WriteZeroes(5 * block, block, mayTrim: true);
        Assert.Equal(
            [
                new(100, (2 * block) - 100, ExtentKind.Hole), new(2 * block, block, ExtentKind.Data),
                new(3 * block, 3 * block, ExtentKind.Hole), new(6 * block, 10, ExtentKind.Data),
            ],
            Extents(lab.Device, 100, (6 * block) - 90));
        Assert.Equal(1, lab.Device.GetExtents(0, 8 * block, new DeviceExtent[1]));
    }

    private static DeviceExtent[] Extents(IBlockDevice device, long offset, long length)
    {
        var extents = new DeviceExtent[100];
        return extents[..device.GetExtents(offset, length, extents)];
    }

    private static void Step(Random random, IDeviceLab lab, byte[] model)
    {
        IBlockDevice device = lab.Device;
        int kind = random.Next(20);
        if (kind == 0)
        {
            device.Flush();
        }
        else if (kind == 1)
        {
            lab.Reopen();
        }
        else if (kind < 6)
        {
            BlockRead[] reads = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ =>
            {
                (int offset, int length) = Range(random, model.Length);
                return new BlockRead(offset, new byte[length]);
            })];
            device.Read(reads);
            Assert.All(reads, read => Assert.True(
                read.Buffer.Span.SequenceEqual(model.AsSpan((int)read.Offset, read.Buffer.Length)), $"{read.Offset}+{read.Buffer.Length}"));
        }
        else
        {
            (int offset, int length) = Range(random, model.Length);
            Change(random, device, model, offset, length);
        }
    }

    private static void Change(Random random, IBlockDevice device, byte[] model, int offset, int length)
    {
        Span<byte> changed = model.AsSpan(offset, length);
        switch (random.Next(6))
        {
            case 0:
                device.Trim(offset, length);
                changed.Clear();
                break;
            case 1:
                device.WriteZeroes(offset, length, mayTrim: random.Next(2) == 0);
                changed.Clear();
                break;
            default:
                random.NextBytes(changed);

                // In up to three pieces, in an order of its own: a group is a set.
                int first = random.Next(length + 1);
                int second = random.Next(first, length + 1);
                byte[] data = changed.ToArray();
                device.Write(
                [
                    new BlockWrite(offset + second, data.AsMemory(second)), new BlockWrite(offset, data.AsMemory(0, first)),
                    new BlockWrite(offset + first, data.AsMemory(first, second - first)),
                ]);
                break;
        }
    }

    private static (int Offset, int Length) Range(Random random, int size)
    {
        int length = random.Next(3) switch
        {
            0 => random.Next(1, 600),
            1 => random.Next(1, 9) * Page,
            _ => random.Next(1, size / 3),
        };
        int offset = random.Next(size - length + 1);
        return (random.Next(2) == 0 ? offset : offset / Page * Page, length);
    }

    private static void RequireContent(IBlockDevice device, byte[] model)
    {
        byte[] found = new byte[model.Length];
        device.Read([new BlockRead(0, found)]);
        int at = found.AsSpan().CommonPrefixLength(model);
        Assert.True(at == model.Length, at == model.Length ? "" : $"byte {at}: expected {model[at]}, found {found[at]}");
    }

    private static void RequireExtents(IBlockDevice device, byte[] model, Random random)
    {
        long offset = random.Next(model.Length / 2);
        long end = offset + random.Next(1, model.Length / 2);
        var extents = new DeviceExtent[3];
        while (offset < end)
        {
            int count = device.GetExtents(offset, end - offset, extents);
            Assert.NotEqual(0, count);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(offset, extents[i].Offset);
                Assert.True(i == 0 || extents[i].Kind != extents[i - 1].Kind);
                Assert.InRange(extents[i].Length, 1, end - offset);
                Assert.True(
                    extents[i].Kind == ExtentKind.Data
                        || !model.AsSpan((int)offset, (int)extents[i].Length).ContainsAnyExcept((byte)0),
                    $"a hole of {extents[i].Length} bytes at {offset} has data");
                offset += extents[i].Length;
            }
        }
    }
}
