using System.Diagnostics.CodeAnalysis;
using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>Where a file that holds a pack is: the store's own, or that of a copy of the store.</summary>
/// <param name="Directory">The directory.</param>
/// <param name="FileName">The file's name in it; not always the one that belongs to the pack.</param>
internal sealed record PackSource(IStorageDirectory Directory, string FileName)
{
    /// <summary>Opens the file for reading whatever the medium gives.</summary>
    public RescueFile Open() => new(Directory.OpenFile(FileName, writable: false));
}

/// <summary>
/// One file that should hold a pack, open, with what of it is whole: batches are looked up by their place, in the file itself
/// and in what its footer repeats.
/// </summary>
internal sealed class PackCopy : IDisposable
{
    private readonly uint _id;
    private readonly Dictionary<long, (int Start, int Length)> _repeated = []; // header and table in _body, by offset of the batch
    private readonly byte[] _body = [];

    private PackCopy(uint id, PackSource source, Guid storeId)
    {
        _id = id;
        Source = source;
        File = source.Open();
        Length = File.Length;
        byte[] bytes = new byte[PackHeader.Size];
        int read = File.Read(bytes, 0);
        if (PackHeader.TryRead(bytes.AsSpan(0, read), out PackHeader header, out string reason) && header.StoreId == storeId
            && header.PackId == id)
        {
            Header = header;
        }

        HeaderFault = Header is null ? reason.Length > 0 ? reason : $"it is pack {header.PackId} of store {header.StoreId}" : "";
        if (!PackFooter.TryReadFrom(File, id, out PackFooter footer, out reason))
        {
            FooterFault = reason;
            return;
        }

        Footer = footer;
        if (footer.TryReadBody(File, out byte[] body, out reason))
        {
            _body = body;
            ReadRepeated();
        }

        FooterFault = reason;
    }

    /// <summary>Where it is.</summary>
    public PackSource Source { get; }

    /// <summary>The file.</summary>
    public RescueFile File { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>The pack's header, if it is whole and this pack's.</summary>
    public PackHeader? Header { get; }

    /// <summary>Why there is none.</summary>
    public string HeaderFault { get; }

    /// <summary>The footer's trailer, if it is whole.</summary>
    public PackFooter? Footer { get; }

    /// <summary>Why there is no trailer or no body, or empty.</summary>
    public string FooterFault { get; }

    /// <summary>Whether the footer is there with its body.</summary>
    public bool IsFooterWhole => Footer is not null && FooterFault.Length == 0;

    /// <summary>How many batches the footer repeats.</summary>
    public int RepeatedCount => _repeated.Count;

    /// <summary>Opens a file as that pack of that store.</summary>
    public static PackCopy Open(uint id, PackSource source, Guid storeId) => new(id, source, storeId);

    /// <summary>Reads header and table of the batch that begins at that offset, from the file's batches.</summary>
    public bool TryReadBatch(long offset, [NotNullWhen(true)] out FoundBatch? batch, out string reason)
    {
        batch = null;
        byte[] head = new byte[BatchHeader.Size];
        int read = File.Read(head, offset);
        if (!BatchHeader.TryRead(head.AsSpan(0, read), out BatchHeader header, out reason))
        {
            return false;
        }

        if (header.PackId != _id || header.Offset != offset)
        {
            reason = $"the batch says it is in pack {header.PackId} at offset {header.Offset}";
            return false;
        }

        byte[] bytes = new byte[BatchHeader.Size + header.TableLength];
        head.CopyTo(bytes, 0);
        read = File.Read(bytes.AsSpan(BatchHeader.Size), offset + BatchHeader.Size);
        uint computed = Crc32C.Compute(bytes.AsSpan(BatchHeader.Size, read));
        batch = new FoundBatch(header, bytes, BatchHeader.ReadLink(head), this, "");
        if (read == header.TableLength && computed == header.TableChecksum)
        {
            return true;
        }

        reason = $"table checksum {header.TableChecksum:x8}, computed {computed:x8}";
        return false;
    }

    /// <summary>Header and table of the batch that begins at that offset, as the footer repeats them; or null.</summary>
    public FoundBatch? FindRepeated(long offset)
    {
        if (!_repeated.TryGetValue(offset, out (int Start, int Length) place))
        {
            return null;
        }

        byte[] bytes = _body.AsSpan(place.Start, place.Length).ToArray();
        _ = BatchHeader.TryRead(bytes, out BatchHeader header, out _);
        return new FoundBatch(header, bytes, BatchHeader.ReadLink(bytes), this, "the footer");
    }

    /// <summary>The pack's first batch as the footer has it, or null.</summary>
    public FoundBatch? FirstRepeated => FindRepeated(PackHeader.Size);

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private void ReadRepeated()
    {
        for (int at = 0; at < _body.Length;)
        {
            if (!BatchHeader.TryRead(_body.AsSpan(at), out BatchHeader header, out _) || header.PackId != _id
                || header.TableLength > _body.Length - at - BatchHeader.Size
                || Crc32C.Compute(_body.AsSpan(at + BatchHeader.Size, header.TableLength)) != header.TableChecksum)
            {
                return;
            }

            _repeated[header.Offset] = (at, BatchHeader.Size + header.TableLength);
            at += BatchHeader.Size + header.TableLength;
        }
    }
}

/// <summary>Header and record table of a batch that was found.</summary>
/// <param name="Header">The header.</param>
/// <param name="Bytes">Header and table.</param>
/// <param name="Link">What the next batch links to.</param>
/// <param name="Copy">In which file.</param>
/// <param name="Origin">Where in it, in words, unless it is where it should be.</param>
internal sealed record FoundBatch(BatchHeader Header, byte[] Bytes, uint Link, PackCopy Copy, string Origin)
{
    /// <summary>Whether it is where batches are, byte for byte.</summary>
    public bool IsInPlace => Origin.Length == 0;

    /// <summary>The record table.</summary>
    public ReadOnlySpan<byte> Table => Bytes.AsSpan(BatchHeader.Size);

    /// <summary>Whether it is that one of the log.</summary>
    public bool Follows(in LogCursor before) => Header.Lsn == before.LastLsn + 1 && Header.PreviousChecksum == before.Link;
}

/// <summary>A place in the log's order.</summary>
/// <param name="LastLsn">The last batch, or the last of those that a repaired one stands for.</param>
/// <param name="Link">What the next one links to.</param>
internal readonly record struct LogCursor(ulong LastLsn, uint Link);
