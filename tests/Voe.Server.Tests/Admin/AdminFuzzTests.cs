using System.Text;
using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Admin.Protocol;

namespace Voe.Server.Tests.Admin;

/// <summary>Whatever bytes come, the server lives on and tells the next client the truth.</summary>
public sealed class AdminFuzzTests
{
    private static readonly string[] Lines =
    [
        """{"command":"status","arguments":{"quick":true}}""",
        """{"command":"volume.list","arguments":{"quick":true}}""",
        """{"command":"volume.show","arguments":{"name":"kept"}}""",
        """{"command":"volume.create","arguments":{"name":"a","size":512,"chunkSize":4096,"compression":"zstd:3"}}""",
        """{"command":"volume.set","arguments":{"name":"a","compression":"none"}}""",
        """{"command":"volume.delete","arguments":{"name":"a","confirmed":true,"force":false}}""",
        """{"command":"volume.import","arguments":{"name":"b","size":4096,"replace":false}}""",
        """{"command":"volume.export","arguments":{"name":"kept"}}""",
        """{"data":16,"offset":0}""",
        "0123456789abcdef",
        """{"end":{"size":16,"digest":"00"}}""",
        """{"cancel":true}""",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_lines_cut_and_flipped_do_no_harm(int seed)
    {
        var limits = new AdminLimits { MessageLimit = TimeSpan.FromMilliseconds(50), IdleLimit = TimeSpan.FromMilliseconds(50) };
        using var bench = new AdminBench(limits);
        bench.Store.CreateVolume("kept", 1 << 20);
        var random = new Random(seed);
        for (int round = 0; round < 60; round++)
        {
            using RawAdminClient client = bench.Connect();
            client.ReceiveLine();
            byte[] bytes = Mutate(random);
            try
            {
                client.Send(bytes);
                client.StopSending();
                while (client.ReceiveLine() is not null)
                {
                    // All that matters is that it ends.
                }
            }
            catch (System.Net.Sockets.SocketException)
            {
                // The server was done with this client before it had sent all.
            }
        }

        using RemoteAdmin voe = bench.ConnectAsVoe();
        Assert.Contains(
            voe.Invoke(AdminCommands.VolumeList, new VolumeListRequest(), AdminSession.Plain).Volumes, volume => volume.Name is "kept");
        bench.Stop();
        Assert.DoesNotContain(".partial", bench.Names, StringComparison.Ordinal);
    }

    private static byte[] Mutate(Random random)
    {
        var text = new StringBuilder();
        for (int count = random.Next(1, 6); count > 0; count--)
        {
            text.Append(Lines[random.Next(Lines.Length)]).Append('\n');
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        for (int flips = random.Next(4); flips > 0; flips--)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }
}
