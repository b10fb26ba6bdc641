using System.Buffers.Binary;
using System.Text;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class HandshakeTests
{
    private const long Size = 1 << 20;

    private static TestServer OneExport() => new(("disk0", new MemoryDevice(Size, preferredBlockSize: 8192)));

    [Fact]
    public void Greeting_is_fixed_newstyle_with_no_zeroes_byte_by_byte()
    {
        using TestServer server = OneExport();
        using var client = new NbdClient(server.Unix);
        Assert.Equal("4E42444D41474943" + "49484156454F5054" + "0003", Convert.ToHexString(client.Receive(18)));
    }

    [Fact]
    public void Unknown_client_flag_closes_the_connection()
    {
        using TestServer server = OneExport();
        using var client = new NbdClient(server.Unix);
        client.Greet(clientFlags: 7);
        Assert.True(client.IsClosedByServer());
    }

    [Theory]
    [InlineData(3u, 10)]
    [InlineData(1u, 134)]
    [InlineData(0u, 134)]
    public void Export_name_answers_with_size_and_flags_and_pads_unless_no_zeroes(uint clientFlags, int answerLength)
    {
        using TestServer server = OneExport();
        using var client = new NbdClient(server.Unix);
        client.Greet(clientFlags);
        client.SendOption(NbdClient.OptionExportName, "disk0"u8);
        byte[] answer = client.Receive(answerLength);
        Assert.Equal("0000000000100000" + "0D6D", Convert.ToHexString(answer.AsSpan(0, 10)));
        Assert.False(answer.AsSpan(10).ContainsAnyExcept((byte)0));
        Assert.Equal(0u, client.DoWrite(0, new byte[512]));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("")]
    public void Export_name_that_does_not_exist_closes_the_connection(string name)
    {
        using var server = new TestServer(("a", new MemoryDevice(Size)), ("b", new MemoryDevice(Size)));
        using NbdClient client = server.Greeted();
        client.SendOption(NbdClient.OptionExportName, Encoding.UTF8.GetBytes(name));
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Read_only_device_is_announced_as_such()
    {
        using var server = new TestServer(("r", new MemoryDevice(Size, isReadOnly: true)));
        using NbdClient client = server.Connect("r");
        Assert.Equal(0xD6F, client.TransmissionFlags);
    }

    [Fact]
    public void List_names_all_exports_with_their_descriptions_in_order()
    {
        using var server = new TestServer(("b", new MemoryDevice(Size)), ("a", new MemoryDevice(Size)));
        using NbdClient client = server.Greeted();
        IReadOnlyList<NbdClientReply> replies = client.Option(NbdClient.OptionList, []);
        Assert.Equal([NbdClient.ReplyServer, NbdClient.ReplyServer, NbdClient.ReplyAck], replies.Select(reply => reply.Error));
        Assert.Equal("\0\0\0\u0001adevice a", Encoding.UTF8.GetString(replies[0].Data));
        Assert.Equal("\0\0\0\u0001bdevice b", Encoding.UTF8.GetString(replies[1].Data));
        Assert.Equal(3ul, replies[2].Cookie);
    }

    [Fact]
    public void List_with_data_is_invalid_and_the_handshake_goes_on()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionList, [1])[^1].Error);
        client.Go("disk0");
        Assert.Equal(Size, client.Size);
    }

    [Fact]
    public void Info_tells_all_that_is_asked_for_and_stays_in_the_handshake()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        IReadOnlyList<NbdClientReply> replies = client.Option(NbdClient.OptionInfo, NbdClient.InfoData("disk0", 3, 1, 2, 999, 3));
        Assert.All(replies, reply => Assert.Equal((ulong)NbdClient.OptionInfo, reply.Cookie));
        Assert.Equal(NbdClient.ReplyAck, replies[^1].Error);
        string[] infos = [.. replies.SkipLast(1).Select(reply => Convert.ToHexString(reply.Data))];
        Assert.Equal(4, infos.Length);
        Assert.Equal("0000" + "0000000000100000" + "0D6D", infos[0]);
        Assert.Equal("0003" + "00000001" + "00002000" + "02000000", infos[1]);
        Assert.Equal("0001" + "6469736B30", infos[2]);
        Assert.Equal("0002" + "646576696365206469736B30", infos[3]);
        client.Go("disk0");
    }

    [Fact]
    public void Empty_name_means_the_only_export()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        IReadOnlyList<NbdClientReply> replies = client.Option(NbdClient.OptionInfo, NbdClient.InfoData("", 1));
        Assert.Equal("0001" + "6469736B30", Convert.ToHexString(replies[1].Data));
    }

    [Fact]
    public void Empty_name_is_unknown_when_there_are_several_exports()
    {
        using var server = new TestServer(("a", new MemoryDevice(Size)), ("b", new MemoryDevice(Size)));
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyUnknown, client.Option(NbdClient.OptionGo, NbdClient.InfoData(""))[^1].Error);
        client.Go("b");
    }

    [Fact]
    public void Go_to_an_unknown_export_says_so_and_the_handshake_goes_on()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        NbdClientReply reply = client.Option(NbdClient.OptionGo, NbdClient.InfoData("nothing"))[^1];
        Assert.Equal(NbdClient.ReplyUnknown, reply.Error);
        Assert.Contains("nothing", Encoding.UTF8.GetString(reply.Data), StringComparison.Ordinal);
        client.Go("disk0");
    }

    [Fact]
    public void Abort_is_acknowledged_and_ends_the_connection()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionAbort, "bye"u8)[^1].Error);
        Assert.True(client.IsClosedByServer());
    }

    [Theory]
    [InlineData(4u)] // PEEK_EXPORT, withdrawn
    [InlineData(12u)]
    [InlineData(0u)]
    [InlineData(0xffffffffu)]
    public void Unknown_option_is_unsupported_its_data_is_skipped_and_the_handshake_goes_on(uint option)
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyUnsupported, client.Option(option, new byte[70_000])[^1].Error);
        Assert.Equal(NbdClient.ReplyUnsupported, client.Option(option, [])[^1].Error);
        client.Go("disk0");
    }

    [Theory]
    [InlineData("")]
    [InlineData("00000000")]
    [InlineData("00000005" + "6469736B30")] // no count
    [InlineData("00000006" + "6469736B30" + "0000")] // name longer than the data
    [InlineData("ffffffff" + "6469736B30" + "0000")]
    [InlineData("00000005" + "6469736B30" + "0001")] // count without items
    [InlineData("00000005" + "6469736B30" + "0000" + "00")] // data left over
    [InlineData("00000001" + "ff" + "0000")] // not UTF-8
    [InlineData("00000002" + "6100" + "0000")] // NUL in a name
    public void Malformed_info_is_invalid_and_the_handshake_goes_on(string data)
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionGo, Convert.FromHexString(data))[^1].Error);
        client.Go("disk0");
    }

    [Fact]
    public void Option_that_is_too_long_is_skipped_and_refused()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyTooBig, client.Option(NbdClient.OptionGo, new byte[20_000])[^1].Error);
        client.Go("disk0");
    }

    [Fact]
    public void Option_that_claims_gigabytes_closes_the_connection_before_anything_is_allocated()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        client.SendOption(NbdClient.OptionGo, [], claimedLength: 0x7fffffff);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Wrong_option_magic_closes_the_connection()
    {
        using TestServer server = OneExport();
        using NbdClient client = server.Greeted();
        client.Send(new byte[16]);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Handshake_has_a_time_limit()
    {
        var limits = new NbdLimits { HandshakeTime = TimeSpan.FromMilliseconds(50) };
        using var server = new TestServer(limits, ("disk0", new MemoryDevice(Size)));
        using NbdClient silent = new(server.Unix);
        silent.Receive(18);
        using NbdClient chatty = server.Greeted();
        chatty.SendOption(NbdClient.OptionGo, [0], claimedLength: 12);
        Assert.True(silent.IsClosedByServer());
        Assert.True(chatty.IsClosedByServer());
    }

    [Fact]
    public void Client_that_never_stops_talking_has_no_more_time_than_a_silent_one()
    {
        var limits = new NbdLimits { HandshakeTime = TimeSpan.FromMilliseconds(100) };
        using var server = new TestServer(limits, ("disk0", new MemoryDevice(Size)));
        using NbdClient dripping = server.Greeted();
        dripping.SendOption(NbdClient.OptionGo, [], claimedLength: 1 << 20);
        AssertCutOff(() => dripping.Send([0]));
        using NbdClient chatting = server.Greeted();
        AssertCutOff(() => chatting.Option(NbdClient.OptionList, []));

        static void AssertCutOff(Action step)
        {
            for (int i = 0; i < 1 << 20; i++)
            {
                try
                {
                    step();
                }
                catch (Exception end) when (end is System.Net.Sockets.SocketException or EndOfStreamException)
                {
                    return;
                }
            }

            Assert.Fail("the server listened to all of it");
        }
    }

    [Fact]
    public void Name_of_4096_bytes_is_found_by_every_option_and_a_longer_one_by_none()
    {
        string name = string.Concat(Enumerable.Repeat("\u00e4", 2048));
        using var server = new TestServer((name, new MemoryDevice(Size)), ("b", new MemoryDevice(512)));
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionGo, NbdClient.InfoData(name + "x"))[^1].Error);
        IReadOnlyList<NbdClientReply> list = client.Option(NbdClient.OptionList, []);
        Assert.Contains(list, reply => Encoding.UTF8.GetString(reply.Data).Contains(name, StringComparison.Ordinal));
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionInfo, NbdClient.InfoData(name, 1))[^1].Error);
        client.SendOption(NbdClient.OptionExportName, Encoding.UTF8.GetBytes(name));
        Assert.Equal(Size, BinaryPrimitives.ReadInt64BigEndian(client.Receive(10)));
    }

    [Fact]
    public void A_thousand_exports_are_listed_and_each_is_served()
    {
        using var server = new TestServer(
            [.. Enumerable.Range(0, 1000).Select(i => ($"disk{i}", (Store.Devices.IBlockDevice)new MemoryDevice(512 * (i + 1))))]);
        using NbdClient client = server.Greeted();
        Assert.Equal(1001, client.Option(NbdClient.OptionList, []).Count);
        client.Go("disk777");
        Assert.Equal(512 * 778, client.Size);
    }

    [Fact]
    public void Tcp_and_unix_sockets_serve_the_same_exports()
    {
        using TestServer server = OneExport();
        using NbdClient unix = server.Connect("disk0");
        using NbdClient tcp = NbdClient.Connect(server.Tcp, "disk0");
        Assert.Equal(0u, unix.DoWrite(4096, [1, 2, 3]));
        Assert.Equal([1, 2, 3], tcp.DoRead(4096, 3));
    }

    [Fact]
    public void Size_of_a_large_export_keeps_all_its_bits()
    {
        byte[] answer = NbdHandshake.ExportInfo(new Voe.Server.Exports.Export("x", new HugeDevice(), ""), NbdTransmissionFlags.HasFlags);
        Assert.Equal(HugeDevice.HugeSize, BinaryPrimitives.ReadInt64BigEndian(answer.AsSpan(2)));
    }
}
