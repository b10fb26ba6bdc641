using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>STARTTLS and what follows it: proto.md, "TLS support".</summary>
public sealed class TlsTests : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly TestCertificates _certificates = new();
    private readonly MemoryDevice _device = new(64 * MiB);

    public void Dispose() => _certificates.Dispose();

    [Theory]
#pragma warning disable CA5398 // It is these versions that are tested.
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
#pragma warning restore CA5398
    public void Data_comes_back_as_it_was_written_in_either_version(SslProtocols protocol)
    {
        byte[] data = RandomNumberGenerator.GetBytes(32 * MiB);
        using TestServer server = Server();
        using NbdClient client = Secured(server, protocol);
        client.Go("d");
        foreach (int length in new[] { 1, 4096, 16_384, 65_536, MiB, 32 * MiB })
        {
            Assert.Equal(0u, client.DoWrite(12_345, data.AsSpan(0, length), NbdClient.Fua));
            Assert.True(data.AsSpan(0, length).SequenceEqual(client.DoRead(12_345, length)));
        }

        Assert.Contains(server.Log.Lines, line => line.Contains($"speaks {protocol}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Requests_in_any_pieces_are_all_answered(int seed)
    {
        var random = new Random(seed);
        using TestServer server = Server();
        using NbdClient client = Secured(server);
        client.Go("d");
        for (int round = 0; round < 40; round++)
        {
            int count = random.Next(1, 60);
            byte[] bytes = [.. Enumerable.Range(0, count).SelectMany(i => random.Next(2) == 0
                ? NbdClient.Request(NbdClient.Read, (ulong)i * 4096, (uint)((i % 5) * 1000), (ulong)i)
                : NbdClient.Request(NbdClient.Write, (ulong)i * 4096, 5000, 1000 + (ulong)i, 0, new byte[5000]))];
            for (int at = 0; at < bytes.Length;)
            {
                int piece = Math.Min(random.Next(4) == 0 ? 1 + random.Next(40) : 1 + random.Next(100_000), bytes.Length - at);
                client.Send(bytes.AsSpan(at, piece));
                at += piece;
            }

            for (int i = 0; i < count; i++)
            {
                Assert.Equal(0u, client.ReceiveReply(cookie => cookie < 1000 ? (int)(cookie % 5) * 1000 : 0).Error);
            }
        }
    }

    [Fact]
    public void Server_without_certificate_refuses_by_policy_and_the_handshake_goes_on()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyPolicy, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
        client.Go("d");
    }

    [Fact]
    public void Option_with_data_is_invalid_and_so_is_a_second_one()
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionStartTls, [1])[^1].Error);
        StartTls(client);
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
        client.Go("d");
    }

    [Fact]
    public void Client_without_fixed_newstyle_gets_no_tls()
    {
        using TestServer server = Server();
        using NbdClient client = new(server.Unix);
        client.Greet(clientFlags: 0);
        Assert.Equal(NbdClient.ReplyPolicy, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
    }

    [Fact]
    public void What_was_agreed_on_before_is_forgotten()
    {
        using TestServer server = Server();
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionExtendedHeaders, [])[^1].Error);
        byte[] query = NbdClient.ContextQuery("d", "base:allocation");
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionSetMetaContext, query)[^1].Error);
        StartTls(client);
        Assert.Equal(NbdClient.ReplyInvalid, client.Option(NbdClient.OptionListMetaContext, query)[^1].Error);
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStructuredReply, [])[^1].Error);
        client.Go("d");
        Assert.Equal(0xDED, client.TransmissionFlags);
        Assert.Equal(22u, client.DoChunks(NbdClient.BlockStatus, 0, 4096)[0].Error);
    }

    [Theory]
    [InlineData(NbdClient.OptionList)]
    [InlineData(NbdClient.OptionInfo)]
    [InlineData(NbdClient.OptionGo)]
    [InlineData(NbdClient.OptionStructuredReply)]
    [InlineData(NbdClient.OptionSetMetaContext)]
    [InlineData(NbdClient.OptionExtendedHeaders)]
    [InlineData(4711u)]
    public void Where_tls_is_required_nothing_else_is_answered_before_it(uint option)
    {
        using TestServer server = Server(isRequired: true);
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyTlsRequired, client.Option(option, NbdClient.InfoData("d"))[^1].Error);
        StartTls(client);
        Assert.NotEqual(NbdClient.ReplyTlsRequired, client.Option(4711, [])[^1].Error);
        client.Go("d");
        Assert.Equal(0u, client.DoWrite(0, [1]));
    }

    [Fact]
    public void Where_tls_is_required_abort_is_answered_and_export_name_closes()
    {
        using TestServer server = Server(isRequired: true);
        using NbdClient aborting = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, aborting.Option(NbdClient.OptionAbort, [])[^1].Error);
        using NbdClient naming = server.Greeted();
        naming.SendOption(NbdClient.OptionExportName, "d"u8);
        Assert.True(naming.IsClosedByServer());
        using NbdClient old = new(server.Unix);
        old.Greet(clientFlags: 0);
        Assert.True(old.IsClosedByServer());
    }

    [Fact]
    public void Client_certificate_is_asked_for_and_checked_against_the_authority()
    {
        using var others = new TestCertificates();
        using TestServer server = Server(asksForCertificate: true);
        using NbdClient good = Secured(server, withCertificate: true);
        good.Go("d");
        Assert.Equal(0u, good.DoWrite(0, [1]));
        Assert.Contains(server.Log.Lines, line => line.Contains("\"CN=test client\"", StringComparison.Ordinal));
        AssertRefused(server, _certificates, withCertificate: false);

        // It trusts the server, but comes with a certificate of another authority of the same name.
        AssertRefused(server, others, withCertificate: true);
        Assert.Equal(0u, good.DoWrite(0, [2]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("this is no TLS, whatever it may be")]
    [InlineData("\u0016\u0003\u0001\u0000\u0005\u0001\u0000\u0000\u0001\u0000")]
    public void Client_that_speaks_no_tls_is_closed_and_the_others_live_on(string bytes)
    {
        using TestServer server = Server();
        using NbdClient good = Secured(server);
        using NbdClient bad = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, bad.Option(NbdClient.OptionStartTls, [])[^1].Error);
        bad.Send(Encoding.Latin1.GetBytes(bytes));
        bad.StopSending();
        AssertClosed(bad);
        good.Go("d");
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal));
    }

    [Fact]
    public void Handshake_has_its_time_limit_under_tls_too()
    {
        var limits = new NbdLimits { HandshakeTime = TimeSpan.FromMilliseconds(300) };
        using TestServer server = Server(limits: limits);
        using NbdClient silent = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, silent.Option(NbdClient.OptionStartTls, [])[^1].Error);
        using NbdClient half = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, half.Option(NbdClient.OptionStartTls, [])[^1].Error);
        half.Send([0x16, 3, 1, 1]);
        AssertClosed(silent);
        AssertClosed(half);
        using NbdClient undecided = Secured(server);
        Assert.True(undecided.IsClosedByServer());
    }

    [Fact]
    public void Idle_connection_holds_no_receive_buffer()
    {
        using TestServer server = Server();
        using NbdClient client = Secured(server);
        client.Go("d");
        Assert.True(SpinWait.SpinUntil(() => server.Nbd.Resources.ReceiveBuffers.Lent == 0, TimeSpan.FromSeconds(10)));
        Assert.Equal(0u, client.DoWrite(0, new byte[100_000]));
        Assert.True(SpinWait.SpinUntil(() => server.Nbd.Resources.ReceiveBuffers.Lent == 0, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Disconnect_and_a_stop_end_tls_in_order()
    {
        using TestServer server = Server();
        using NbdClient leaving = Secured(server);
        leaving.Go("d");
        leaving.SendRequest(NbdClient.Disconnect, 0, 0);
        Assert.Empty(ReadToEnd(leaving));
        using NbdClient staying = Secured(server);
        staying.Go("d");
        Assert.Equal(0u, staying.DoWrite(0, [1]));
        Assert.True(server.Nbd.Stop(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)));
        Assert.True(staying.IsClosedByServer());
    }

    [Fact]
    public void Files_that_are_not_what_they_should_be_are_named_with_the_reason()
    {
        using var others = new TestCertificates();
        string Write(string name, string content)
        {
            string path = Path.Combine(_certificates.Directory, name);
            File.WriteAllText(path, content);
            return path;
        }

        string certificate = File.ReadAllText(_certificates.CertificateFile);
        string damaged = Write("damaged", certificate.Replace("MII", "MIJ", StringComparison.Ordinal));
        AssertFails("missing", "cannot be read", options => options with { CertificateFile = "missing" });
        AssertFails("missing", "cannot be read", options => options with { KeyFile = "missing" });
        AssertFails("missing", "cannot be read", options => options with { ClientCaFile = "missing" });
        AssertFails(_certificates.KeyFile, "no certificate", options => options with { CertificateFile = _certificates.KeyFile });
        AssertFails(_certificates.CertificateFile, "no private key", options => options with { KeyFile = _certificates.CertificateFile });
        AssertFails(damaged, "damaged", options => options with { CertificateFile = damaged });
        string cut = Write("cut", certificate[..100]);
        AssertFails(cut, "cut off", options => options with { CertificateFile = cut });
        AssertFails(others.KeyFile, "not the key of the certificate", options => options with { KeyFile = others.KeyFile });
        string broken = Write("broken", File.ReadAllText(_certificates.KeyFile).Replace("M", "N", StringComparison.Ordinal));
        AssertFails(broken, "damaged", options => options with { KeyFile = broken });
        string locked = Write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
        AssertFails(locked, "passphrase", options => options with { KeyFile = locked });
        Assert.Null(NbdTls.Load(new NbdTlsOptions()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Records_that_are_damaged_or_cut_off_end_their_connection_alone(int seed)
    {
        var random = new Random(seed);
        using TestServer server = Server();
        using NbdClient good = Secured(server);
        good.Go("d");
        for (int i = 0; i < 30; i++)
        {
            using NbdClient bad = Secured(server);
            bad.Go("d");
            byte[] noise = new byte[random.Next(80)];
            random.NextBytes(noise);
            bad.SendUnderTls([0x17, 3, 3, 0, (byte)random.Next(60), .. noise]);
            bad.StopSending();
            AssertClosed(bad);
        }

        Assert.Equal(0u, good.DoWrite(0, [1]));
        Assert.True(server.Nbd.Stop(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)));
        Assert.Equal(0, server.Nbd.Resources.ReceiveBuffers.Lent);
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal));
    }

    private NbdTlsOptions Options(bool isRequired = false, bool asksForCertificate = false) => new()
    {
        CertificateFile = _certificates.CertificateFile,
        KeyFile = _certificates.KeyFile,
        ClientCaFile = asksForCertificate ? _certificates.AuthorityFile : "",
        IsRequired = isRequired,
    };

    private TestServer Server(bool isRequired = false, bool asksForCertificate = false, NbdLimits? limits = null) =>
        new(limits ?? new NbdLimits(), NbdTls.Load(Options(isRequired, asksForCertificate)), ("d", _device));

    private void StartTls(NbdClient client, SslProtocols protocol = SslProtocols.None, bool withCertificate = false)
    {
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
        client.SpeakTls(_certificates.ClientOptions(protocol, withCertificate));
    }

    private NbdClient Secured(TestServer server, SslProtocols protocol = SslProtocols.None, bool withCertificate = false)
    {
        NbdClient client = server.Greeted();
        StartTls(client, protocol, withCertificate);
        return client;
    }

    // With TLS 1.3 a client learns after its own side of the handshake whether the server accepts its certificate.
    private void AssertRefused(TestServer server, TestCertificates ofClient, bool withCertificate)
    {
        using NbdClient client = server.Greeted();
        Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
        System.Net.Security.SslClientAuthenticationOptions options = _certificates.ClientOptions();
        System.Net.Security.SslClientAuthenticationOptions own = ofClient.ClientOptions(withCertificate: withCertificate);
        options.ClientCertificates = own.ClientCertificates;
        options.LocalCertificateSelectionCallback = own.LocalCertificateSelectionCallback;
        Assert.ThrowsAny<Exception>(() =>
        {
            client.SpeakTls(options);
            client.Go("d");
        });
        Assert.Contains(server.Log.Lines, line => line.Contains("TLS failed", StringComparison.Ordinal));
    }

    private void AssertFails(string file, string reason, Func<NbdTlsOptions, NbdTlsOptions> change)
    {
        NbdTlsException error = Assert.Throws<NbdTlsException>(() => NbdTls.Load(change(Options())));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    // The server may say goodbye in TLS first.
    private static void AssertClosed(NbdClient client)
    {
        try
        {
            ReadToEnd(client);
        }
        catch (Exception end) when (end is SocketException or IOException)
        {
            // Cut off, which will do as well.
        }
    }

    private static byte[] ReadToEnd(NbdClient client)
    {
        var bytes = new List<byte>();
        while (client.TryReceive() is { } one)
        {
            bytes.Add(one);
        }

        return [.. bytes];
    }
}
