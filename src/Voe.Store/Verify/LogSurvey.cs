using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Verify;

/// <summary>
/// The first look at a log: headers, footers, and headers and record tables of all batches, in the log's order. It finds where
/// the log ends and what of it is missing, and reads no payload but of batches that may be part of a torn tail.
/// </summary>
/// <remarks>
/// A log that is being written (<see cref="LiveLog"/>) is read up to what was durable when the survey began, and what follows is left
/// alone: nothing there is wrong yet.
/// For a sealed pack the body of the footer stands in for headers and tables; whether the file says the same is for
/// <see cref="PackVerifier"/> to see, which reads all of it. Behind damage the survey goes on with the next batch that is whole.
/// </remarks>
internal sealed class LogSurvey
{
    private readonly PackSet _packs;
    private readonly Superblock _superblock;
    private readonly FindingList _findings;
    private readonly CancellationToken _cancellation;
    private readonly LogTally _tally;
    private readonly LiveLog? _live;
    private readonly RateLimit? _limit;
    private readonly Dictionary<uint, PackSurvey> _byId = [];
    private ulong _durableLsn;
    private bool _isBroken; // the chain was lost; it begins anew with the next pack
    private bool _hasEnded; // a torn tail was met: what comes after it is part of it

    /// <summary>A survey to be run once.</summary>
    /// <param name="packs">The packs.</param>
    /// <param name="superblock">The store they are of.</param>
    /// <param name="checkpoint">Where the index is, or null.</param>
    /// <param name="findings">Where findings go.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="live">Of a log that is being written: up to where it is read.</param>
    /// <param name="limit">How fast; or null.</param>
    public LogSurvey(
        PackSet packs, in Superblock superblock, LogPosition? checkpoint, FindingList findings, CancellationToken cancellation,
        LiveLog? live = null, RateLimit? limit = null)
    {
        _live = live;
        _limit = limit;
        _durableLsn = live?.DurableLsn ?? 0;
        _packs = packs;
        _superblock = superblock;
        _findings = findings;
        _cancellation = cancellation;
        _tally = new LogTally(findings, checkpoint);
    }

    /// <summary>The packs, ascending.</summary>
    public List<PackSurvey> Packs { get; } = [];

    /// <summary>The volumes at the end of the log.</summary>
    public LogCatalog Catalog => _tally.Catalog;

    /// <summary>The volumes at the index's checkpoint; null when that is not in the log.</summary>
    public LogCatalog? CheckpointCatalog => _tally.CheckpointCatalog;

    /// <summary>The last batch.</summary>
    public LogPosition End { get; private set; }

    /// <summary>Whether batches are missing somewhere.</summary>
    public bool HasGaps { get; private set; }

    /// <summary>The first batch that a repair wrote in place of damage; 0 when there is none.</summary>
    public ulong FirstRepairedLsn => _tally.FirstRepairedLsn;

    /// <summary>Batches of all packs.</summary>
    public long Batches => _tally.Batches;

    /// <summary>Chunks of all packs.</summary>
    public long Chunks => _tally.Chunks;

    /// <summary>Does it.</summary>
    /// <param name="progress">Told how many packs are done, of how many.</param>
    public void Run(Action<int, int> progress)
    {
        foreach (uint id in _packs.ListIds().Where(id => _live is not { } live || id <= live.LastPackId))
        {
            var pack = new PackSurvey(id);
            Packs.Add(pack);
            _byId.Add(id, pack);
            Guard(pack, ReadEnds);
        }

        uint previous = 0;
        int done = 0;
        foreach (PackSurvey pack in Packs)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (pack.Id != previous + 1)
            {
                for (uint id = previous + 1; id < pack.Id; id++)
                {
                    _findings.Add(FindingCode.PackMissing, id, 0, $"the file {PackSet.FileName(id)} is missing");
                }

                Break();
            }

            previous = pack.Id;
            if (_live is { } live && End.LastLsn >= live.DurableLsn && pack.Footer is null)
            {
                pack.IsSkipped = true; // being written
            }
            else if (_hasEnded)
            {
                pack.IsSkipped = true;
                _findings.Add(FindingCode.PackBehindEnd, pack.Id, 0, "is part of the torn tail; the next start deletes it");
            }
            else if (pack.IsSkipped)
            {
                Break();
            }
            else
            {
                Guard(pack, Survey);
            }

            progress(++done, Packs.Count);
        }
    }

    // One pack that the medium does not give must not keep the others from being verified.
    private void Guard(PackSurvey pack, Action<PackSurvey, IStorageFile> action)
    {
        try
        {
            using PackSet.Lease lease = _packs.Acquire(pack.Id);
            action(pack, lease.File);
        }
        catch (StoreIOException e)
        {
            pack.IsSkipped = true;
            _findings.Add(FindingCode.PackUnreadable, pack.Id, 0, $"cannot be read: {e.Message}");
            Break();
        }
    }

    private void Break() => _isBroken = HasGaps = true;

    // Header and footer, and what they say was durable: a batch up to there that is not whole is damage, not a torn tail.
    private void ReadEnds(PackSurvey pack, IStorageFile file)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (_live is null)
        {
            file.DropCache(); // what counts is what the medium has
        }

        _limit?.Take(PackHeader.Size);
        pack.Length = file.Length;
        byte[] bytes = new byte[PackHeader.Size];
        int read = file.Read(bytes, 0);
        if (PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out string reason))
        {
            pack.Header = header;
            _durableLsn = Math.Max(_durableLsn, header.DurableLsn);
        }
        else
        {
            pack.HeaderReason = reason;
        }

        // Without a footer the batches themselves tell what was durable, whole ones behind a torn one too.
        if (PackFooter.TryReadFrom(file, pack.Id, out PackFooter footer, out reason))
        {
            pack.Footer = footer;
            _durableLsn = Math.Max(_durableLsn, footer.LastLsn);
        }
        else
        {
            // One that is written at this moment is half there.
            bool mayBeSealing = _live is { } live && pack.Id >= live.FirstUnsealedPack;
            pack.FooterReason = mayBeSealing ? PackFooter.Missing : reason;
        }

        if (_live is null && pack.Footer is null)
        {
            _durableLsn = Math.Max(_durableLsn, TailScan.Run(file, pack.Id, PackHeader.Size).DurableLsn);
        }
    }

    private void Survey(PackSurvey pack, IStorageFile file)
    {
        if (!TryGetStart(pack, file, out ulong firstLsn, out uint previousChecksum))
        {
            return;
        }

        if (!_isBroken && (firstLsn != End.LastLsn + 1 || previousChecksum != End.LastChecksum))
        {
            string chain = $"begins with LSN {firstLsn} after {previousChecksum:x8}; LSN {End.LastLsn + 1} "
                + $"after {End.LastChecksum:x8} expected";
            if (IsTornTail(pack, 0, chain))
            {
                pack.IsSkipped = true;
                return;
            }

            HasGaps = true;
            _findings.Add(FindingCode.LogGap, pack.Id, 0, chain);
        }

        _isBroken = false;
        End = new LogPosition(firstLsn - 1, previousChecksum, pack.Id, PackHeader.Size);
        if (!TrySurveyFooter(pack, file))
        {
            SurveyFile(pack, file);
        }
    }

    // Where the pack's batches begin. Behind a damaged header the footer, or the first batch itself, says so too.
    private bool TryGetStart(PackSurvey pack, IStorageFile file, out ulong firstLsn, out uint previousChecksum)
    {
        (firstLsn, previousChecksum) = (0, 0);
        if (pack.Header is { } header)
        {
            (firstLsn, previousChecksum) = (header.FirstLsn, header.PreviousChecksum);
            if (header.StoreId == _superblock.StoreId && header.PackId == pack.Id && header.HashAlgorithm == _superblock.HashAlgorithm)
            {
                return true;
            }

            _findings.Add(
                FindingCode.PackMisplaced, pack.Id, 0, $"the file is pack {header.PackId} of store {header.StoreId}, pack {pack.Id} of "
                + $"store {_superblock.StoreId} expected");
            pack.IsSkipped = true;
            Break();
            return false;
        }

        if (IsTornTail(pack, 0, pack.HeaderReason))
        {
            pack.IsSkipped = true;
            return false;
        }

        _findings.Add(FindingCode.PackHeaderDamaged, pack.Id, 0, pack.HeaderReason);
        byte[] bytes = new byte[BatchHeader.Size];
        if (file.Read(bytes, PackHeader.Size) == bytes.Length && BatchHeader.NamesPlace(bytes, pack.Id, PackHeader.Size)
            && BatchHeader.TryRead(bytes, out BatchHeader batch, out _))
        {
            (firstLsn, previousChecksum) = (batch.Lsn, batch.PreviousChecksum);
            return true;
        }

        pack.IsSkipped = true;
        Break();
        return false;
    }

    private bool TrySurveyFooter(PackSurvey pack, IStorageFile file)
    {
        if (pack.Footer is not { } footer)
        {
            if (!string.Equals(pack.FooterReason, PackFooter.Missing, StringComparison.Ordinal))
            {
                _findings.Add(CodeOfNoFooter(pack), pack.Id, pack.Length - PackFooter.Size, pack.FooterReason);
            }

            return false;
        }

        // What the body repeats is in the batches, so it is no longer than they are: before memory is taken for it.
        _limit?.Take(footer.BodyLength);
        string reason = $"the footer says that its body has {footer.PlainLength} bytes, the batches have {footer.DataEnd}";
        if (footer.PlainLength > footer.DataEnd || !footer.TryReadBody(file, out byte[] body, out reason))
        {
            _findings.Add(FindingCode.FooterDamaged, pack.Id, footer.DataEnd, reason);
            return false;
        }

        LogPosition start = End;
        BatchReader reader = BatchReader.OverFooter(body, pack.Id, PackHeader.Size);
        (ulong lsn, uint checksum) = (start.LastLsn, start.LastChecksum);
        int count = 0;
        while (reader.Offset < footer.DataEnd && reader.TryRead(lsn + 1, checksum))
        {
            (lsn, checksum) = (reader.Header.LastLsn, reader.Link);
            count++;
        }

        if (reader.Offset != footer.DataEnd || lsn != footer.LastLsn || checksum != footer.LastChecksum || count != footer.BatchCount)
        {
            string why = reader.Offset < footer.DataEnd ? $": {reader.StopReason}" : "";
            _findings.Add(
                FindingCode.FooterMismatch, pack.Id, footer.DataEnd, $"the footer says {footer.BatchCount} batches up to LSN "
                + $"{footer.LastLsn}, its body has {count} up to LSN {lsn}{why}");
            return false;
        }

        pack.UsesFooter = true;
        AddRun(pack, BatchReader.OverFooter(body, pack.Id, PackHeader.Size), footer.DataEnd, checksPayload: false);
        return true;
    }

    private void SurveyFile(PackSurvey pack, IStorageFile file)
    {
        long end = pack.Footer?.DataEnd ?? long.MaxValue;
        long start = PackHeader.Size;
        while (true)
        {
            BatchReader reader = BatchReader.OverFile(file, pack.Id, start);
            string? stop = AddRun(pack, reader, end, checksPayload: pack.Footer is null);
            if (stop is null)
            {
                return;
            }

            long offset = End.Offset;
            if (pack.Footer is null && offset > PackHeader.Size && NextPackGoesOn(pack))
            {
                if (_live is null)
                {
                    RequireNothingBehind(pack, file, offset);
                }

                return;
            }

            if (pack.Footer is null && !(_durableLsn > End.LastLsn))
            {
                if (TailScan.Run(file, pack.Id, offset).UsedBytes > 0)
                {
                    _ = IsTornTail(pack, offset, stop);
                }

                return;
            }

            if (!TryResume(pack, file, end, stop, out start))
            {
                Break();
                return;
            }
        }
    }

    // Damage: reports it and finds the next whole batch behind it, where the log goes on.
    private bool TryResume(PackSurvey pack, IStorageFile file, long end, string stop, out long start)
    {
        HasGaps = true;
        long offset = End.Offset;
        string durable = pack.Footer is null ? $", but LSN {_durableLsn} was durable" : "";
        if (!TailScan.TryFindBatch(file, pack.Id, offset, end, End.LastLsn, out BatchHeader next))
        {
            _findings.Add(FindingCode.BatchDamaged, pack.Id, offset, $"{stop}{durable}; what this pack has behind it is lost");
            start = 0;
            return false;
        }

        string lost = next.Lsn - 1 > End.LastLsn + 1 ? $"LSN {End.LastLsn + 1} to {next.Lsn - 1} are lost"
            : next.Lsn - 1 == End.LastLsn + 1 ? $"LSN {next.Lsn - 1} is lost" : "no LSN is lost";
        _findings.Add(
            FindingCode.BatchDamaged, pack.Id, offset, $"{stop}{durable}; {lost}, the log goes on at offset {next.Offset}");
        start = next.Offset;
        End = new LogPosition(next.Lsn - 1, next.PreviousChecksum, pack.Id, start);
        return true;
    }

    // Reads batches from the reader's place on; null when they reach the end, else why not.
    private string? AddRun(PackSurvey pack, BatchReader reader, long end, bool checksPayload)
    {
        var run = new BatchRun(reader.Offset, End.LastLsn + 1, End.LastChecksum, 0);
        string? stop = null;
        bool isOpenEnded = _live is not null && pack.Footer is null;
        while (reader.Offset < end && !(isOpenEnded && End.LastLsn >= _live!.Value.DurableLsn))
        {
            _cancellation.ThrowIfCancellationRequested();
            if (!reader.TryRead(End.LastLsn + 1, End.LastChecksum)
                || (checksPayload && reader.Header.Lsn > _durableLsn && !IsPayloadSound(reader)
                    && !_isBroken && _durableLsn <= End.LastLsn))
            {
                stop = reader.StopReason;
                break;
            }

            run = run with { Count = run.Count + 1 };
            End = new LogPosition(reader.Header.LastLsn, reader.Link, pack.Id, reader.Offset);
            HasGaps |= !_tally.TryAdd(pack, reader, End);
        }

        if (run.Count > 0)
        {
            pack.Runs.Add(run);
        }

        return stop;
    }

    // Whether the log goes on in the next pack from where this one's batches end.
    private bool NextPackGoesOn(PackSurvey pack) => _byId.TryGetValue(pack.Id + 1, out PackSurvey? next)
        && next.Header is { } header && header.StoreId == _superblock.StoreId && header.FirstLsn == End.LastLsn + 1
        && header.PreviousChecksum == End.LastChecksum;

    // A pack whose batches are all there, without a footer: it was not sealed yet, unless something stands in its place.
    private void RequireNothingBehind(PackSurvey pack, IStorageFile file, long end)
    {
        bool isReported = _findings.Exists(finding => finding.PackId == pack.Id
            && (finding.Severity == Severity.Repairable || finding.Code == FindingCode.SealingUnfinished));
        if (!isReported && end + TailScan.Run(file, pack.Id, end).UsedBytes > file.Length - PackFooter.Size)
        {
            _findings.Add(CodeOfNoFooter(pack), pack.Id, file.Length - PackFooter.Size, "what ends the pack is no footer");
        }
    }

    // Packs are sealed in order: with a sealed one behind it, this one had a footer that was whole.
    private FindingCode CodeOfNoFooter(PackSurvey pack) => Packs.Exists(other => other.Id > pack.Id && other.Footer is not null)
        ? FindingCode.FooterDamaged
        : FindingCode.SealingUnfinished;

    // Whether the log may end before this, since nothing says that more was ever durable. If so, it is noted.
    private bool IsTornTail(PackSurvey pack, long offset, string reason)
    {
        if (_isBroken || _durableLsn > End.LastLsn)
        {
            return false;
        }

        _findings.Add(FindingCode.TornTail, pack.Id, offset, $"torn tail: {reason}; the next start cuts it off");
        _hasEnded = true;
        return true;
    }

    private static bool IsPayloadSound(BatchReader reader)
    {
        try
        {
            return reader.IsPayloadSound();
        }
        catch (InvalidDataException)
        {
            return true; // the table breaks the format, although its checksum is right: damage, which is told with its place
        }
    }
}
