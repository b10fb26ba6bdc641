using System.Diagnostics;
using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// Promise P9 on a real file system that several clients of libnbd fill: they are told ENOSPC, what was acknowledged reads well,
/// also after the server died on the full disk, and writing goes on when there is room again.
/// </summary>
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const int NoSpace = 28; // ENOSPC
    private const int Clients = 3;
    private const int BlocksEach = 8192;
    private const long FileSystemSize = 72 << 20;
    private const long FillerSize = 24 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SectorLedger _ledger = new(Clients * BlocksEach);
    private readonly int[] _written = new int[Clients]; // blocks acknowledged, from the first of each client on
    private ulong _operation;

    [Fact]
    public void A_disk_that_clients_fill_refuses_writes_loses_nothing_and_serves_on_when_there_is_room()
    {
        LibNbd.SkipUnlessInstalled();
        if (LoopDevice.WhyNot is { } reason)
        {
            Assert.Skip(reason);
        }

        using var disk = new SmallFileSystem(FileSystemSize);
        disk.Fill(disk.Free - FillerSize);
        string store = Path.Combine(disk.Path, "store");
        using (ServerProcess server = Start(store))
        {
            Together(server, FillUp);
            output.WriteLine($"full after {_written.Sum()} blocks, {disk.Free} bytes free");
            Assert.All(_written, count => Assert.InRange(count, 1, BlocksEach - 1));
            Verify(server);
            Together(server, StillRefused);
            Verify(server);
            server.Kill();
        }

        using (ServerProcess server = Start(store))
        {
            Verify(server);
            Together(server, FillUp); // the start freed what an unfinished checkpoint had left
            Together(server, StillRefused);
            disk.Empty();
            Together(server, WriteOn);
            Verify(server);
            Assert.Equal(0, server.Stop());
        }

        (int status, string report) = FsckProcess.Run("verify", store);
        Assert.True(status == 0, report);
    }

    private static ServerProcess Start(string store) => ServerProcess.Start(
        store, "--volume", $"disk0={Clients * BlocksEach * SectorLedger.BlockSize},compression=none", "--pack-size", "4MiB",
        "--checkpoint-interval", "8MiB", "--chunk-cache", "8MiB", "--index-memory", "16MiB", "--rocksdb-memory", "16MiB");

    private static void Together(ServerProcess server, Action<LibNbd, int> work)
    {
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Clients).Select(number => new Thread(() =>
        {
            try
            {
                using LibNbd client = LibNbd.Connect(server.SocketAddress("disk0"));
                work(client, number);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref failure, exception, comparand: null);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.True(failure is null, $"{failure}\n{server.Log}");
    }

    private void FillUp(LibNbd client, int number)
    {
        for (; _written[number] < BlocksEach; _written[number]++)
        {
            int error = Write(client, number);
            if (error != 0)
            {
                Assert.Equal(NoSpace, error);
                return;
            }

            if (_written[number] % 64 == 0)
            {
                Assert.Equal(0, client.Flush());
            }
        }
    }

    // What little is left may still take some blocks; what was written can be flushed.
    private void StillRefused(LibNbd client, int number)
    {
        int refused = 0;
        for (int i = 0; i < 20; i++)
        {
            int error = Write(client, number);
            Assert.True(error is 0 or NoSpace, $"errno {error}");
            refused += error == NoSpace ? 1 : 0;
            _written[number] += error == 0 ? 1 : 0;
        }

        Assert.InRange(refused, 1, 20);
        Assert.Equal(0, client.Flush());
    }

    // There is room: the first write may still meet an old refusal, for as long as nobody has tried.
    private void WriteOn(LibNbd client, int number)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 200;)
        {
            int error = Write(client, number);
            Assert.True(error is 0 or NoSpace, $"errno {error}");
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "no room seen for long");
            _written[number] += error == 0 ? 1 : 0;
            i += error == 0 ? 1 : 0;
        }

        Assert.Equal(0, client.Flush());
    }

    private int Write(LibNbd client, int number)
    {
        int block = (number * BlocksEach) + _written[number];
        int sector = block * SectorLedger.SectorsPerBlock;
        ulong operation = Interlocked.Increment(ref _operation);
        byte[] content = new byte[SectorLedger.BlockSize];
        SectorLedger.Fill(content, sector, operation);
        _ledger.Begin(sector, SectorLedger.SectorsPerBlock, operation);
        int error = client.Write((long)block * SectorLedger.BlockSize, content);
        if (error == 0)
        {
            _ledger.Acknowledge(sector, SectorLedger.SectorsPerBlock);
        }

        return error;
    }

    private void Verify(ServerProcess server)
    {
        using LibNbd client = LibNbd.Connect(server.SocketAddress("disk0"));
        byte[] content = new byte[SectorLedger.BlockSize];
        for (int block = 0; block < _ledger.BlockCount; block++)
        {
            if (block % BlocksEach <= _written[block / BlocksEach])
            {
                Assert.Equal(0, client.Read((long)block * SectorLedger.BlockSize, content));
                string? fault = _ledger.Settle(block, content);
                Assert.True(fault is null, $"{fault}\n{server.Log}");
            }
        }
    }
}
