using Voe.Server.Aoe;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>Whatever comes over the wire, the engine lives, its memory is bounded, and other targets do not notice.</summary>
public sealed class FuzzTests
{
    private const int Groups = 400;
    private const int BufferCount = 4;

    private readonly ITestOutputHelper _output;

    public FuzzTests(ITestOutputHelper output) => _output = output;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_frames_harm_nobody(int seed) => Attack(seed, static random =>
    {
        byte[] frame = new byte[random.Next(3) == 0 ? random.Next(30) : random.Next(1514)];
        random.NextBytes(frame);
        if (frame.Length > 24 && random.Next(8) != 0)
        {
            // As far as the command at least.
            Any((byte)random.Next(6), [], tag: (uint)random.Next(50), shelf: 2, source: Stranger(random)).CopyTo(frame, 0);
        }

        return frame;
    });

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Mutated_frames_harm_nobody(int seed) => Attack(seed, static random => Mutated(random, Valid(random)));

    private static byte[] Valid(Random random)
    {
        byte[] data = new byte[512 * random.Next(3)];
        random.NextBytes(data);
        uint tag = (uint)random.Next(200);
        int lba = random.Next(2200);
        byte[] frame = random.Next(10) switch
        {
            0 => Config(random.Next(6), data.AsSpan(0, Math.Min(data.Length, random.Next(1024))), tag),
            1 => Mask((byte)random.Next(3), OtherMac, Some(random, 0, 4, static random => ((byte)random.Next(4), Stranger(random)))),
            2 => Reserve((byte)random.Next(4), OtherMac, Some(random, 0, 3, Stranger)),
            3 => TrimOf(Some(random, 1, 60, static random => (random.NextInt64(2100), random.Next(100)))),
            4 or 5 => Ata(ReadExt, lba, random.Next(4), tag: tag),
            6 => Ata((byte)random.Next(256), lba, random.Next(256), data, (byte)random.Next(256), tag),
            _ => Write(lba, data, tag),
        };
        Any(frame[19], [], tag, shelf: (ushort)(random.Next(10) == 0 ? 0xffff : 2), slot: 0, Stranger(random)).CopyTo(frame, 0);
        return frame;
    }

    private static T[] Some<T>(Random random, int min, int end, Func<Random, T> make) =>
        [.. Enumerable.Range(0, random.Next(min, end)).Select(_ => make(random))];

    // Four of them, who shut each other out by masks and reservations now and then, and let each other in again.
    private static ulong Stranger(Random random) => OtherMac + (ulong)random.Next(4);

    private static byte[] Mutated(Random random, byte[] frame)
    {
        for (int i = random.Next(3); i > 0; i--)
        {
            frame[random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
        }

        return random.Next(5) switch
        {
            0 => frame[..random.Next(frame.Length)],
            1 => [.. frame, .. new byte[random.Next(100)]],
            _ => frame,
        };
    }

    private void Attack(int seed, Func<Random, byte[]> makeFrame)
    {
        _output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var rig = new AoeRig(new AoeTargetOptions { AllowedMacs = [new MacAddress(ClientMac)] });
        AoeTarget victim = rig.Add(new AoeAddress(2, 0), new MemoryDevice(1 << 20), new AoeTargetOptions { BufferCount = BufferCount });
        var enemy = new FakePort { Name = "enemy0", IsDeaf = true };
        byte[] data = new byte[1024];
        for (int i = 0; i < Groups; i++)
        {
            rig.Receive(enemy, [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => makeFrame(random))]);
            random.NextBytes(data);
            Assert.Equal((0x40, 0), Registers(rig.Ask(Write(i, data, tag: (uint)i))));
            Assert.Equal(data, Data(rig.Ask(Read(i, 2))));
        }

        Assert.True(enemy.FrameCount > Groups);
        Assert.True(victim.Counters.Frames > Groups);
        Assert.InRange(victim.Writes.MemorySize, 0, 2 * BufferCount * (64 << 10));
        Assert.DoesNotContain(rig.Log.Lines, line => line.StartsWith("Critical", StringComparison.Ordinal));
        Assert.DoesNotContain(rig.Log.Lines, line => line.Contains("failed with Fault", StringComparison.Ordinal));
        Assert.Equal(0, rig.Target.Counters.Repetitions);
    }
}
