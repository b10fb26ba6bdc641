using Voe.Store.Index;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Verify;

/// <summary>
/// Verifies a store that nobody has open, without changing anything. Holds the store's lock meanwhile. Memory: 32 bytes for each
/// stored chunk, the volumes' coverage (<see cref="VolumeCoverage"/>), and some 20 MiB a thread.
/// </summary>
/// <remarks>
/// <para>Three passes. <see cref="LogSurvey"/> reads headers, footers and record tables in the log's order: where the log ends, what
/// is missing, which volumes there are. <see cref="PackVerifier"/> reads packs whole, many at a time, and puts each chunk into a
/// table. <see cref="MapReplay"/> reads the tables once more from the end, to tell what volumes hold, and <see cref="VolumeVerifier"/>
/// looks each of their chunks up. <see cref="IndexVerifier"/> then holds the index against both.</para>
/// <para>The packs are verified without the index; that it is missing, or behind after a crash, is normal.</para>
/// </remarks>
public sealed class StoreVerifier
{
    private readonly PackSet _packs;
    private readonly Superblock _superblock;
    private readonly string? _indexPath;
    private readonly VerifyOptions _options;
    private readonly FindingList _findings;

    private StoreVerifier(PackSet packs, in Superblock superblock, string? indexPath, VerifyOptions options, FindingList findings)
    {
        _packs = packs;
        _superblock = superblock;
        _indexPath = indexPath;
        _options = options;
        _findings = findings;
    }

    /// <summary>Verifies the store in a local directory.</summary>
    /// <param name="path">The store's directory.</param>
    /// <param name="options">How.</param>
    /// <exception cref="StoreLockedException">The store is in use.</exception>
    /// <exception cref="StoreFormatException">It is no store, or of a format that this program does not know.</exception>
    /// <exception cref="StoreIOException">It cannot be read at all.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static VerifyResult Run(string path, VerifyOptions? options = null) => Run(
        LocalDirectory.Open(path, createIfMissing: false), Path.Combine(Path.GetFullPath(path), StoreLayout.IndexDirectory), options);

    /// <summary>
    /// Verifies the store in <paramref name="directory"/>, and the index in the local directory <paramref name="indexPath"/>
    /// with it, if that is not null.
    /// </summary>
    internal static VerifyResult Run(IStorageDirectory directory, string? indexPath, VerifyOptions? options = null)
    {
        StoreFiles.RequireStore(directory);
        using IDisposable storeLock = directory.Lock(
            StoreLayout.LockFile, $"a verification, process {Environment.ProcessId} on {Environment.MachineName}");
        return RunLocked(directory, indexPath, options);
    }

    /// <summary>The same for a caller who holds the store's lock.</summary>
    internal static VerifyResult RunLocked(IStorageDirectory directory, string? indexPath, VerifyOptions? options = null)
    {
        options ??= new VerifyOptions();
        var findings = new FindingList();
        if (directory.FileExists(StoreLayout.RepairFile))
        {
            findings.Add(FindingCode.RepairUnfinished, 0, 0, "a repair was begun and not finished: run 'voe-fsck repair' again");
        }

        using PackSet? packs = StoreFiles.OpenPacks(directory, maxOpenFiles: 16 + options.Threads);
        Superblock superblock = StoreFiles.ReadSuperblock(directory, packs, findings);
        if (packs is null)
        {
            (IReadOnlyList<Finding> none, _) = findings.ToResult();
            return new VerifyResult(none, 0, 0, 0, 0) { Depth = options.Depth };
        }

        return new StoreVerifier(packs, superblock, indexPath, options, findings).Run();
    }

    private VerifyResult Run()
    {
        using IndexScan? index = OpenIndex(out LogPosition position);
        var survey = new LogSurvey(_packs, _superblock, index is null ? null : position, _findings, _options.Cancellation);
        bool isDeep = _options.Depth == VerifyDepth.Deep;
        survey.Run((done, total) => ReportPacks("reading the packs' records", done, total));
        IndexVerifier? indexVerifier = index is null ? null : new IndexVerifier(index, position, survey, _findings);
        bool isComparable = GuardIndex(indexVerifier, static verifier => verifier.CheckPosition());
        if (isComparable)
        {
            isComparable = GuardIndex(indexVerifier, static verifier =>
            {
                verifier.CheckStored();
                verifier.CheckVolumes();
                return true;
            });
        }

        if (isDeep)
        {
            VerifyDeep(survey, isComparable ? indexVerifier : null, position);
        }

        HashSet<uint> unread = UnreadPacks();
        if (unread.Count > 0)
        {
            GuardIndex(indexVerifier, verifier =>
            {
                verifier.TellWhatMissingPacksHeld(unread);
                return true;
            });
        }

        (IReadOnlyList<Finding> findings, long omitted) = _findings.ToResult();
        long bytes = survey.Packs.Where(static pack => !pack.IsSkipped).Sum(static pack => pack.Length);
        return new VerifyResult(findings, survey.Packs.Count, survey.Batches, survey.Chunks, bytes)
        {
            OmittedFindings = omitted,
            Depth = _options.Depth,
        };
    }

    private HashSet<uint> UnreadPacks() => [.. _findings.ToResult().Findings
        .Where(static finding => finding.Code is FindingCode.PackMissing or FindingCode.PackUnreadable
            or FindingCode.PackHeaderDamaged or FindingCode.PackMisplaced)
        .Select(static finding => finding.PackId)];

    private void VerifyDeep(LogSurvey survey, IndexVerifier? index, LogPosition checkpoint)
    {
        using var table = new ChunkTable(survey.Chunks);
        var chunks = new ChunkCollector(table);
        VerifyPacks(survey, chunks);
        var volumes = new VolumeVerifier(table, chunks.Damaged, survey, _findings);
        var replay = new MapReplay(survey.Catalog.Volumes, survey.End.LastLsn, volumes.Check);
        MapReplay? atCheckpoint = index is null || checkpoint == survey.End
            ? null
            : new MapReplay(survey.CheckpointCatalog!.Volumes, checkpoint.LastLsn, visitor: null);
        ReplayBackwards(survey, replay, atCheckpoint);
        volumes.CheckRoots();
        volumes.Report(chunks.Damaged);
        GuardIndex(index, verifier =>
        {
            verifier.CheckChunks(table);
            verifier.CheckMaps(table, (atCheckpoint ?? replay).Coverage);
            verifier.CheckReferences();
            return true;
        });
    }

    private void ReplayBackwards(LogSurvey survey, MapReplay replay, MapReplay? atCheckpoint)
    {
        for (int i = survey.Packs.Count - 1; i >= 0; i--)
        {
            _options.Cancellation.ThrowIfCancellationRequested();
            PackSurvey pack = survey.Packs[i];
            if (pack.IsSkipped)
            {
                continue;
            }

            Guard(pack, file =>
            {
                PackTables tables = PackTables.Load(pack, file);
                replay.Apply(tables);
                atCheckpoint?.Apply(tables);
            });
            ReportPacks("resolving the volumes' maps", survey.Packs.Count - i, survey.Packs.Count);
        }
    }

    private void ReportPacks(string operation, int done, int total) =>
        _options.Progress?.Invoke(new StoreProgress(operation, done, total) { CountsPacks = true });

    private void VerifyPacks(LogSurvey survey, ChunkCollector chunks)
    {
        PackSurvey[] packs = [.. survey.Packs.Where(static pack => !pack.IsSkipped && pack.Runs.Count > 0)];
        long total = Math.Max(1, packs.Sum(static pack => pack.Length));
        var limit = new RateLimit(
            _options.MaxBytesPerSecond, _options.Clock, _options.Cancellation,
            done => _options.Progress?.Invoke(new StoreProgress("verifying", Math.Min(done, total), total)));
        ParallelPacks.Run(packs, _options.Threads, () =>
        {
            var verifier = new PackVerifier(_superblock.HashAlgorithm, chunks, _findings, limit);
            return pack => Guard(pack, file => verifier.Verify(pack, file));
        });
        _options.Progress?.Invoke(new StoreProgress("verifying", total, total));
    }

    // One pack that the medium does not give must not keep the others from being verified.
    private void Guard(PackSurvey pack, Action<IStorageFile> action)
    {
        try
        {
            using PackSet.Lease lease = _packs.Acquire(pack.Id);
            action(lease.File);
            lease.File.DropCache(); // it is not read again soon; others want the memory
        }
        catch (StoreIOException e)
        {
            _findings.Add(FindingCode.PackUnreadable, pack.Id, 0, $"cannot be read: {e.Message}");
        }
    }

    private IndexScan? OpenIndex(out LogPosition position)
    {
        position = default;
        if (_indexPath is null)
        {
            return null;
        }

        if (!IndexScan.Exists(_indexPath))
        {
            _findings.Add(FindingCode.IndexMissing, 0, 0, $"there is no index in {_indexPath}; the next start makes it from the packs");
            return null;
        }

        IndexScan? index = null;
        try
        {
            index = IndexScan.Open(_indexPath);
            if (index.CheckpointState.IsEmpty && index.FormatVersion == 0)
            {
                _findings.Add(FindingCode.IndexMissing, 0, 0, "the index has no checkpoint yet; the next start makes it from the packs");
            }
            else if (index.FormatVersion == IndexKeys.FormatVersion
                && Checkpointer.TryDecodeState(index.CheckpointState.Span, out position, out _, out _))
            {
                return index;
            }
            else
            {
                _findings.Add(
                    FindingCode.IndexFormatUnknown, 0, 0, $"the index has format {index.FormatVersion}, this program knows "
                    + $"{IndexKeys.FormatVersion}");
            }
        }
        catch (StoreException e)
        {
            _findings.Add(FindingCode.IndexUnreadable, 0, 0, e.Message);
        }

        index?.Dispose();
        return null;
    }

    // What goes wrong with the index is a finding about the index, and no more.
    private bool GuardIndex(IndexVerifier? verifier, Func<IndexVerifier, bool> action)
    {
        _options.Cancellation.ThrowIfCancellationRequested();
        try
        {
            return verifier is not null && action(verifier);
        }
        catch (Exception e) when (e is StoreDamagedException or StoreIOException)
        {
            _findings.Add(FindingCode.IndexUnreadable, 0, 0, e.Message);
            return false;
        }
    }
}
