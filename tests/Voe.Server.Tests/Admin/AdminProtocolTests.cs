using System.Text.RegularExpressions;
using Voe.Admin.Images;
using Voe.Admin.Protocol;

namespace Voe.Server.Tests.Admin;

/// <summary>The admin protocol, line by line.</summary>
public sealed class AdminProtocolTests
{
    private const string List = """{"command":"volume.list","arguments":{}}""" + "\n";
    private const string EmptyList = """{"reply":{"volumes":[]}}""";

    private static readonly string DigestOf512As = Digest(0, [.. Enumerable.Repeat((byte)'A', 512)], 512);

    [Fact]
    public void The_session_in_docs_protocols_is_what_happens()
    {
        string[] lines = [.. File.ReadLines(Path.Combine(RepositoryRoot(), "docs", "protocols.md"))
            .Where(line => line.StartsWith("S: ", StringComparison.Ordinal) || line.StartsWith("C: ", StringComparison.Ordinal))];
        Assert.True(lines.Length > 10);
        using var bench = new AdminBench(program: "voe-server 0.1.0");
        using RawAdminClient client = bench.Connect();
        foreach (string line in lines)
        {
            string text = line[3..];
            if (line[0] == 'C')
            {
                client.Send(text[0] == '{' ? text + "\n" : text);
            }
            else if (text[0] == '{')
            {
                string pattern = "^" + Regex.Escape(text).Replace(@"\.\.\.", ".*", StringComparison.Ordinal) + "$";
                Assert.Matches(new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)), Reply(client));
            }
            else
            {
                Assert.Equal([.. "VoE"u8, .. new byte[509]], client.Receive(512));
            }
        }
    }

    [Theory]
    [InlineData("unknownCommand", """{"command":"volume.frobnicate","arguments":{}}""")]
    [InlineData("protocol", """{"command":"volume.show"}""")]
    [InlineData("protocol", """{"command":"volume.show","arguments":null}""")]
    [InlineData("protocol", """{"command":"volume.show","arguments":{}}""")]
    [InlineData("protocol", """{"command":"volume.show","arguments":{"name":null}}""")]
    [InlineData("protocol", """{"command":"volume.show","arguments":{"name":1}}""")]
    [InlineData("protocol", """{"command":"volume.show","arguments":{"name":"a","force":true}}""")]
    [InlineData("protocol", """{"command":"volume.create","arguments":{"name":"a","size":1e30}}""")]
    [InlineData("notFound", """{"command":"volume.show","arguments":{"name":"a"}}""")]
    [InlineData("invalid", """{"command":"volume.create","arguments":{"name":"a","size":512,"chunkSize":9223372036854775807}}""")]
    [InlineData("invalid", """{"command":"volume.create","arguments":{"name":"a","size":512,"compression":"gzip"}}""")]
    [InlineData("invalid", """{"command":"volume.create","arguments":{"name":"a/b","size":512}}""")]
    [InlineData("invalid", """{"command":"volume.create","arguments":{"name":"a","size":-512}}""")]
    public void A_request_that_cannot_be_done_is_told_why_and_the_connection_lives_on(string kind, string request)
    {
        using var bench = new AdminBench();
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        client.Send(request + "\n");
        Assert.StartsWith($$$"""{"error":{"kind":"{{{kind}}}","message":""", client.ReceiveLine(), StringComparison.Ordinal);
        client.Send(List);
        Assert.Equal(EmptyList, client.ReceiveLine());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("GET / HTTP/1.1\r")]
    [InlineData("""{"command":"volume.list","arguments":{}""")]
    [InlineData("""{"command":"volume.list","arguments":{},"extra":1}""")]
    [InlineData("""{"command":"volume.list","command":"volume.list","arguments":{}}""")]
    [InlineData("""{"command":"volume.show","arguments":{"name":"a","name":"b"}}""")]
    [InlineData("""{"command":"volume.list","arguments":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}""")]
    [InlineData("""{"data":5,"offset":0}""")]
    [InlineData("""{"end":{"size":1,"digest":""}}""")]
    [InlineData("""{"cancel":true}""")]
    public void What_is_no_request_ends_that_connection_alone(string line)
    {
        using var bench = new AdminBench();
        using RawAdminClient other = bench.Connect();
        other.ReceiveLine();
        using (RawAdminClient client = bench.Connect())
        {
            client.ReceiveLine();
            client.Send(line + "\n");
            Assert.StartsWith("""{"error":{"kind":"protocol","message":""", client.ReceiveLine(), StringComparison.Ordinal);
            Assert.Null(client.ReceiveLine());
        }

        other.Send(List);
        Assert.Equal(EmptyList, other.ReceiveLine());
    }

    [Fact]
    public void A_line_is_as_long_as_the_limit_and_no_longer()
    {
        using var bench = new AdminBench(new AdminLimits { MaxRequestLine = 20_000 });
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        client.Send(List[..^1] + new string(' ', 20_000 - List.Length) + "\n");
        Assert.Equal(EmptyList, client.ReceiveLine());
        client.Send(List[..^1] + new string(' ', 20_001 - List.Length) + "\n");
        Assert.Contains("a line has at most 20000 bytes", client.ReceiveLine(), StringComparison.Ordinal);
        Assert.Null(client.ReceiveLine());

        using RawAdminClient endless = bench.Connect();
        endless.ReceiveLine();
        endless.Send(new string(' ', 20_000));
        Assert.Contains("a line has at most 20000 bytes", endless.ReceiveLine(), StringComparison.Ordinal);
    }

    [Fact]
    public void Many_requests_in_one_packet_and_one_in_many_are_the_same()
    {
        using var bench = new AdminBench();
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        client.Send(List + List + List);
        Assert.Equal([EmptyList, EmptyList, EmptyList], new[] { client.ReceiveLine(), client.ReceiveLine(), client.ReceiveLine() });
        foreach (char part in List)
        {
            client.Send(part.ToString());
        }

        Assert.Equal(EmptyList, client.ReceiveLine());
    }

    [Fact]
    public void A_half_sent_request_is_not_waited_for_long_and_an_idle_client_neither()
    {
        var limits = new AdminLimits { MessageLimit = TimeSpan.FromMilliseconds(30), IdleLimit = TimeSpan.FromMilliseconds(60) };
        using var bench = new AdminBench(limits);
        using RawAdminClient half = bench.Connect();
        half.ReceiveLine();
        half.Send(List[..10]);
        Assert.Contains("nothing came in time", half.ReceiveLine(), StringComparison.Ordinal);
        Assert.Null(half.ReceiveLine());

        using RawAdminClient idle = bench.Connect();
        idle.ReceiveLine();
        Assert.Contains("nothing came in time", idle.ReceiveLine(), StringComparison.Ordinal);

        using RawAdminClient importer = bench.Connect();
        importer.ReceiveLine();
        importer.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + """{"data":512,"offset":0}""" + "\n" + "A");
        Assert.Contains("nothing came in time", importer.ReceiveLine(), StringComparison.Ordinal);
        Assert.Equal("", bench.Names);
    }

    [Fact]
    public void One_client_too_many_is_told_so()
    {
        using var bench = new AdminBench(new AdminLimits { MaxConnections = 2 });
        using RawAdminClient first = bench.Connect();
        first.ReceiveLine();
        using RawAdminClient second = bench.Connect();
        second.ReceiveLine();
        using RawAdminClient third = bench.Connect();
        Assert.Contains("the server has 2 admin connections already", third.ReceiveLine(), StringComparison.Ordinal);
        Assert.Null(third.ReceiveLine());
        first.Send(List);
        Assert.Equal(EmptyList, first.ReceiveLine());
    }

    [Theory]
    [InlineData("1 to 1048576 bytes, not 0", """{"data":0,"offset":0}""")]
    [InlineData("1 to 1048576 bytes, not -1", """{"data":-1,"offset":0}""")]
    [InlineData("1 to 1048576 bytes, not 1048577", """{"data":1048577,"offset":0}""")]
    [InlineData("1 to 1048576 bytes, not 2147483647", """{"data":2147483647,"offset":0}""")]
    [InlineData("cannot be at -512", """{"data":512,"offset":-512}""")]
    [InlineData("cannot be at 9223372036854775807", """{"data":512,"offset":9223372036854775807}""")]
    [InlineData("is no message", """{"data":99999999999,"offset":0}""")]
    [InlineData("come messages", """{"data":512}""")]
    [InlineData("come messages", """{"command":"volume.list","arguments":{}}""")]
    [InlineData("middle of a block", """{"data":1048576,"offset":0}""")]
    [InlineData("the image is empty", """{"end":{"size":0,"digest":""}}""")]
    [InlineData("the image has 4503599627370497 bytes", """{"end":{"size":4503599627370497,"digest":""}}""")]
    [InlineData("the image is empty", """{"end":{"size":-1,"digest":""}}""")]
    [InlineData("is not the image", """{"end":{"size":512,"digest":"00"}}""")]
    [InlineData("gave up", """{"cancel":true}""")]
    public void A_stream_that_makes_no_sense_leaves_no_volume(string reason, string line)
    {
        using var bench = new AdminBench();
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        client.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + line + "\n");
        if (reason is "middle of a block")
        {
            client.StopSending();
        }

        Assert.Contains(reason, Reply(client), StringComparison.Ordinal);
        Assert.Equal("", bench.Names);
    }

    [Fact]
    public void Blocks_that_do_not_come_in_order_are_refused()
    {
        using var bench = new AdminBench();
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        string block = new('A', 512);
        client.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + """{"data":512,"offset":512}""" + "\n" + block);
        client.Send("""{"data":512,"offset":512}""" + "\n" + block);
        Assert.Contains("a block at 512 comes after one that ends at 1024", Reply(client), StringComparison.Ordinal);
        Assert.Null(client.ReceiveLine());
        Assert.Equal("", bench.Names);
    }

    [Fact]
    public void A_client_that_vanishes_in_an_import_leaves_no_volume()
    {
        using var bench = new AdminBench();
        using (RawAdminClient client = bench.Connect())
        {
            client.ReceiveLine();
            client.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + """{"data":512,"offset":0}""" + "\n");
            client.Send(new string('A', 512));
        }

        bench.Stop(); // which waits for the command's end
        Assert.Equal("", bench.Names);
    }

    [Fact]
    public void A_server_that_stops_ends_an_import_and_leaves_no_volume()
    {
        using var bench = new AdminBench();
        using RawAdminClient client = bench.Connect();
        client.ReceiveLine();
        client.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + """{"data":512,"offset":0}""" + "\n");
        client.Send(new string('A', 512));
        bench.Stop();
        Assert.Equal("", bench.Names);
        while (client.ReceiveLine() is not null)
        {
            // Whatever it was told, the connection ends.
        }
    }

    [Fact]
    public void One_import_of_a_name_at_a_time()
    {
        using var bench = new AdminBench();
        using RawAdminClient first = bench.Connect();
        first.ReceiveLine();
        string block = """{"data":512,"offset":0}""" + "\n" + new string('A', 512);
        first.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + block);
        using RawAdminClient second = bench.Connect();
        second.ReceiveLine();
        string told;
        do
        {
            // Until the first has begun, which no message tells, the second may come first and is given up.
            second.Send("""{"command":"volume.import","arguments":{"name":"a"}}""" + "\n" + """{"cancel":true}""" + "\n");
            told = Reply(second);
        }
        while (told.Contains("cancelled", StringComparison.Ordinal));

        Assert.Contains("is being imported already", told, StringComparison.Ordinal);
        first.Send($$$"""{"end":{"size":512,"digest":"{{{DigestOf512As}}}"}}""" + "\n");
        Assert.Contains("\"reply\"", Reply(first), StringComparison.Ordinal);
        Assert.Equal("a", bench.Names);
    }

    private static string Digest(long offset, byte[] block, long size)
    {
        var digest = new ImageDigest();
        digest.Add(offset, block);
        return digest.Finish(size);
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Voe.sln")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new DirectoryNotFoundException("there is no Voe.sln above the tests");
    }

    private static string Reply(RawAdminClient client)
    {
        string line;
        do
        {
            line = client.ReceiveLine() ?? throw new InvalidOperationException("the server closed the connection without a reply");
        }
        while (line.StartsWith("{\"progress\":", StringComparison.Ordinal));

        return line;
    }
}
