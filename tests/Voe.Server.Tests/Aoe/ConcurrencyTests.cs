using Voe.Server.Aoe;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>Several ports and threads at once: every client sees its own writes, durable when they are answered.</summary>
public sealed class ConcurrencyTests
{
    private const int Clients = 4;
    private const int Rounds = 300;
    private const int SectorsPerClient = 64;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Clients_on_several_ports_see_what_they_wrote(int seed)
    {
        // What was flushed is what a loss of power leaves.
        var memory = new MemoryDevice(Clients * SectorsPerClient * 512);
        byte[] durable = new byte[memory.Size];
        var gate = new Lock();
        memory.BeforeFlush = () =>
        {
            byte[] now = memory.Bytes.ToArray();
            lock (gate)
            {
                now.CopyTo(durable, 0);
            }
        };
        using var rig = new AoeRig(device: memory);
        Exception? failure = null;
        Thread[] work = [.. Enumerable.Range(0, Clients).Select(client => new Thread(() =>
        {
            try
            {
                Work(rig, client, seed, durable, gate);
            }
            catch (Exception error)
            {
                failure = error;
            }
        }))];
        Array.ForEach(work, static thread => thread.Start());
        Array.ForEach(work, static thread => thread.Join());
        Assert.Null(failure);
    }

    private static void Work(AoeRig rig, int client, int seed, byte[] durable, Lock gate)
    {
        var random = new Random((seed * 100) + client);
        var port = new FakePort { Name = $"port{client}", Address = new MacAddress(ServerMac + (ulong)client) };
        byte[] expected = new byte[SectorsPerClient * 512];
        int first = client * SectorsPerClient;
        uint tag = 0;
        for (int round = 0; round < Rounds; round++)
        {
            // Some frames, in one group, that may overlap; the network repeats some of them.
            var frames = new List<byte[]>();
            int count = random.Next(1, 6);
            for (int i = 0; i < count; i++)
            {
                byte[] data = new byte[512 * random.Next(1, 3)];
                random.NextBytes(data);
                int sector = random.Next(SectorsPerClient - 2);
                data.CopyTo(expected, sector * 512);
                frames.Add(ToPort(Write(first + sector, data, ++tag, ClientMac + (ulong)client), client));
                if (random.Next(10) == 0)
                {
                    frames.Add(frames[^1]);
                }
            }

            rig.Receive(port, [.. frames]);
            var waiting = new HashSet<uint>(frames.Select(Tag));
            while (waiting.Count > 0)
            {
                // A repetition that came after the answer is answered too.
                byte[] answer = port.Take();
                Assert.Equal((0x40, 0), Registers(answer));
                waiting.Remove(Tag(answer));
            }

            int read = random.Next(SectorsPerClient - 2);
            rig.Receive(port, ToPort(Read(first + read, 2), client));
            Assert.Equal(expected.AsSpan(read * 512, 1024).ToArray(), Data(TakeRead(port)));
            lock (gate)
            {
                Assert.Equal(expected, durable.AsSpan(first * 512, expected.Length).ToArray());
            }
        }
    }

    private static byte[] TakeRead(FakePort port)
    {
        byte[] answer = port.Take();
        while (answer.Length == 60)
        {
            answer = port.Take();
        }

        return answer;
    }

    private static byte[] ToPort(byte[] frame, int client)
    {
        frame[5] += (byte)client;
        return frame;
    }
}
