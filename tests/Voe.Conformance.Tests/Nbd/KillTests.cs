using System.Diagnostics;
using System.Globalization;
using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// Promises P1, P3 and P7: voe-server is killed (SIGKILL) in the middle of writes by several connections of libnbd, again and again
/// over the same store, and each time voe-fsck finds it sound, all that was acknowledged is there, nothing is torn, and it is ready
/// again within seconds.
/// </summary>
/// <remarks>
/// The seed decides what is written and how much is acknowledged before the kill; when exactly the kill meets the server is
/// the machine's. VOE_KILL_ROUNDS and VOE_KILL_SEED ask for more rounds and another seed.
/// </remarks>
public sealed class KillTests
{
    private const int Writers = 4;
    private const int BlockCount = 4096;
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(20);

    private readonly ITestOutputHelper _output;

    public KillTests(ITestOutputHelper output) => _output = output;

    [Fact]
    public void Killed_server_comes_back_with_every_acknowledged_write_and_none_torn()
    {
        LibNbd.SkipUnlessInstalled();
        int rounds = Setting("VOE_KILL_ROUNDS", KernelCollection.IsLong ? 1000 : 30);
        int seed = Setting("VOE_KILL_SEED", 20_260_401);
        _output.WriteLine($"seed {seed}, {rounds} rounds");
        using var directory = new TemporaryDirectory();
        var ledger = new SectorLedger(BlockCount);
        var random = new Random(seed);
        int acknowledged = 0;
        var starts = new List<TimeSpan>();
        for (int round = 0; round <= rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            using ServerProcess server = Start(directory.Path);
            TimeSpan startTime = Stopwatch.GetElapsedTime(start);
            starts.Add(startTime);
            Assert.True(startTime < ReadyLimit, $"round {round}: ready only after {startTime}\n{server.Log}");
            Verify(ledger, server, round);
            if (round < rounds)
            {
                acknowledged += WriteAndKill(ledger, server, new Random(random.Next()), round);
                (int status, string report) = FsckProcess.Run("verify", StoreIn(directory.Path));
                Assert.True(status == 0, $"round {round}: voe-fsck verify ended with {status}\n{report}\n{server.Log}");
            }
        }

        starts.Sort();
        _output.WriteLine($"{acknowledged} operations acknowledged; ready after {starts[starts.Count / 2].TotalSeconds:F2} s (median), "
            + $"{starts[^1].TotalSeconds:F2} s (slowest)");
    }

    private static int Setting(string name, int defaultValue) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            ? value
            : defaultValue;

    // Small packs and checkpoints, so that kills meet sealing and checkpoints too.
    private static ServerProcess Start(string directory) => ServerProcess.Start(
        StoreIn(directory), "--volume", $"disk0={BlockCount * SectorLedger.BlockSize}", "--pack-size", "1MiB",
        "--checkpoint-interval", "4MiB", "--chunk-cache", "16MiB");

    private static string StoreIn(string directory) => Path.Combine(directory, "store");

    private static LibNbd Connect(ServerProcess server) => LibNbd.Connect(server.SocketAddress("disk0"));

    private static void Verify(SectorLedger ledger, ServerProcess server, int round)
    {
        const int PieceBlocks = 256;
        using LibNbd client = Connect(server);
        byte[] content = new byte[PieceBlocks * SectorLedger.BlockSize];
        for (int block = 0; block < BlockCount; block += PieceBlocks)
        {
            Assert.Equal(0, client.Read((long)block * SectorLedger.BlockSize, content));
            for (int i = 0; i < PieceBlocks; i++)
            {
                string? fault = ledger.Settle(block + i, content.AsSpan(i * SectorLedger.BlockSize, SectorLedger.BlockSize));
                Assert.True(fault is null, $"round {round}: {fault}\n{server.Log}");
            }
        }
    }

    private static int WriteAndKill(SectorLedger ledger, ServerProcess server, Random random, int round)
    {
        int goal = random.Next(20, 3000);
        LibNbd[] clients = [.. Enumerable.Range(0, Writers).Select(_ => Connect(server))];
        LedgerWriter[] writers = [.. clients.Select((client, number) =>
            new LedgerWriter(ledger, client, new Random(random.Next()), number, Writers, ((ulong)round << 32) | ((ulong)number << 24)))];
        Thread[] threads = [.. writers.Select(writer => new Thread(writer.Run))];
        Array.ForEach(threads, thread => thread.Start());
        SpinWait.SpinUntil(
            () => writers.Sum(writer => writer.AcknowledgedCount) >= goal || writers.Any(writer => writer.Failure is not null),
            TimeSpan.FromSeconds(60));
        server.Kill();
        Array.ForEach(threads, thread => thread.Join());
        Array.ForEach(clients, client => client.Dispose());
        Assert.All(writers, writer => Assert.Null(writer.Failure));
        int acknowledged = writers.Sum(writer => writer.AcknowledgedCount);
        Assert.True(acknowledged >= goal, $"round {round}: only {acknowledged} operations in a minute\n{server.Log}");
        return acknowledged;
    }
}
