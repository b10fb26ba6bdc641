using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;

namespace Voe.Store.Dump;

/// <summary>A batch that a walk met.</summary>
/// <param name="Header">Its header.</param>
/// <param name="Table">Its record table; null when neither the file nor the footer has it whole. Valid until the next batch.</param>
/// <param name="IsFromFooter">Whether the footer had to say what the file does not.</param>
internal readonly record struct WalkedBatch(BatchHeader Header, ReadOnlyMemory<byte>? Table, bool IsFromFooter);

/// <summary>
/// Walks over the batches of one pack's file by themselves, whatever the rest of the log says: also those behind the log's end and
/// behind damage. What the file does not give is taken from the footer. Memory: the footer's body, and one record table.
/// </summary>
internal sealed class PackWalk
{
    private readonly IStorageFile _file;
    private readonly uint _packId;
    private readonly Action<long, string> _problem;
    private readonly Dictionary<long, (BatchHeader Header, ReadOnlyMemory<byte> Table)> _footerBatches = [];

    /// <summary>Reads the ends of the file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="packId">The pack that it is by its name.</param>
    /// <param name="problem">Told what is wrong, and at which offset.</param>
    public PackWalk(IStorageFile file, uint packId, Action<long, string> problem)
    {
        _file = file;
        _packId = packId;
        _problem = problem;
        Length = file.Length;
        Header = Read<PackHeader>(ReadHeader, out string headerReason);
        HeaderReason = headerReason;
        Footer = Read<PackFooter>(ReadFooter, out string footerReason);
        FooterReason = footerReason;
    }

    /// <summary>Length of the file.</summary>
    public long Length { get; }

    /// <summary>The header; null when it is not whole.</summary>
    public PackHeader? Header { get; }

    /// <summary>Why it is null.</summary>
    public string HeaderReason { get; }

    /// <summary>The footer's trailer; null when there is none.</summary>
    public PackFooter? Footer { get; }

    /// <summary>Why it is null.</summary>
    public string FooterReason { get; }

    /// <summary>Where the batches ended, after <see cref="Run"/>.</summary>
    public long End { get; private set; } = PackHeader.Size;

    /// <summary>Walks.</summary>
    /// <param name="visit">Gets each batch; false ends the walk.</param>
    public void Run(Func<WalkedBatch, bool> visit)
    {
        LoadFooterBatches();
        long end = Footer?.DataEnd ?? Length;
        (ulong Lsn, uint Link)? expected = Header is { } header ? (header.FirstLsn, header.PreviousChecksum) : null;
        while (End < end)
        {
            WalkedBatch batch;
            uint link;
            try
            {
                if (!TryRead(End, out batch, out link, out string reason))
                {
                    if (!TryGoOn(end, reason))
                    {
                        return;
                    }

                    expected = null;
                    continue;
                }
            }
            catch (Exception e) when (e is StoreFormatException or StoreIOException)
            {
                _problem(End, e.Message);
                return;
            }

            if (expected is { } next && (batch.Header.Lsn != next.Lsn || batch.Header.PreviousChecksum != next.Link))
            {
                _problem(End, $"LSN {batch.Header.Lsn} after {DumpEntry.Hex(batch.Header.PreviousChecksum)} does not follow: "
                    + $"LSN {next.Lsn} after {DumpEntry.Hex(next.Link)} expected");
            }

            if (!visit(batch))
            {
                return;
            }

            expected = (batch.Header.LastLsn + 1, link);
            End += batch.Header.TotalLength;
        }
    }

    private static T? Read<T>(TryReader<T> reader, out string reason)
        where T : struct
    {
        try
        {
            return reader(out T value, out reason) ? value : null;
        }
        catch (Exception e) when (e is StoreFormatException or StoreIOException)
        {
            reason = e.Message;
            return null;
        }
    }

    private bool ReadHeader(out PackHeader header, out string reason)
    {
        byte[] bytes = new byte[PackHeader.Size];
        int read = _file.Read(bytes, 0);
        return PackHeader.TryRead(bytes.AsSpan(0, read), out header, out reason);
    }

    private bool ReadFooter(out PackFooter footer, out string reason) => PackFooter.TryReadFrom(_file, _packId, out footer, out reason);

    private void LoadFooterBatches()
    {
        if (Footer is not { } footer)
        {
            return;
        }

        // What the body repeats is in the batches, so it is no longer than they are: before memory is taken for it.
        string reason = $"the footer says that its body has {footer.PlainLength} bytes, the batches have {footer.DataEnd}";
        try
        {
            if (footer.PlainLength > footer.DataEnd || !footer.TryReadBody(_file, out byte[] body, out reason))
            {
                _problem(footer.DataEnd, reason);
                return;
            }

            ReadOnlyMemory<byte> rest = body;
            while (BatchHeader.TryRead(rest.Span, out BatchHeader header, out reason))
            {
                int length = BatchHeader.Size + header.TableLength;
                if (rest.Length < length || Crc32C.Compute(rest.Span[BatchHeader.Size..length]) != header.TableChecksum)
                {
                    reason = "its record table is not whole";
                    break;
                }

                _footerBatches[header.Offset] = (header, rest[BatchHeader.Size..length]);
                rest = rest[length..];
            }

            if (rest.Length > 0)
            {
                _problem(footer.DataEnd, $"the footer's body, batch {_footerBatches.Count + 1}: {reason}");
            }
        }
        catch (Exception e) when (e is StoreFormatException or StoreIOException)
        {
            _problem(footer.DataEnd, e.Message);
        }
    }

    // A batch from the file, or from the footer, or the header alone; what is wrong is told. False when there is none.
    private bool TryRead(long offset, out WalkedBatch batch, out uint link, out string reason)
    {
        bool isKnown = _footerBatches.TryGetValue(offset, out (BatchHeader Header, ReadOnlyMemory<byte> Table) known);
        if (!TryReadHeader(offset, out BatchHeader header, out link, out reason))
        {
            batch = isKnown ? new WalkedBatch(known.Header, known.Table, IsFromFooter: true) : default;
            if (isKnown)
            {
                _problem(offset, $"{reason}; the footer has its header and records");
                link = known.Header.IsRepaired ? known.Header.LinkChecksum : known.Header.Write(new byte[BatchHeader.Size]);
            }

            return isKnown;
        }

        ReadOnlyMemory<byte>? table = ReadTable(header, out reason);
        bool usesFooter = table is null && isKnown && known.Header == header;
        if (table is null)
        {
            _problem(offset, usesFooter ? $"{reason}; the footer has it" : reason);
        }
        else if (isKnown && (known.Header != header || !known.Table.Span.SequenceEqual(table.Value.Span)))
        {
            _problem(offset, $"LSN {header.Lsn}: the footer has another header or other records");
        }

        batch = new WalkedBatch(header, usesFooter ? known.Table : table, usesFooter);
        return true;
    }

    private bool TryReadHeader(long offset, out BatchHeader header, out uint link, out string reason)
    {
        byte[] bytes = new byte[BatchHeader.Size];
        (header, link) = (default, 0);
        try
        {
            int read = _file.Read(bytes, offset);
            if (!BatchHeader.TryRead(bytes.AsSpan(0, read), out header, out reason))
            {
                return false;
            }
        }
        catch (StoreIOException e)
        {
            reason = $"cannot be read: {e.Message}";
            return false;
        }

        link = BatchHeader.ReadLink(bytes);
        reason = $"the batch says it is in pack {header.PackId} at offset {header.Offset}";
        return header.PackId == _packId && header.Offset == offset;
    }

    private ReadOnlyMemory<byte>? ReadTable(in BatchHeader header, out string reason)
    {
        long offset = header.Offset + BatchHeader.Size;
        reason = $"LSN {header.Lsn}: the record table is cut off by the file's end";
        if (header.TableLength > Length - offset)
        {
            return null; // before memory is taken for it
        }

        byte[] table = new byte[header.TableLength];
        try
        {
            int read = _file.Read(table, offset);
            uint computed = Crc32C.Compute(table.AsSpan(0, read));
            reason = $"LSN {header.Lsn}: table checksum {DumpEntry.Hex(header.TableChecksum)}, computed {DumpEntry.Hex(computed)}";
            if (read == table.Length && computed == header.TableChecksum)
            {
                return table;
            }

            return null; // by itself: as one expression with the table, null would be an empty table
        }
        catch (StoreIOException e)
        {
            reason = $"LSN {header.Lsn}: the record table cannot be read: {e.Message}";
            return null;
        }
    }

    // Behind what is no batch: to the next one, which the footer or a scan finds. False when there is none.
    private bool TryGoOn(long end, string reason)
    {
        long next = _footerBatches.Keys.Where(offset => offset > End).DefaultIfEmpty(0).Min();
        if (next == 0 && TailScan.TryFindBatch(_file, _packId, End, end, 0, out BatchHeader header))
        {
            next = header.Offset;
        }

        if (next == 0 && Footer is null && TailScan.Run(_file, _packId, End).UsedBytes == 0)
        {
            return false; // room that was reserved ahead
        }

        _problem(End, next == 0 ? $"{reason}; no batch follows" : $"{reason}; the next batch is at offset {next}");
        End = next == 0 ? End : next;
        return next != 0;
    }

    private delegate bool TryReader<T>(out T value, out string reason);
}
