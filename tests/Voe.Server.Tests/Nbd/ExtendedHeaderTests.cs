using System.Buffers.Binary;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>Extended headers: the branch extension-ext-header of proto.md. No client of Debian 12 speaks them.</summary>
public sealed class ExtendedHeaderTests
{
    private const int MiB = 1 << 20;
    private const uint Invalid = 22;
    private const string Allocation = "base:allocation";

    private readonly MemoryDevice _device = new(64 * MiB);

    private TestServer Server() => new(("d", _device));

    [Theory]
    [InlineData(NbdClient.OptionStructuredReply)]
    [InlineData(NbdClient.OptionExtendedHeaders)]
    public void Option_with_data_is_invalid_and_changes_nothing(uint option)
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(option, [1])[^1].Error);
        client.Go("d");
        Assert.Equal(0xD6D, client.TransmissionFlags);
        Assert.Equal(0u, client.DoWrite(0, [1]));
    }

    [Fact]
    public void Extended_headers_take_precedence_over_structured_replies()
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStructuredReply, [])[^1].Error);
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionExtendedHeaders, [])[^1].Error);
        Assert.Equal(NbdClient.ReplyExtendedHeadersRequired, client.Option(NbdClient.OptionStructuredReply, [])[^1].Error);
        client.Go("d");
        client.Send(NbdClient.ExtendedRequest(NbdClient.Flush, 0, 0, 1));
        Assert.Equal(0x6e8a278cu, client.ReceiveChunk().Magic);
    }

    [Fact]
    public void Export_name_after_extended_headers_closes_the_connection()
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionExtendedHeaders, [])[^1].Error);
        client.SendOption(NbdClient.OptionExportName, "d"u8);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Filtered_block_status_is_announced_when_there_is_a_context_to_filter()
    {
        using TestServer server = Server();
        using NbdClient with = NbdClient.ConnectExtended(server.Unix, "d", Allocation);
        using NbdClient without = NbdClient.ConnectExtended(server.Unix, "d");
        Assert.Equal(0x1DED, with.TransmissionFlags);
        Assert.Equal(0xDED, without.TransmissionFlags);
    }

    [Fact]
    public void Write_and_read_have_the_bytes_of_the_specification()
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        client.Send(Convert.FromHexString(
            "21E41C71" + "0021" + "0001" + "1112131415161718" + "0000000000000FFE" + "0000000000000003" + "566F45"));
        Assert.Equal(
            "6E8A278C" + "0001" + "0000" + "1112131415161718" + "0000000000000FFE" + "0000000000000000",
            Convert.ToHexString(client.Receive(32)));
        Assert.Equal(1, _device.FlushCount);
        client.Send(Convert.FromHexString("21E41C71" + "0000" + "0000" + "2122232425262728" + "0000000000000FFD" + "0000000000000005"));
        Assert.Equal(
            "6E8A278C" + "0001" + "0001" + "2122232425262728" + "0000000000000FFD" + "000000000000000D" + "0000000000000FFD" + "00566F4500",
            Convert.ToHexString(client.Receive(32 + 13)));
    }

    [Fact]
    public void Hole_has_the_bytes_of_the_specification()
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        client.Send(NbdClient.ExtendedRequest(NbdClient.Read, 4096, 65_536, 7));
        Assert.Equal(
            "6E8A278C" + "0001" + "0002" + "0000000000000007" + "0000000000001000" + "000000000000000C" + "0000000000001000" + "00010000",
            Convert.ToHexString(client.Receive(32 + 12)));
    }

    [Fact]
    public void Error_has_the_bytes_of_the_specification()
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        client.Send(NbdClient.ExtendedRequest(NbdClient.Read, 64 * MiB, 1, 7));
        NbdClientChunk chunk = client.ReceiveChunk();
        Assert.Equal(
            (0x6e8a278cu, (ushort)1, NbdClient.ChunkError, 7ul, 64ul * MiB),
            (chunk.Magic, chunk.Flags, chunk.Type, chunk.Cookie, chunk.Offset));
        Assert.Equal((Invalid, 6 + chunk.Message.Length), (chunk.Error, chunk.Data.Length));
    }

    [Fact]
    public void Trim_and_zero_and_cache_take_lengths_beyond_32_bits()
    {
        const long Length = (1L << 40) + 512;
        var huge = new HugeDevice();
        using var server = new TestServer(("huge", huge));
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "huge");
        Assert.Equal(0u, client.DoChunks(NbdClient.Trim, 512, Length)[0].Error);
        Assert.Equal((512L, Length), huge.LastZeroed);
        Assert.Equal(0u, client.DoChunks(NbdClient.WriteZeroes, 1024, Length, NbdClient.NoHole)[0].Error);
        Assert.Equal((1024L, Length), huge.LastZeroed);
        Assert.Equal(0u, client.DoChunks(NbdClient.Cache, 0, HugeDevice.HugeSize)[0].Error);
        Assert.Equal(Invalid, client.DoChunks(NbdClient.Trim, 1, HugeDevice.HugeSize)[0].Error);
        Assert.Equal(Invalid, client.DoChunks(NbdClient.Trim, 0, -1)[0].Error);
        Assert.Equal(28u, client.DoChunks(NbdClient.WriteZeroes, -1, -1)[0].Error);
    }

    [Fact]
    public void Block_status_is_of_64_bits_byte_by_byte()
    {
        using var server = new TestServer(("huge", new HugeDevice()));
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "huge", Allocation);
        client.Send(NbdClient.ExtendedRequest(NbdClient.BlockStatus, 512, 1UL << 41, 7));
        Assert.Equal(
            "6E8A278C" + "0001" + "0006" + "0000000000000007" + "0000000000000200" + "0000000000000018"
            + "00000001" + "00000001" + "0000020000000000" + "0000000000000003",
            Convert.ToHexString(client.Receive(32 + 24)));
    }

    [Fact]
    public void Block_status_with_a_payload_tells_of_the_contexts_that_it_names()
    {
        using var server = new TestServer(("huge", new HugeDevice()));
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "huge", Allocation);
        NbdClientChunk chunk = Assert.Single(client.DoChunks(
            NbdClient.BlockStatus, 512, 12, NbdClient.PayloadLength | NbdClient.RequestOne,
            Convert.FromHexString("000000000000100000000001")));
        Assert.Equal("00000001" + "00000001" + "0000000000001000" + "0000000000000003", Convert.ToHexString(chunk.Data));
    }

    [Theory]
    [InlineData("0000000000001000")] // no context
    [InlineData("000000000000100000000002")] // unknown
    [InlineData("000000000000100000000000")]
    [InlineData("0000000000001000FFFFFFFF")]
    [InlineData("00000000000010000000000100000001")] // twice
    [InlineData("0000000000001000000000")] // half a number
    [InlineData("00000000001000")]
    [InlineData("000000000000000000000001")] // of no bytes
    [InlineData("001000000000000000000001")] // beyond the end
    public void Block_status_with_a_payload_that_makes_no_sense_is_invalid_and_the_payload_is_taken_off(string payload)
    {
        using var server = new TestServer(("huge", new HugeDevice()));
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "huge", Allocation);
        byte[] bytes = Convert.FromHexString(payload);
        Assert.Equal(Invalid, Assert.Single(client.DoChunks(NbdClient.BlockStatus, 0, bytes.Length, NbdClient.PayloadLength, bytes)).Error);
        Assert.Equal(0u, client.DoChunks(NbdClient.Flush, 0, 0)[0].Error);
    }

    [Theory]
    [InlineData(NbdClient.Read, 512)]
    [InlineData(NbdClient.Trim, 0)]
    [InlineData(NbdClient.Flush, 4096)]
    [InlineData(77, 100_000)]
    [InlineData(NbdClient.BlockStatus, 5 * MiB)]
    [InlineData(NbdClient.Trim, 32 * MiB)]
    public void Payload_of_a_command_that_takes_none_is_read_and_refused(int command, int length)
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d", Allocation);
        byte[] payload = new byte[length];
        Assert.Equal(Invalid, Assert.Single(client.DoChunks((ushort)command, 0, length, NbdClient.PayloadLength, payload)).Error);
        Assert.Equal(0u, client.DoChunks(NbdClient.Write, 0, 1, NbdClient.PayloadLength, [7])[0].Error);
        Assert.Equal(7, _device.Bytes[0]);
    }

    [Fact]
    public void Write_without_the_payload_flag_has_no_payload_and_is_invalid()
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        Assert.Equal(Invalid, client.DoChunks(NbdClient.Write, 0, 4096)[0].Error);
        Assert.Equal(0u, client.DoChunks(NbdClient.Write, 0, 0, NbdClient.PayloadLength)[0].Error);
        Assert.Equal(0, _device.Bytes[0]);
    }

    [Theory]
    [InlineData(NbdClient.Write, NbdClient.PayloadLength, (32L * MiB) + 1)]
    [InlineData(NbdClient.Trim, NbdClient.PayloadLength, long.MaxValue)]
    [InlineData(NbdClient.BlockStatus, NbdClient.PayloadLength, -1)]
    public void Payload_above_the_limit_closes_the_connection(ushort command, ushort flags, long length)
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        client.Send(NbdClient.ExtendedRequest(command, 0, (ulong)length, 1, flags));
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Compact_request_after_extended_headers_closes_the_connection()
    {
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        client.Send([.. NbdClient.Request(NbdClient.Flush, 0, 0, 1), .. new byte[4]]);
        Assert.True(client.IsClosedByServer());
    }

    [Fact]
    public void Large_payload_comes_back_as_it_was_written()
    {
        byte[] data = new byte[(32 * MiB) - 5];
        new Random(1).NextBytes(data);
        using TestServer server = Server();
        using NbdClient client = NbdClient.ConnectExtended(server.Unix, "d");
        Assert.Equal(0u, client.DoChunks(NbdClient.Write, 12_345, data.Length, NbdClient.PayloadLength, data)[0].Error);
        NbdClientChunk chunk = Assert.Single(client.DoChunks(NbdClient.Read, 12_345, data.Length));
        Assert.Equal(12_345, BinaryPrimitives.ReadInt64BigEndian(chunk.Data));
        Assert.True(data.AsSpan().SequenceEqual(chunk.Data.AsSpan(8)));
    }

    [Fact]
    public void Every_filter_reads_to_the_contexts_that_it_names_and_to_nothing_else()
    {
        var export = new Voe.Server.Exports.Export("d", _device, "");
        IMetaContext context = AllocationContext.Instance;
        var session = new NbdSession(export, NbdReplyFormat.Extended, [context, context, context]);
        var request = new NbdRequest(NbdCommandFlags.PayloadLength, NbdCommand.BlockStatus, 1, 0, 16) { IsExtended = true };
        Assert.Equal(NbdError.None, session.Validate(ref request, Convert.FromHexString("00000000000010000000000300000001")));
        Assert.Equal((0b101u, 4096ul), (request.ContextMask, request.Length));
    }
}
