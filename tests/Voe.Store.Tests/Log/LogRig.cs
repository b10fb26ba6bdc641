using System.Collections.Concurrent;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Testing;

namespace Voe.Store.Tests.Log;

/// <summary>A log without an index, on a simulated disk, with small packs.</summary>
internal sealed class LogRig : ILogObserver, IDisposable
{
    public const int PackSize = 16 << 10;
    private PackSet? _packs;
    private LogWriter? _log;

    public LogRig(bool isSynchronous = true) => Options = new LogOptions
    {
        HashAlgorithm = HashAlgorithm.Blake3,
        StoreId = new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        PackSize = PackSize,
        ReserveStep = 4 << 10,
        IsSynchronous = isSynchronous,
    };

    public SimulatedDisk Disk { get; set; } = new();

    public LogOptions Options { get; set; }

    /// <summary>What comes between the log and the disk, or null.</summary>
    public Func<IStorageDirectory, IStorageDirectory>? Between { get; init; }

    public LogWriter Log => _log!;

    public PackSet Packs => _packs!;

    /// <summary>LSNs in the order in which they were applied, by this log or by its recovery.</summary>
    public ConcurrentQueue<ulong> Applied { get; } = new();

    /// <summary>What <see cref="ILogObserver.MakeRoom"/> was asked for, entry counts.</summary>
    public ConcurrentQueue<int> RoomAsked { get; } = new();

    /// <summary>Reads the log from <paramref name="start"/> on and goes on writing it.</summary>
    public RecoveredLog Open(LogPosition start = default)
    {
        IStorageDirectory root = Between is null ? Disk.Root : Between(Disk.Root);
        _packs = new PackSet(root, 4);
        RecoveredLog found = Recover(start);
        _log = new LogWriter(_packs, Options, found.End, found.LastPackId, found.Unsealed, this);
        return found;
    }

    /// <summary>Reads the log, and no more.</summary>
    public RecoveredLog Recover(LogPosition start = default)
    {
        _packs ??= new PackSet(Disk.Root, 4);
        return LogRecovery.Run(_packs, Options, start, (header, _, _) => Applied.Enqueue(header.Lsn), static (_, _) => { });
    }

    /// <summary>The process dies: nothing more is written.</summary>
    public void Die()
    {
        Dispose();
        Disk = Disk.ProcessDied();
        Applied.Clear();
    }

    /// <summary>Closes in peace.</summary>
    public void Close()
    {
        Log.Flush();
        Log.Close();
        Dispose();
        Applied.Clear();
    }

    /// <summary>Appends a batch with a payload of that many bytes.</summary>
    public void Append(int length, int seed = 1)
    {
        using var batch = new TestBatch(this, length, seed);
        Log.Append(batch);
        Assert.True(batch.WasAppended);
    }

    /// <summary>Appends batches of 3 KiB until that many packs exist; returns how many batches.</summary>
    public int AppendPacks(int count)
    {
        int batches = 0;
        while (Packs.ListIds().Count < count)
        {
            Append(3000, ++batches);
        }

        return batches;
    }

    public void Dispose()
    {
        _log?.Dispose();
        _packs?.Dispose();
        (_log, _packs) = (null, null);
    }

    public void MakeRoom(int entryCount, LogPosition end) => RoomAsked.Enqueue(entryCount);

    public void Written(long bytes, LogPosition end) => Assert.True(bytes > 0 && bytes % 8 == 0);
}

/// <summary>A batch with one small write in it.</summary>
internal sealed class TestBatch : BatchBody
{
    private readonly LogRig _rig;

    public TestBatch(LogRig rig, int length, int seed)
    {
        _rig = rig;
        byte[] payload = new byte[length];
        new Random(seed).NextBytes(payload);
        Payload = payload;
        Table.AddDelta(new DeltaRecord(1, seed, length, Crc32C.Compute(payload)));
    }

    public Func<bool> Validity { get; init; } = static () => true;

    public bool DependsOn { get; init; }

    public override int EntryCount => 1;

    public override bool DependsOnOthers => DependsOn;

    public BatchPlace Place { get; private set; }

    public override bool IsStillValid() => Validity();

    public override void Apply(in BatchPlace place)
    {
        Place = place;
        _rig.Applied.Enqueue(place.Lsn);
    }
}
