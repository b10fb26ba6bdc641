using Voe.Server.Aoe;
using Voe.Store;
using Voe.Store.Volumes;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>
/// How many bytes of chunks a volume writes for each byte of an initiator that, as Linux's driver does, keeps a window of
/// frames under way and fills it up when answers come.
/// </summary>
public sealed class AmplificationTests
{
    private const int ChunkSize = 4096;
    private const int Length = 4 << 20;

    private readonly ITestOutputHelper _output;

    public AmplificationTests(ITestOutputHelper output) => _output = output;

    [Theory]
    [InlineData(1500, 64, 1.07)]
    [InlineData(1500, 16, 1.26)]
    [InlineData(9000, 64, 1.04)]
    [InlineData(9000, 16, 1.13)]
    public void A_stream_is_written_hardly_more_than_once(int mtu, int window, double bound)
    {
        AoeCounters counters = Stream(mtu, window, out AoeRig rig, seed: 1);
        using (rig)
        {
            _output.WriteLine($"MTU {mtu}, window {window}: {counters.Amplification(ChunkSize):f3}, {counters.PartialChunks} chunks "
                + $"in part, {counters.WholeChunks} whole, {counters.Groups} groups");
            Assert.Equal(Length, counters.WriteBytes);
            Assert.InRange(counters.Amplification(ChunkSize), 1, bound);
        }
    }

    private static AoeCounters Stream(int mtu, int window, out AoeRig rig, int seed)
    {
        using var directory = new TemporaryDirectory();
        using VoeStore store = VoeStore.Open(directory.Path);
        Volume volume = store.CreateVolume("disk0", Length * 2, ChunkSize);
        rig = new AoeRig(device: volume);
        rig.Port.Mtu = mtu;
        byte[] expected = new byte[Length];
        new Random(seed).NextBytes(expected);
        int frameSize = (mtu - 36) / 512 * 512;
        uint tag = 0;
        int waiting = 0;
        for (int sent = 0; sent < Length || waiting > 0;)
        {
            var frames = new List<byte[]>();
            for (; waiting < window && sent < Length; waiting++)
            {
                int size = Math.Min(frameSize, Length - sent);
                frames.Add(Write(sent / 512, expected.AsSpan(sent, size), ++tag));
                sent += size;
            }

            rig.Receive([.. frames]);
            Assert.Equal((0x40, 0), Registers(rig.Port.Take()));
            byte[][] more = rig.Port.TakeAll();
            Assert.All(more, static answer => Assert.Equal((0x40, 0), Registers(answer)));
            waiting -= 1 + more.Length;
        }

        byte[] actual = new byte[Length];
        volume.Read([new Store.Devices.BlockRead(0, actual)]);
        Assert.Equal(expected, actual);
        return rig.Target.Counters;
    }
}
