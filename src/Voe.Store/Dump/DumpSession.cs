using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>A store that is being shown: locked, with its packs at hand. One thread.</summary>
internal sealed class DumpSession : IDisposable
{
    private const int MaxProblemsOfCode = 100;
    private readonly DumpOptions _options;
    private readonly Action<DumpEntry> _output;
    private readonly IDisposable _lock;
    private readonly FindingList _findings = new(MaxProblemsOfCode);
    private readonly HashSet<uint> _unreadable = [];
    private readonly PackSet? _packs;

    /// <summary>Locks the store.</summary>
    /// <exception cref="StoreLockedException">Somebody has it open.</exception>
    /// <exception cref="StoreFormatException">It is no store.</exception>
    public DumpSession(IStorageDirectory directory, DumpOptions options, Action<DumpEntry> output)
    {
        Directory = directory;
        _options = options;
        _output = output;
        StoreFiles.RequireStore(directory);
        _lock = directory.Lock(StoreLayout.LockFile, $"a dump, process {Environment.ProcessId} on {Environment.MachineName}");
        try
        {
            _packs = StoreFiles.OpenPacks(directory, maxOpenFiles: 4);
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>The store's directory.</summary>
    public IStorageDirectory Directory { get; }

    /// <summary>The packs.</summary>
    /// <exception cref="DumpTargetException">There is no directory of them.</exception>
    public PackSet Packs => _packs ?? throw new DumpTargetException($"{Directory.Path} has no directory \"{StoreLayout.PacksDirectory}\"");

    /// <summary>What the superblock says, or the packs in its place. After <see cref="ReadLog"/> or <see cref="ReadSuperblock"/>.</summary>
    public Superblock Superblock { get; private set; }

    /// <summary>Hands something over to be shown.</summary>
    /// <exception cref="OperationCanceledException">The work is to end.</exception>
    public void Show(DumpEntry entry)
    {
        _options.Cancellation.ThrowIfCancellationRequested();
        _output(entry);
    }

    /// <summary>Reads the superblock.</summary>
    /// <exception cref="StoreFormatException">Nothing says what it was, or it is of a format that this program does not know.</exception>
    public void ReadSuperblock() => Superblock = StoreFiles.ReadSuperblock(Directory, _packs, _findings);

    /// <summary>Reads headers, footers and record tables of all packs.</summary>
    public LogSurvey ReadLog()
    {
        if (Directory.FileExists(StoreLayout.RepairFile))
        {
            _findings.Add(FindingCode.RepairUnfinished, 0, 0, "a repair was begun and not finished: run 'voe-fsck repair' again");
        }

        ReadSuperblock();
        var survey = new LogSurvey(Packs, Superblock, checkpoint: null, _findings, _options.Cancellation);
        survey.Run((done, total) => Report("reading the packs' records", done, total));
        return survey;
    }

    /// <summary>The same; what is wrong is shown at once, since it may be why something is missing in what follows.</summary>
    public LogSurvey ReadLogAndShowProblems()
    {
        LogSurvey survey = ReadLog();
        (IReadOnlyList<Finding> findings, long omitted) = TakeFindings();
        foreach (Finding finding in findings)
        {
            Show(ProblemEntry.Of(finding));
        }

        ShowOmitted(omitted);
        return survey;
    }

    /// <summary>What is wrong with the log, by pack and offset; and how much more.</summary>
    public (IReadOnlyList<Finding> Findings, long Omitted) TakeFindings() => _findings.ToResult();

    /// <summary>Says that there are more problems than those that were kept.</summary>
    public void ShowOmitted(long count)
    {
        if (count > 0)
        {
            Show(new ProblemEntry(null, null, null, $"and {count} more of the same kinds"));
        }
    }

    /// <summary>Hands each pack's tables over, from the first to the last pack or the other way.</summary>
    public void ForEachTables(LogSurvey survey, bool isBackwards, string operation, Action<PackTables> action)
    {
        for (int i = 0; i < survey.Packs.Count; i++)
        {
            PackSurvey pack = survey.Packs[isBackwards ? survey.Packs.Count - 1 - i : i];
            _options.Cancellation.ThrowIfCancellationRequested();
            if (!pack.IsSkipped)
            {
                Guard(pack.Id, file =>
                {
                    action(PackTables.Load(pack, file));
                    file.DropCache();
                });
            }

            Report(operation, i + 1, survey.Packs.Count);
        }
    }

    /// <summary>Hands each batch over, from the first to the last; records that break the format end their batch.</summary>
    public void ForEachBatch(LogSurvey survey, string operation, BatchVisitor visitor) =>
        ForEachTables(survey, isBackwards: false, operation, tables =>
        {
            for (int i = 0; i < tables.Count; i++)
            {
                try
                {
                    visitor(tables.Headers[i], new RecordTableReader(tables.Table(i)));
                }
                catch (InvalidDataException)
                {
                    // Told by the survey (VF016).
                }
            }
        });

    /// <summary>Works on a pack's file; false, and a problem is shown once, when the medium does not give it.</summary>
    public bool Guard(uint pack, Action<IStorageFile> action)
    {
        try
        {
            using PackSet.Lease lease = Packs.Acquire(pack);
            action(lease.File);
            return true;
        }
        catch (StoreIOException e)
        {
            if (_unreadable.Add(pack))
            {
                Show(ProblemEntry.In(pack, 0, $"cannot be read: {e.Message}"));
            }

            return false;
        }
    }

    /// <summary>Tells how far a pass over the packs is.</summary>
    public void Report(string operation, int done, int total) =>
        _options.Progress?.Invoke(new StoreProgress(operation, done, total) { CountsPacks = true });

    /// <inheritdoc/>
    public void Dispose()
    {
        _packs?.Dispose();
        _lock.Dispose();
    }
}

/// <summary>Gets a batch and its records, from the first one on.</summary>
internal delegate void BatchVisitor(BatchHeader header, RecordTableReader records);
