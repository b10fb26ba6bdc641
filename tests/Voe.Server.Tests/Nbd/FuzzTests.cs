using System.Net.Sockets;
using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>Whatever a client sends, the server lives, its memory is bounded, and other connections do not notice.</summary>
public sealed class FuzzTests
{
    private const int DeviceSize = 1 << 20;
    private const long MemoryBound = 128L << 20;

    private readonly ITestOutputHelper _output;

    public FuzzTests(ITestOutputHelper output) => _output = output;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_handshakes_harm_nobody(int seed) => Attack(seed, connections: 150, static (random, server) =>
    {
        using var client = new NbdClient(server.Unix);
        client.Greet((uint)random.Next(random.Next(4) == 0 ? 9 : 4));
        for (int i = random.Next(1, 10); i > 0; i--)
        {
            client.Send(RandomOption(random));
        }

        End(random, client);
    });

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Random_requests_harm_nobody(int seed) => Attack(seed, connections: 150, static (random, server) =>
    {
        using NbdClient client = server.Connect("victim");
        for (int i = random.Next(1, 60); i > 0; i--)
        {
            client.Send(RandomRequest(random));
        }

        End(random, client);
    });

    [Theory]
    [InlineData(7, false)]
    [InlineData(8, false)]
    [InlineData(9, true)]
    [InlineData(10, true)]
    public void Random_requests_with_chunks_harm_nobody(int seed, bool isExtended) => Attack(seed, connections: 150, (random, server) =>
    {
        string[] contexts = random.Next(3) == 0 ? [] : ["base:allocation"];
        using NbdClient client = isExtended
            ? NbdClient.ConnectExtended(server.Unix, "victim", contexts)
            : NbdClient.ConnectStructured(server.Unix, "victim", contexts);
        for (int i = random.Next(1, 60); i > 0; i--)
        {
            client.Send(isExtended ? RandomExtendedRequest(random) : RandomRequest(random));
        }

        End(random, client);
    });

    private static byte[] RandomOption(Random random)
    {
        byte[] data = random.Next(4) switch
        {
            2 => NbdClient.ContextQuery(
                random.Next(2) == 0 ? "victim" : "x", [.. Enumerable.Range(0, random.Next(5)).Select(_ => RandomQuery(random))]),
            0 => NbdClient.InfoData(
                random.Next(2) == 0 ? "victim" : "x", [.. Enumerable.Range(0, random.Next(5)).Select(_ => (ushort)random.Next(6))]),
            1 => new byte[random.Next(40)],
            _ => new byte[random.Next(30_000)],
        };
        uint option = (uint)(random.Next(5) == 0 ? random.Next() : random.Next(13));
        byte[] bytes = [.. "IHAVEOPT"u8, .. UInt32(option), .. UInt32((uint)data.Length), .. data];
        return Damage(random, bytes);
    }

    [Theory]
    [InlineData(11, false)]
    [InlineData(12, true)]
    public void Random_handshakes_with_tls_harm_nobody(int seed, bool isRequired)
    {
        using var certificates = new TestCertificates();
        var random = new Random(seed);
        using NbdTls tls = NbdTls.Load(new NbdTlsOptions
        {
            CertificateFile = certificates.CertificateFile,
            KeyFile = certificates.KeyFile,
            IsRequired = isRequired,
        })!;
        using var server = new TestServer(new NbdLimits(), tls, ("victim", new MemoryDevice(DeviceSize)));
        for (int i = 0; i < 60; i++)
        {
            try
            {
                using NbdClient client = server.Greeted();
                if (random.Next(2) == 0)
                {
                    Assert.Equal(NbdClient.ReplyAck, client.Option(NbdClient.OptionStartTls, [])[^1].Error);
                    client.SpeakTls(certificates.ClientOptions());
                }

                for (int option = random.Next(1, 10); option > 0; option--)
                {
                    client.Send(RandomOption(random));
                }

                End(random, client);
            }
            catch (Exception ended) when (ended is SocketException or IOException)
            {
                // The server hung up in the middle of the attack, as it may.
            }
        }

        Assert.True(server.Nbd.Stop(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)));
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal));
    }

    private static string RandomQuery(Random random) =>
        random.Next(5) switch { 0 => "base:allocation", 1 => "base:", 2 => "", 3 => ":x", _ => "x:" + new string('z', random.Next(5000)) };

    private static byte[] RandomRequest(Random random)
    {
        var command = (ushort)random.Next(9);
        var length = (uint)RandomLength(random, 1L << 32);
        byte[] payload = command == NbdClient.Write && length < 1 << 20 ? new byte[length] : [];
        random.NextBytes(payload);
        ulong cookie = (ulong)random.NextInt64();
        return Damage(random, NbdClient.Request(command, RandomOffset(random), length, cookie, RandomFlags(random), payload));
    }

    private static byte[] RandomExtendedRequest(Random random)
    {
        var command = (ushort)random.Next(9);
        ulong length = RandomLength(random, long.MaxValue);
        ushort flags = RandomFlags(random);
        byte[] payload = [];
        if (random.Next(8) != 0 && (command is NbdClient.Write || random.Next(3) == 0))
        {
            flags |= NbdClient.PayloadLength;
            payload = length < 1 << 20 ? new byte[length] : [];
            random.NextBytes(payload);
            if (command == NbdClient.BlockStatus && random.Next(4) != 0)
            {
                IEnumerable<byte> ids = Enumerable.Range(0, random.Next(3)).SelectMany(_ => UInt32((uint)random.Next(3)));
                payload = [0, 0, 0, 0, .. UInt32((uint)length), .. ids];
                length = (ulong)payload.Length;
            }
        }

        return Damage(random, NbdClient.ExtendedRequest(command, RandomOffset(random), length, (ulong)random.NextInt64(), flags, payload));
    }

    private static ulong RandomLength(Random random, long max) => random.Next(10) switch
    {
        0 => 0,
        1 => (ulong)random.NextInt64(max),
        2 => (ulong)random.Next(DeviceSize),
        _ => (ulong)random.Next(8192),
    };

    private static ulong RandomOffset(Random random) =>
        random.Next(10) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(DeviceSize + 100);

    private static ushort RandomFlags(Random random) => (ushort)(random.Next(4) == 0 ? random.Next(1 << 16) : random.Next(2));

    private static byte[] Damage(Random random, byte[] bytes)
    {
        int kind = random.Next(40);
        if (kind == 0)
        {
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        }

        return kind == 1 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static void End(Random random, NbdClient client)
    {
        if (random.Next(2) == 0)
        {
            client.StopSending();
        }
    }

    private static byte[] UInt32(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private void Attack(int seed, int connections, Action<Random, TestServer> attack)
    {
        _output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var server = new TestServer(("good", new MemoryDevice(DeviceSize)), ("victim", new MemoryDevice(DeviceSize)));
        using NbdClient good = server.Connect("good");
        byte[] data = new byte[4096];
        for (int i = 0; i < connections; i++)
        {
            try
            {
                attack(random, server);
            }
            catch (Exception ended) when (ended is SocketException or EndOfStreamException)
            {
                // The server hung up in the middle of the attack, as it may.
            }

            random.NextBytes(data);
            Assert.Equal(0u, good.DoWrite((i * 4096) % DeviceSize, data, (ushort)(i % 2)));
            Assert.Equal(data, good.DoRead((i * 4096) % DeviceSize, data.Length));
            Assert.InRange(server.Nbd.Resources.ReceiveBuffers.Lent + server.Nbd.Resources.ReplyBuffers.Lent, 0, 2 * MemoryBound);
        }

        Assert.True(server.Nbd.Stop(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)));
        Assert.Equal(0, server.Nbd.Resources.ReceiveBuffers.Lent);
        Assert.Equal(0, server.Nbd.Resources.ReplyBuffers.Lent);
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal));
    }
}
