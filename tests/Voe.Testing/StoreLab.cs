using System.Globalization;
using Voe.Store;

namespace Voe.Testing;

/// <summary>
/// A store on a simulated disk, with its oracle and a random client: what all schedules share. All follows from the seed,
/// but for the order in which the store's own threads come to run.
/// </summary>
public sealed class StoreLab : IDisposable
{
    private static readonly Guid Id = new("5eed0000-0000-4000-8000-000000000001");

    private readonly TemporaryDirectory _index = new(inMemory: true);
    private readonly List<string> _journal = [];
    private VoeStore? _store;

    public StoreLab(int seed, int largestVolume = 1 << 20)
    {
        Seed = seed;
        Random = new Random(seed);
        Client = new StoreClient(Random, Reference) { LargestVolume = largestVolume };
        Options = RandomOptions();
    }

    public int Seed { get; }

    public Random Random { get; }

    public ReferenceStore Reference { get; } = new();

    public StoreClient Client { get; }

    public SimulatedDisk Disk { get; private set; } = new();

    public StoreOptions Options { get; set; }

    public VoeStore Store => _store ?? throw new InvalidOperationException("the store is not open");

    /// <summary>Opens the store and compares it with what the oracle allows.</summary>
    public void Open()
    {
        _journal.Add("open");
        _store = VoeStore.Open(Disk.Root, _index.Path, Options);
        Client.Store = _store;
        Require(Reference.Recover(StoreClient.Snapshot(_store)));
    }

    /// <summary>Opens the store without a look at the oracle.</summary>
    public VoeStore Reopen() => _store = VoeStore.Open(Disk.Root, _index.Path, Options);

    /// <summary>Closes the store, if it is open, without telling the oracle.</summary>
    public void CloseQuietly()
    {
        _store?.Dispose();
        _store = null;
    }

    /// <summary>Closes the store in peace, which makes everything durable.</summary>
    public void Close()
    {
        _journal.Add("close");
        Store.Dispose();
        _store = null;
        Reference.Flushed();
        if (Disk.OpenHandles != 0)
        {
            throw Failure($"{Disk.OpenHandles} files are still open after closing");
        }
    }

    /// <summary>The process dies, or the power fails, where it stands; what is left of the disk stays.</summary>
    public void Crash(CrashKind kind, bool loseIndex)
    {
        Disk.Kill();
        Abandon();
        _journal.Add($"{kind}{(loseIndex ? ", the index is lost" : "")}");
        Disk = kind == CrashKind.PowerLost ? Disk.PowerLost(Random.Next()) : Disk.ProcessDied();
        Reference.Crash(kind);
        if (loseIndex)
        {
            LoseIndex();
        }
    }

    /// <summary>RocksDB's directory is gone; the store must not be open.</summary>
    public void LoseIndex()
    {
        foreach (string file in Directory.GetFiles(_index.Path, "*", SearchOption.AllDirectories))
        {
            File.Delete(file);
        }
    }

    /// <summary>Does random things; they are checked as they are done.</summary>
    public void Steps(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Require(Client.Step());
        }
    }

    /// <summary>Compares everything.</summary>
    public void CheckAll()
    {
        Require(Reference.Compare(StoreClient.Snapshot(Store)));
        foreach (ReferenceVolume model in Reference.Volumes.Values)
        {
            Require(StoreClient.CheckExtents(Store.OpenVolume(model.Name), model));
        }
    }

    public void Note(string text) => _journal.Add(text);

    /// <summary>Fails the schedule if there is a problem.</summary>
    public void Require(string? problem)
    {
        // What a dying store answers is of no consequence, so long as the next one is right.
        if (problem is not null && !Disk.IsDead)
        {
            throw Failure(problem);
        }
    }

    public ScheduleFailedException Failure(string problem, Exception? cause = null)
    {
        string[] journal = [.. Client.Journal.TakeLast(12)];
        string files = string.Join(' ', Disk.Files().Select(file => $"{file.Path}:{file.Length}"));
        return new ScheduleFailedException(string.Create(CultureInfo.InvariantCulture,
            $"{problem}\n  lives: {string.Join(", ", _journal)}\n  last steps:\n    {string.Join("\n    ", journal)}\n  disk: {files}"), cause);
    }

    public void Dispose()
    {
        Abandon();
        _index.Dispose();
    }

    private void Abandon()
    {
        _store?.Abandon();
        _store = null;
    }

    private StoreOptions RandomOptions() => new()
    {
        PackSize = 1 << 20,
        ChunkCacheSize = Random.Next(2) * (1L << 20),
        IndexMemory = 1L << (20 + Random.Next(4)),
        RocksDbMemory = 8L << 20,
        CheckpointInterval = Random.Next(2) == 0 ? 1L << 20 : 1L << 30,
        Clock = new SteppingClock(),
        NewGuid = () => Id,
        IsSynchronous = Random.Next(3) > 0,
    };
}

/// <summary>A schedule came out wrong; the message has the seed that replays it.</summary>
public sealed class ScheduleFailedException(string message, Exception? cause) : Exception(message, cause);
