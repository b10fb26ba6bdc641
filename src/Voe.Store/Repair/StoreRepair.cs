using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Store.Verify;

namespace Voe.Store.Repair;

/// <summary>
/// Repairs a store that nobody has open: what is damaged is restored from whatever has it, else dropped into lost+found and
/// remembered as lost, so that the rest can be read. docs/design.md, "Repair".
/// </summary>
/// <remarks>
/// It never makes things worse. First all is planned, by reading alone. The bytes that will be dropped are saved; a marker says
/// that a repair is under way, and no server opens the store while it is there. Each file is replaced by a rename. The index that
/// was there stays until the end, since it may know what the log lost. After a crash at any step the next repair comes to the same.
/// </remarks>
public sealed class StoreRepair
{
    private readonly IStorageDirectory _directory;
    private readonly IStorageDirectory _packs;
    private readonly RepairOptions _options;
    private readonly IndexFiles _index;
    private readonly string _indexPath;
    private readonly RescueSources _sources;
    private readonly List<RepairStep> _steps = [];
    private Superblock _superblock;
    private string _superblockFault = "";

    private StoreRepair(IStorageDirectory directory, string indexPath, RepairOptions options, RescueSources sources)
    {
        _directory = directory;
        _packs = directory.OpenDirectory(StoreLayout.PacksDirectory);
        _options = options;
        _indexPath = indexPath;
        _index = new IndexFiles(indexPath);
        _sources = sources;
    }

    /// <summary>Repairs the store in a local directory.</summary>
    /// <exception cref="StoreLockedException">The store is in use.</exception>
    /// <exception cref="StoreFormatException">It is no store, or of a format that this program does not know.</exception>
    /// <exception cref="StoreDamagedException">It is damaged in a way that cannot be repaired; nothing was changed.</exception>
    public static RepairResult Run(string path, RepairOptions options)
    {
        using var sources = RescueSources.Open(options.From);
        string indexPath = Path.Combine(Path.GetFullPath(path), StoreLayout.IndexDirectory);
        return Run(LocalDirectory.Open(path, createIfMissing: false), indexPath, options, sources);
    }

    /// <summary>Repairs the store in <paramref name="directory"/>, with its index in a local directory.</summary>
    internal static RepairResult Run(IStorageDirectory directory, string indexPath, RepairOptions options, RescueSources sources)
    {
        string holder = $"a repair, process {Environment.ProcessId} on {Environment.MachineName}";
        using IDisposable storeLock = directory.Lock(StoreLayout.LockFile, holder);
        try
        {
            return new StoreRepair(directory, indexPath, options, sources).Run();
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamagedException($"{directory.Path}: the records of a batch break the format although their checksum is "
                + $"right, which this program cannot repair: {e.Message}", e);
        }
    }

    private RepairResult Run()
    {
        (_superblock, _superblockFault) = SuperblockRescue.Read(_directory, _sources.OnlySuperblock);
        if (_superblockFault.Length > 0)
        {
            _steps.Add(new RepairStep(RepairKind.SuperblockRestored, 0, 0, Superblock.Size, _superblockFault));
        }

        PackFiles survey = PackFiles.Run(_packs, _superblock.StoreId);
        _steps.AddRange(survey.Misnamed.Select(static file => new RepairStep(RepairKind.PackRenamed, file.Key, 0, 0,
            $"the file \"{file.Value}\" is pack {file.Key}")));
        _steps.AddRange(survey.Strangers.Select(static name => new RepairStep(RepairKind.PackPutAside, 0, 0, 0,
            $"the file \"{name}\" is none of this store's packs, or a second one: it gets the ending \".foreign\"")));
        LogPosition checkpoint = _index.PeekCheckpoint(out uint nextVolumeId, out bool hasLosses);
        LogPlan plan = LogPlanner.Run(survey, _sources.CopiesOf(_superblock.StoreId), _superblock, checkpoint, Report("reading the packs"));
        bool isUnfinished = _directory.FileExists(StoreLayout.RepairFile);
        _steps.AddRange(plan.AllSteps);
        bool mayBeWanting = !_sources.IsEmpty && hasLosses;
        string indexFault = _steps.Count > 0 || isUnfinished ? "" : IndexCheck.FindFault(_directory, _indexPath, _options.Progress);
        if (indexFault.Length > 0)
        {
            _steps.Add(new RepairStep(RepairKind.IndexRebuilt, 0, 0, 0, indexFault));
        }

        if (_steps.Count == 0 && !isUnfinished && !mayBeWanting)
        {
            return new RepairResult(RepairOutcome.Clean, [], [], null);
        }

        string? refusal = FindRefusal(plan, checkpoint);
        return refusal is not null || _options.IsDryRun
            ? new RepairResult(_steps.Count == 0 ? RepairOutcome.Clean : RepairOutcome.Uncorrected, _steps, [], refusal)
            : Repair(survey, plan, checkpoint, nextVolumeId, isUnfinished || indexFault.Length > 0);
    }

    // Why the repair would show wrong data without anybody's consent, or null.
    private string? FindRefusal(LogPlan plan, in LogPosition checkpoint)
    {
        ulong covered = plan.IsIndexOfLog ? checkpoint.LastLsn : 0;
        RepairStep? unknown = plan.AllSteps.FirstOrDefault(step => step.Kind == RepairKind.BatchesLost && step.LastLsn > covered);
        return unknown is null || _options.AcceptsOlderData
            ? null
            : $"LSN {unknown.FirstLsn} to {unknown.LastLsn} (pack {unknown.PackId}, offset {unknown.Offset}) are lost with the record of "
                + "what they changed, and the index does not have it either: parts of volumes that they wrote would read as they were "
                + "before. Nothing was changed. "
                + "A copy of the store (--from) may have these batches; to go on without, say --accept-older-data";
    }

    private RepairResult Repair(PackFiles survey, LogPlan plan, in LogPosition checkpoint, uint nextVolumeId, bool rebuildsIndex)
    {
        var record = new LostAndFound(_directory);
        record.SaveBytes(plan);
        record.WriteRecord(_steps, [], _options.Clock.GetUtcNow()); // once more at the end, when it is known what is lost
        BeginRepair();
        if (_superblockFault.Length > 0)
        {
            _superblock.WriteTo(_directory);
        }

        survey.Rename(_packs);
        foreach (PackPlan pack in plan.Packs.Where(static pack => pack.Own is not null))
        {
            pack.Own = new PackSource(_packs, PackSet.FileName(pack.Id));
        }

        List<PackPlan> rewritten = plan.Packs.FindAll(static pack => pack.IsRewritten);
        if (rewritten.Count > 0 || rebuildsIndex)
        {
            _index.PutAside();
            _directory.Sync();
        }

        RewritePacks(plan, rewritten);
        List<AffectedRange> lost = OpenAndRestore(plan, checkpoint, nextVolumeId, record);
        record.WriteRecord(_steps, lost, _options.Clock.GetUtcNow());
        _index.DropOld();
        _directory.DeleteFile(StoreLayout.RepairFile);
        _directory.Sync();
        bool hasLoss = lost.Count > 0 || (_options.AcceptsOlderData && FindLostBatches(plan, checkpoint));
        return new RepairResult(hasLoss ? RepairOutcome.CorrectedWithLosses : RepairOutcome.Corrected, _steps, lost, null);
    }

    private static bool FindLostBatches(LogPlan plan, LogPosition checkpoint) => plan.AllSteps.Any(step =>
        step.Kind == RepairKind.BatchesLost && (!plan.IsIndexOfLog || step.LastLsn > checkpoint.LastLsn));

    private void BeginRepair()
    {
        if (!_directory.FileExists(StoreLayout.RepairFile))
        {
            _directory.CreateFile(StoreLayout.RepairFile).Dispose();
        }

        _directory.Sync();
    }

    private void RewritePacks(LogPlan plan, List<PackPlan> rewritten)
    {
        if (rewritten.Count == 0)
        {
            return;
        }

        // A new pack says that everything before it is durable, so that is made true first.
        foreach (PackPlan pack in plan.Packs.Where(static pack => pack.Own is not null))
        {
            using IStorageFile file = _packs.OpenFile(PackSet.FileName(pack.Id), writable: true);
            file.SyncData();
        }

        var rewriter = new PackRewriter(_packs, _superblock);
        Action<long, long> report = Report("writing packs anew");
        for (int i = 0; i < rewritten.Count; i++)
        {
            rewriter.Write(rewritten[i]);
            report(i + 1, rewritten.Count);
        }
    }

    // Opens the store, which cuts a torn tail and rebuilds the index; gives it back what others know; says what is still lost.
    private List<AffectedRange> OpenAndRestore(LogPlan plan, in LogPosition checkpoint, uint nextVolumeId, LostAndFound record)
    {
        StoreOptions options = _options.Store with { Progress = _options.Progress, Holder = "a repair" };
        StoreEngine engine = StoreEngine.Open(_packs, _indexPath, _superblock, options);
        bool isDone = false;
        try
        {
            using Index.StoreIndex? old = OpenOldIndex(engine, plan, checkpoint);
            if (old is not null)
            {
                using var packs = new PackSet(_packs, maxOpenFiles: 16);
                MapRestore.Run(engine, packs, old, checkpoint, nextVolumeId, _steps);
            }

            (Dictionary<ChunkHash, int> missing, List<AffectedRange> lost) = LostRanges.Find(engine);
            if (missing.Count > 0)
            {
                using var rescue = new ChunkRescue(engine, missing, ChunkHasher.For(_superblock.HashAlgorithm), _steps);
                if (old is not null)
                {
                    rescue.SearchDropped(old, record);
                }

                _sources.Search(rescue, _superblock, Report("looking for lost chunks"));
                lost = LostRanges.Find(engine).Ranges;
            }

            isDone = true;
            engine.Close();
            return lost;
        }
        finally
        {
            if (!isDone)
            {
                engine.Abandon();
            }
        }
    }

    // The index as it was before the repair, if it can tell what the log lost.
    private Index.StoreIndex? OpenOldIndex(StoreEngine engine, LogPlan plan, in LogPosition checkpoint)
    {
        if (!engine.Catalog.HasLosses || !plan.IsIndexOfLog || checkpoint.LastLsn == 0 || _index.OldPath is not { } path)
        {
            return null;
        }

        return Index.StoreIndex.Open(path, new Index.IndexOptions
        {
            Memory = _options.Store.IndexMemory,
            RocksDbMemory = _options.Store.RocksDbMemory,
        });
    }

    private Action<long, long> Report(string operation) =>
        (done, total) => _options.Progress?.Invoke(new StoreProgress(operation, done, total));
}
