using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class TransmissionTests
{
    private const uint NotPermitted = 1;
    private const uint InputOutput = 5;
    private const uint Invalid = 22;
    private const uint NoSpace = 28;
    private const uint Shutdown = 108;
    private const int MiB = 1 << 20;

    private readonly MemoryDevice _device = new(64 * MiB);

    public static TheoryData<int> PayloadLengths =>
        [0, 1, 511, 4096, 65_536, MiB - 28, MiB, MiB + 1, MiB + (64 << 10) - 28, MiB + (64 << 10) - 27, (3 * MiB) + 7, 32 * MiB];

    private static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [MemberData(nameof(PayloadLengths))]
    public void Data_comes_back_as_it_was_written_whatever_its_length(int length)
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        byte[] data = Pattern(length, length);
        Assert.Equal(0u, client.DoWrite(12_345, data));
        Assert.Equal(data, client.DoRead(12_345, length));
        Assert.True(data.AsSpan().SequenceEqual(_device.Bytes.Slice(12_345, length)));
        Assert.False(_device.Bytes[..12_345].ContainsAnyExcept((byte)0));
        Assert.False(_device.Bytes[(12_345 + length)..].ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Streamed_write_is_cut_at_block_borders_only()
    {
        var cuts = new List<long>();
        _device.BeforeWrite = (offset, length) => cuts.Add(offset + length);
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.DoWrite(1000, Pattern(5 * MiB, 1)));
        Assert.True(cuts.Count > 1);
        Assert.All(cuts.SkipLast(1), cut => Assert.Equal(0, cut % 4096));
        Assert.Equal(1000 + (5 * MiB), cuts[^1]);
    }

    [Fact]
    public void Requests_that_come_together_go_to_the_device_as_one_group_of_each_kind()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        var batch = new List<byte>();
        for (ulong i = 0; i < 10; i++)
        {
            batch.AddRange(NbdClient.Request(NbdClient.Write, i * 4096, 4096, i, 0, Pattern(4096, (int)i)));
            batch.AddRange(NbdClient.Request(NbdClient.Read, (64 + i) * 4096, 4096, 100 + i));
        }

        client.Send([.. batch]);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(0u, client.ReceiveReply(cookie => cookie >= 100 ? 4096 : 0).Error);
        }

        // The first part of the batch may have been received alone, but not every request by itself.
        Assert.InRange(_device.WriteCallCount, 1, 5);
        Assert.InRange(_device.ReadCallCount, 1, 5);
    }

    [Fact]
    public void Requests_may_arrive_in_any_pieces()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        byte[] bytes = [.. NbdClient.Request(NbdClient.Write, 5, 3, 1, 0, [7, 8, 9]), .. NbdClient.Request(NbdClient.Read, 4, 5, 2)];
        foreach (byte one in bytes)
        {
            client.Send([one]);
        }

        Assert.Equal(1ul, client.ReceiveReply().Cookie);
        Assert.Equal([0, 7, 8, 9, 0], client.ReceiveReply(_ => 5).Data);
    }

    [Fact]
    public void Flush_reaches_the_device()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.Do(NbdClient.Flush, 0, 0).Error);
        Assert.Equal(1, _device.FlushCount);
    }

    [Theory]
    [InlineData(NbdClient.Write, 512)]
    [InlineData(NbdClient.Write, 3 * MiB)]
    [InlineData(NbdClient.Trim, 4096)]
    [InlineData(NbdClient.Trim, 32 * MiB)]
    [InlineData(NbdClient.WriteZeroes, 4096)]
    [InlineData(NbdClient.WriteZeroes, 32 * MiB)]
    public void Fua_flushes_before_the_reply_and_without_it_nothing_is_flushed(ushort command, int length)
    {
        byte[] payload = command == NbdClient.Write ? new byte[length] : [];
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.Do(command, 0, length, 0, payload).Error);
        Assert.Equal(0, _device.FlushCount);
        Assert.Equal(0u, client.Do(command, 0, length, NbdClient.Fua, payload).Error);
        Assert.Equal(1, _device.FlushCount);
    }

    [Fact]
    public void Fua_on_commands_that_change_nothing_is_taken()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.Do(NbdClient.Read, 0, 512, NbdClient.Fua).Error);
        Assert.Equal(0u, client.Do(NbdClient.Flush, 0, 0, NbdClient.Fua).Error);
    }

    [Theory]
    [InlineData(NbdClient.Trim, 0, true)]
    [InlineData(NbdClient.WriteZeroes, 0, true)]
    [InlineData(NbdClient.WriteZeroes, NbdClient.NoHole, false)]
    public void Trim_and_write_zeroes_tell_the_device_whether_a_hole_will_do(ushort command, ushort flags, bool mayTrim)
    {
        (long, long, bool)? seen = null;
        _device.Bytes.Fill(255);
        _device.BeforeZero = (offset, length, hole) => seen = (offset, length, hole);
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.Do(command, 100, 50, flags).Error);
        Assert.Equal((100L, 50L, mayTrim), seen);
        Assert.Equal(50, _device.Bytes.Count((byte)0));
    }

    [Fact]
    public void Trim_may_be_larger_than_any_payload()
    {
        var huge = new HugeDevice();
        using var server = new TestServer(("huge", huge));
        using NbdClient client = server.Connect();
        Assert.Equal(HugeDevice.HugeSize, client.Size);
        Assert.Equal(0u, client.Do(NbdClient.Trim, 2L << 50, 0xfffff000).Error);
        Assert.Equal((2L << 50, 0xfffff000L), huge.LastZeroed);
    }

    [Theory]
    [InlineData(NbdClient.Read, 64 * MiB, 1, Invalid)]
    [InlineData(NbdClient.Read, (64 * MiB) - 1, 2, Invalid)]
    [InlineData(NbdClient.Read, -1, 1, Invalid)]
    [InlineData(NbdClient.Read, 0, (32 * MiB) + 1, Invalid)]
    [InlineData(NbdClient.Write, (64 * MiB) - 1, 2, NoSpace)]
    [InlineData(NbdClient.Write, long.MaxValue, 512, NoSpace)]
    [InlineData(NbdClient.Write, 63 * MiB, 2 * MiB, NoSpace)]
    [InlineData(NbdClient.WriteZeroes, 64 * MiB, 1, NoSpace)]
    [InlineData(NbdClient.Trim, 64 * MiB, 1, Invalid)]
    [InlineData(NbdClient.Flush, 1, 0, Invalid)]
    [InlineData(NbdClient.Flush, 0, 1, Invalid)]
    [InlineData(NbdClient.Cache, 64 * MiB, 1, Invalid)]
    [InlineData(NbdClient.BlockStatus, 0, 512, Invalid)] // no context was chosen, and replies are simple
    [InlineData(5000, 0, 512, Invalid)]
    [InlineData(0xffff, 0, 0, Invalid)]
    public void Request_that_cannot_be_is_refused_and_the_connection_lives_on(int command, long offset, int length, uint error)
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        byte[] payload = command == NbdClient.Write ? Pattern(length, 1) : [];
        Assert.Equal(error, client.Do((ushort)command, offset, length, 0, payload).Error);
        Assert.Equal(0, _device.WriteCallCount + _device.ReadCallCount + _device.FlushCount);
        Assert.Equal(0u, client.DoWrite(0, [1]));
        Assert.Equal([1], client.DoRead(0, 1));
    }

    [Theory]
    [InlineData(NbdClient.Read, 2)]
    [InlineData(NbdClient.Read, 4)] // DF, which belongs to structured replies
    [InlineData(NbdClient.Write, 2)]
    [InlineData(NbdClient.WriteZeroes, 8)]
    [InlineData(NbdClient.Cache, 2)]
    [InlineData(NbdClient.Write, 32)] // PAYLOAD_LEN, which belongs to extended headers
    [InlineData(NbdClient.Trim, 2)]
    [InlineData(NbdClient.Flush, 0x8000)]
    public void Flag_that_does_not_belong_to_the_command_is_invalid(ushort command, ushort flags)
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        int length = command == NbdClient.Flush ? 0 : 512;
        Assert.Equal(Invalid, client.Do(command, 0, length, flags, command == NbdClient.Write ? new byte[512] : []).Error);
        Assert.Equal(0u, client.Do(NbdClient.Flush, 0, 0).Error);
    }

    [Theory]
    [InlineData(NbdClient.Write, 512)]
    [InlineData(NbdClient.Write, 2 * MiB)]
    [InlineData(NbdClient.Trim, 512)]
    [InlineData(NbdClient.WriteZeroes, 512)]
    public void Change_of_a_read_only_export_is_not_permitted(ushort command, int length)
    {
        using var server = new TestServer(("r", new MemoryDevice(4 * MiB, isReadOnly: true)));
        using NbdClient client = server.Connect();
        Assert.Equal(NotPermitted, client.Do(command, 0, length, 0, command == NbdClient.Write ? new byte[length] : []).Error);
        Assert.Equal(512, client.DoRead(0, 512).Length);
    }

    public static TheoryData<Exception, uint> Failures => new()
    {
        { new StoreFullException("full"), NoSpace },
        { new StoreIOException("bad disk"), InputOutput },
        { new StoreFailedException("failed"), InputOutput },
        { new StoreDamagedException("damaged"), InputOutput },
        { new VolumeDeletedException("deleted"), Shutdown },
        { new DeviceReadOnlyException("now read-only"), NotPermitted },
        { new InvalidOperationException("a bug"), InputOutput },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Failure_of_the_device_becomes_an_error_and_the_connection_lives_on(Exception failure, uint error)
    {
        Assert.NotNull(failure);
        bool fails = true;
        void Fail()
        {
            if (Volatile.Read(ref fails))
            {
                throw failure;
            }
        }

        _device.BeforeRead = (_, _) => Fail();
        _device.BeforeWrite = (_, _) => Fail();
        _device.BeforeZero = (_, _, _) => Fail();
        _device.BeforeFlush = Fail;
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(error, client.DoWrite(0, [1]));
        Assert.Equal(error, client.DoWrite(0, [1], NbdClient.Fua));
        Assert.Equal(error, client.DoWrite(0, new byte[2 * MiB]));
        Assert.Equal(error, client.Do(NbdClient.Read, 0, 512).Error);
        Assert.Equal(error, client.Do(NbdClient.Trim, 0, 512).Error);
        Assert.Equal(error, client.Do(NbdClient.WriteZeroes, 0, 32 * MiB).Error);
        Assert.Equal(error, client.Do(NbdClient.Flush, 0, 0).Error);
        Volatile.Write(ref fails, value: false);
        Assert.Equal(0u, client.DoWrite(0, [1], NbdClient.Fua));
        Assert.Equal([1], client.DoRead(0, 1));

        // One line a second at most, and it has what the device said.
        string line = Assert.Single(server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.Contains(failure.Message, line, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_block_fails_its_own_read_and_no_other_of_the_group()
    {
        _device.Bytes.Fill(3);
        _device.BeforeRead = static (offset, _) =>
        {
            if (offset == 8192)
            {
                throw new StoreDamagedException("pack 17");
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.Send([.. Enumerable.Range(0, 6).SelectMany(i => NbdClient.Request(NbdClient.Read, (ulong)i * 4096, 4096, (ulong)i))]);
        for (int i = 0; i < 6; i++)
        {
            NbdClientReply reply = client.ReceiveReply(_ => 4096);
            Assert.Equal(reply.Cookie == 2 ? InputOutput : 0u, reply.Error);
            Assert.Equal(reply.Cookie == 2 ? 0 : 4096, reply.Data.Count((byte)3));
        }
    }

    [Fact]
    public void Device_that_shrinks_while_in_use_gives_errors_and_no_data()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        _device.Shrink(MiB);
        Assert.Equal(Invalid, client.Do(NbdClient.Read, MiB, 512).Error);
        Assert.Equal(NoSpace, client.DoWrite(2 * MiB, [1]));
        Assert.Equal(0u, client.DoWrite(0, [1]));
    }

    [Fact]
    public void Device_that_grows_while_in_use_can_be_used_up_to_its_new_end()
    {
        _device.Shrink(MiB);
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        Assert.Equal(MiB, client.Size);
        Assert.Equal(NoSpace, client.DoWrite(MiB, [1]));
        _device.Shrink(2 * MiB);
        Assert.Equal(0u, client.DoWrite(MiB, [1]));
        Assert.Equal([1, 0], client.DoRead(MiB, 2));
        Assert.Equal(0u, client.Do(NbdClient.Trim, 0, 2 * MiB).Error);
        using NbdClient later = server.Connect();
        Assert.Equal(2 * MiB, later.Size);
    }

    [Fact]
    public void Disconnect_finishes_what_is_in_flight_and_closes()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        ulong flush = client.SendRequest(NbdClient.Flush, 0, 0);
        inFlush.Wait();
        client.SendRequest(NbdClient.Disconnect, 0, 0);
        client.StopSending();
        mayFlush.Set();
        Assert.Equal(flush, client.ReceiveReply().Cookie);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Disconnect_in_the_same_packet_as_requests_still_gets_their_replies()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.Send(
        [
            .. NbdClient.Request(NbdClient.Write, 0, 1, 1, NbdClient.Fua, [9]),
            .. NbdClient.Request(NbdClient.Flush, 0, 0, 2),
            .. NbdClient.Request(NbdClient.Disconnect, 0, 0, 3),
        ]);
        Assert.Equal([1ul, 2ul], new[] { client.ReceiveReply().Cookie, client.ReceiveReply().Cookie }.Order());
        Assert.True(client.IsClosedByServer());
        Assert.Equal(9, _device.Bytes[0]);
    }

    [Fact]
    public void Wrong_magic_closes_that_connection_alone()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient bad = server.Connect();
        using NbdClient good = server.Connect();
        bad.Send([.. NbdClient.Request(NbdClient.Write, 0, 1, 1, 0, [9]), .. new byte[28]]);
        Assert.Equal(1ul, bad.ReceiveReply().Cookie);
        Assert.True(bad.IsClosedByServer());
        Assert.Equal([9], good.DoRead(0, 1));
    }

    [Fact]
    public void Write_larger_than_the_largest_payload_closes_the_connection()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.SendRequest(NbdClient.Write, 0, (32 * MiB) + 1);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Write_whose_payload_never_comes_whole_changes_nothing()
    {
        using var server = new TestServer(("d", _device));
        using (NbdClient client = server.Connect())
        {
            client.Send(NbdClient.Request(NbdClient.Write, 0, 4096, 1, 0, Pattern(4095, 1)));
            client.StopSending();
            Assert.True(client.IsClosedByServer());
        }

        Assert.False(_device.Bytes.ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Replies_of_many_large_reads_in_one_group_come_whole()
    {
        byte[] content = Pattern(64 * MiB, 5);
        content.CopyTo(_device.Bytes);
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        int[] lengths = [300_000, 700_000, 5_000_000, 1, 32 * MiB, 1_000_000, 4096];
        client.Send([.. lengths.SelectMany((length, i) => NbdClient.Request(NbdClient.Read, (ulong)(i * 1000), (uint)length, (ulong)i))]);
        for (int i = 0; i < lengths.Length; i++)
        {
            NbdClientReply reply = client.ReceiveReply(cookie => lengths[cookie]);
            Assert.True(content.AsSpan((int)reply.Cookie * 1000, lengths[reply.Cookie]).SequenceEqual(reply.Data));
        }
    }
}
