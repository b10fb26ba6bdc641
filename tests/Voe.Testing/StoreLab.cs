using System.Globalization;
using Voe.Store;
using Voe.Store.Hashing;
using Voe.Store.Verify;

namespace Voe.Testing;

/// <summary>What becomes of RocksDB's directory in a crash.</summary>
public enum IndexFate
{
    /// <summary>It is as at its last checkpoint.</summary>
    Kept,

    /// <summary>It is as it was after an earlier crash or close: brought back from a copy, perhaps.</summary>
    Older,

    /// <summary>It is gone.</summary>
    Lost,
}

/// <summary>
/// A store on a simulated disk, with its oracle and a random client: what all schedules share. All follows from the seed,
/// but for the order in which the store's own threads come to run.
/// </summary>
public sealed class StoreLab : IDisposable
{
    private static readonly Guid Id = new("5eed0000-0000-4000-8000-000000000001");

    private readonly TemporaryDirectory _index = new(inMemory: true);
    private readonly TemporaryDirectory _olderIndex = new(inMemory: true);
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

    /// <summary>Lets the store use its own threads, as it must when more than one client uses it.</summary>
    public void UseThreads() => Options = Options with { IsSynchronous = false };

    public VoeStore Store => _store ?? throw new InvalidOperationException("the store is not open");

    /// <summary>Opens the store and compares it with what the oracle allows.</summary>
    public void Open()
    {
        _journal.Add("open");
        _store = VoeStore.Open(Disk.Root, IndexPath, Options);
        Client.Store = _store;
        Require(Reference.Recover(StoreClient.Snapshot(_store)));
    }

    /// <summary>Opens the store without a look at the oracle.</summary>
    public VoeStore Reopen() => _store = VoeStore.Open(Disk.Root, IndexPath, Options);

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
    public void Crash(CrashKind kind, IndexFate fate)
    {
        Disk.Kill();
        Abandon();
        _journal.Add($"{kind}, index {fate}");
        Disk = kind == CrashKind.PowerLost ? Disk.PowerLost(Random.Next()) : Disk.ProcessDied();
        Reference.Crash(kind);
        switch (fate)
        {
            case IndexFate.Lost:
                LoseIndex();
                break;
            case IndexFate.Older when Directory.GetFileSystemEntries(_olderIndex.Path).Length > 0:
                CopyIndex(_olderIndex.Path, _index.Path);
                break;
            default:
                CopyIndex(_index.Path, _olderIndex.Path);
                break;
        }
    }

    /// <summary>A crash of a random kind.</summary>
    public void CrashSomehow() => Crash(RandomCrash(), RandomFate());

    /// <summary>The death of the process or a loss of power.</summary>
    public CrashKind RandomCrash() => Random.Next(2) == 0 ? CrashKind.PowerLost : CrashKind.ProcessDied;

    /// <summary>Mostly kept.</summary>
    public IndexFate RandomFate() => Random.Next(8) switch { 0 or 1 => IndexFate.Lost, 2 => IndexFate.Older, _ => IndexFate.Kept };

    /// <summary>RocksDB's directory is gone; the store must not be open.</summary>
    public void LoseIndex() => Clear(_index.Path);

    /// <summary>RocksDB's directory, for damage to it.</summary>
    public string IndexPath => Path.Combine(_index.Path, "index");

    /// <summary>
    /// Opens a copy of the disk without the index, and the disk itself with it: both must read the same, whatever that is.
    /// </summary>
    public IReadOnlyList<ReferenceVolume> OpenWithAndWithoutIndex()
    {
        IReadOnlyList<ReferenceVolume> without;
        using (var emptyIndex = new TemporaryDirectory(inMemory: true))
        {
            VoeStore copy = VoeStore.Open(Disk.Clone().Root, emptyIndex.Path, Options);
            without = StoreClient.Snapshot(copy);
            copy.Abandon();
        }

        IReadOnlyList<ReferenceVolume> with = StoreClient.Snapshot(Reopen());
        RequireSame(without, with);
        return with;
    }

    /// <summary>Fails unless both are the same volumes with the same content.</summary>
    public void RequireSame(IReadOnlyList<ReferenceVolume> expected, IReadOnlyList<ReferenceVolume> found)
    {
        if (expected.Count != found.Count)
        {
            throw Failure($"{expected.Count} volumes expected, {found.Count} found");
        }

        for (int i = 0; i < expected.Count; i++)
        {
            if (expected[i].DifferenceFrom(found[i]) is { } difference)
            {
                throw Failure(difference);
            }
        }
    }

    /// <summary>Whether the store has come into being.</summary>
    public bool HasSuperblock => Disk.Files().Any(file => string.Equals(file.Path, "superblock", StringComparison.Ordinal));

    /// <summary>Verifies packs and index as voe-fsck does; the store must not be open.</summary>
    public VerifyResult Verify() => StoreVerifier.Run(Disk.Root, IndexPath);

    /// <summary>Fails unless the packs are whole, but for a torn tail or footer, and the index says what they say.</summary>
    public void RequireSound()
    {
        VerifyResult result = Verify();
        if (result.Findings.Any(static finding => finding.Severity == Severity.Damage
            || (finding.Severity == Severity.Repairable && finding.Code >= FindingCode.IndexMissing)))
        {
            throw Failure("the verification finds: " + string.Join("; ", result.Findings));
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
            $"{problem}\n  lives: {string.Join(", ", _journal)}\n"
            + $"  last steps:\n    {string.Join("\n    ", journal)}\n  disk: {files}"), cause);
    }

    public void Dispose()
    {
        Abandon();
        _index.Dispose();
        _olderIndex.Dispose();
    }

    private static void Clear(string path)
    {
        Directory.Delete(path, recursive: true);
        Directory.CreateDirectory(path);
    }

    /// <summary>Makes one directory like another.</summary>
    public static void CopyIndex(string from, string to)
    {
        Clear(to);
        if (!Directory.Exists(from))
        {
            return;
        }

        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
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
        HashAlgorithm = Random.Next(5) == 0 ? HashAlgorithm.Sha256 : HashAlgorithm.Blake3,
        VerifyHashOnRead = Random.Next(4) > 0,
        Clock = new SteppingClock(),
        NewGuid = () => Id,
        IsSynchronous = Random.Next(3) > 0,
    };
}

/// <summary>A schedule came out wrong; the message has the seed that replays it.</summary>
public sealed class ScheduleFailedException(string message, Exception? cause) : Exception(message, cause);
