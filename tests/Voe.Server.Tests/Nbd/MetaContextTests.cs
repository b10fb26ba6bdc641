using System.Buffers.Binary;
using System.Text;
using Voe.Server.Nbd;
using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>Choosing metadata contexts, and BLOCK_STATUS: proto.md, "Metadata querying".</summary>
public sealed class MetaContextTests
{
    private const int MiB = 1 << 20;
    private const uint Invalid = 22;
    private const string Allocation = "base:allocation";

    private readonly MemoryDevice _device = new(16 * MiB);

    private TestServer Server() => new(("d", _device), ("e", new MemoryDevice(4096)));

    private static NbdClient Structured(TestServer server)
    {
        NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStructuredReply, [])[^1].Error);
        return client;
    }

    private static string[] Names(IReadOnlyList<NbdClientReply> replies)
    {
        Assert.Equal(NbdClient.ReplyAck, replies[^1].Error);
        return [.. replies.SkipLast(1).Select(reply => Encoding.UTF8.GetString(reply.Data.AsSpan(4)))];
    }

    private static (uint Length, uint Status)[] Extents(NbdClientChunk chunk)
    {
        Assert.Equal(NbdClient.ChunkStatus, chunk.Type);
        Assert.Equal(4, chunk.Data.Length % 8);
        return [.. Enumerable.Range(0, chunk.Data.Length / 8).Select(i => (
            BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(4 + (8 * i))),
            BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(8 + (8 * i)))))];
    }

    [Theory]
    [InlineData(NbdClient.OptionListMetaContext)]
    [InlineData(NbdClient.OptionSetMetaContext)]
    public void Contexts_need_structured_replies_first(uint option)
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(option, NbdClient.ContextQuery("d", Allocation))[^1].Error);
    }

    [Fact]
    public void Set_answers_with_a_context_and_its_number_byte_by_byte()
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        client.SendOption(
            NbdClient.OptionSetMetaContext, [0, 0, 0, 1, (byte)'d', 0, 0, 0, 1, 0, 0, 0, 15, .. "base:allocation"u8]);
        Assert.Equal(
            "0003E889045565A9" + "0000000A" + "00000004" + "00000013" + "00000001" + Convert.ToHexString("base:allocation"u8)
            + "0003E889045565A9" + "0000000A" + "00000001" + "00000000",
            Convert.ToHexString(client.Receive(20 + 19 + 20)));
    }

    [Theory]
    [InlineData(new string[0], new[] { Allocation }, new string[0])]
    [InlineData(new[] { "base:" }, new[] { Allocation }, new string[0])]
    [InlineData(new[] { Allocation }, new[] { Allocation }, new[] { Allocation })]
    [InlineData(new[] { "base:", Allocation, Allocation, "x:y" }, new[] { Allocation }, new[] { Allocation })]
    [InlineData(new[] { "base:alloc" }, new string[0], new string[0])]
    [InlineData(new[] { "BASE:allocation" }, new string[0], new string[0])]
    [InlineData(new[] { "qemu:dirty-bitmap:x", "x-nothing:" }, new string[0], new string[0])]
    public void Queries_list_and_choose_by_the_rules_of_the_base_namespace(string[] queries, string[] listed, string[] chosen)
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        Assert.Equal(listed, Names(client.Option(NbdClient.OptionListMetaContext, NbdClient.ContextQuery("d", queries))));
        Assert.Equal(chosen, Names(client.Option(NbdClient.OptionSetMetaContext, NbdClient.ContextQuery("d", queries))));
        client.Go("d");
        Assert.Equal(chosen.Length == 0, client.DoChunks(NbdClient.BlockStatus, 0, 4096)[0].IsError);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00000001" + "64")] // no count
    [InlineData("00000002" + "64")]
    [InlineData("00000001" + "64" + "00000001")] // a query is missing
    [InlineData("00000001" + "64" + "FFFFFFFF")]
    [InlineData("00000001" + "64" + "00000001" + "00000005" + "626173653A" + "00")] // data left over
    [InlineData("00000001" + "64" + "00000001" + "00000006" + "626173653A")] // query longer than the data
    [InlineData("00000001" + "64" + "00000001" + "FFFFFFFF" + "626173653A")]
    [InlineData("00000001" + "64" + "00000001" + "00000004" + "62617365")] // no colon
    [InlineData("00000001" + "64" + "00000001" + "00000001" + "3A")] // no namespace
    [InlineData("00000001" + "64" + "00000001" + "00000002" + "FF3A")] // not UTF-8
    public void Malformed_query_is_invalid_and_drops_what_was_chosen_before(string data)
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        Assert.Equal([Allocation], Names(client.Option(NbdClient.OptionSetMetaContext, NbdClient.ContextQuery("d", Allocation))));
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionListMetaContext, Convert.FromHexString(data))[^1].Error);
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionSetMetaContext, Convert.FromHexString(data))[^1].Error);
        client.Go("d");
        Assert.Equal(Invalid, client.DoChunks(NbdClient.BlockStatus, 0, 4096)[0].Error);
    }

    [Fact]
    public void Contexts_of_an_export_that_does_not_exist_are_unknown_and_the_handshake_goes_on()
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        Assert.Equal(NbdClient.ReplyUnknown, client.Option(NbdClient.OptionListMetaContext, NbdClient.ContextQuery("x"))[^1].Error);
        Assert.Equal(NbdClient.ReplyUnknown, client.Option(NbdClient.OptionSetMetaContext, NbdClient.ContextQuery("x"))[^1].Error);
        client.Go("d");
    }

    [Fact]
    public void Contexts_belong_to_the_export_that_was_named()
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        Assert.Single(Names(client.Option(NbdClient.OptionSetMetaContext, NbdClient.ContextQuery("e", Allocation))));
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionInfo, NbdClient.InfoData("d"))[^1].Error);
        client.Go("d");
        Assert.Equal(Invalid, client.DoChunks(NbdClient.BlockStatus, 0, 4096)[0].Error);
    }

    [Fact]
    public void Export_name_keeps_the_contexts_too()
    {
        using TestServer server = Server();
        using NbdClient client = Structured(server);
        Assert.Single(Names(client.Option(NbdClient.OptionSetMetaContext, NbdClient.ContextQuery("d", Allocation))));
        client.SendOption(NbdClient.OptionExportName, "d"u8);
        Assert.Equal("0DED", Convert.ToHexString(client.Receive(10).AsSpan(8)));
        Assert.Equal([(4096u, 3u)], Extents(Assert.Single(client.DoChunks(NbdClient.BlockStatus, 0, 4096))));
    }

    [Fact]
    public void Block_status_is_one_chunk_with_data_and_holes_byte_by_byte()
    {
        _device.Bytes[8192] = 1;
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d", Allocation);
        client.Send(NbdClient.Request(NbdClient.BlockStatus, 100, 20_000, 7));
        Assert.Equal(
            "668E33EF" + "0001" + "0005" + "0000000000000007" + "0000001C" + "00000001"
            + "00001F9C" + "00000003" + "00001000" + "00000000" + "00001E84" + "00000003",
            Convert.ToHexString(client.Receive(20 + 28)));
    }

    [Fact]
    public void One_extent_is_all_that_comes_when_one_was_asked_for()
    {
        _device.Bytes.Slice(8192, 4096).Fill(1);
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d", Allocation);
        Assert.Equal([(8192u, 3u)], Extents(client.DoChunks(NbdClient.BlockStatus, 0, 16 * MiB, NbdClient.RequestOne)[0]));
        Assert.Equal([(5u, 0u)], Extents(client.DoChunks(NbdClient.BlockStatus, 8200, 5, NbdClient.RequestOne)[0]));
    }

    [Fact]
    public void Many_extents_come_as_far_as_a_reply_goes_and_the_client_asks_on()
    {
        for (int i = 0; i < 16 * MiB; i += 8192)
        {
            _device.Bytes[i] = 1;
        }

        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d", Allocation);
        int at = 0;
        int calls = 0;
        uint expected = 0;
        for (; at < 16 * MiB; calls++)
        {
            foreach ((uint length, uint status) in Extents(client.DoChunks(NbdClient.BlockStatus, at, (16 * MiB) - at)[0]))
            {
                Assert.Equal((4096u, expected), (length, status));
                expected ^= 3;
                at += (int)length;
            }
        }

        Assert.Equal(2, calls);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(16 * MiB, 1)]
    [InlineData((16 * MiB) - 1, 2)]
    public void Block_status_of_nothing_or_beyond_the_end_is_invalid(long offset, long length)
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d", Allocation);
        Assert.Equal(Invalid, Assert.Single(client.DoChunks(NbdClient.BlockStatus, offset, length)).Error);
    }

    [Fact]
    public void Failure_of_the_device_is_an_error_and_the_connection_lives_on()
    {
        bool fails = true;
        _device.BeforeExtents = (_, _) =>
        {
            if (Volatile.Read(ref fails))
            {
                throw new StoreIOException("bad disk");
            }
        };
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d", Allocation);
        Assert.Equal(5u, Assert.Single(client.DoChunks(NbdClient.BlockStatus, 0, 4096)).Error);
        Volatile.Write(ref fails, value: false);
        Assert.Equal([(4096u, 3u)], Extents(Assert.Single(client.DoChunks(NbdClient.BlockStatus, 0, 4096))));

        // A long read whose holes cannot be found out is sent with its zeroes.
        Volatile.Write(ref fails, value: true);
        Assert.Equal(NbdClient.ChunkData, Assert.Single(client.DoChunks(NbdClient.Read, 0, MiB)).Type);
    }

    [Fact]
    public void Extents_that_come_from_the_device_in_pieces_are_merged()
    {
        var huge = new PiecewiseDevice();
        var extents = new StatusExtent[4];
        Assert.Equal(1, AllocationContext.Instance.GetStatus(huge, 0, 10_000, extents));
        Assert.Equal(new StatusExtent(10_000, 3), extents[0]);

        // A search without end is cut.
        Assert.Equal(1, AllocationContext.Instance.GetStatus(huge, 0, long.MaxValue, extents));
        Assert.InRange(extents[0].Length, 1000, 1_000_000);
    }

    /// <summary>Nothing but holes, of which one call tells 1000 bytes.</summary>
    private sealed class PiecewiseDevice : Store.Devices.IBlockDevice
    {
        public long Size => long.MaxValue;

        public int PreferredBlockSize => 4096;

        public bool IsReadOnly => true;

        public void Read(ReadOnlySpan<Store.Devices.BlockRead> reads) => throw new NotSupportedException();

        public void Write(ReadOnlySpan<Store.Devices.BlockWrite> writes) => throw new NotSupportedException();

        public void Flush() => throw new NotSupportedException();

        public void Trim(long offset, long length) => throw new NotSupportedException();

        public void WriteZeroes(long offset, long length, bool mayTrim) => throw new NotSupportedException();

        public int GetExtents(long offset, long length, Span<Store.Devices.DeviceExtent> extents)
        {
            extents[0] = new Store.Devices.DeviceExtent(offset, Math.Min(length, 1000), Store.Devices.ExtentKind.Hole);
            return 1;
        }
    }
}
