using System.Text.Json.Serialization;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Dump;

/// <summary>The header of a pack's file.</summary>
/// <param name="Pack">The pack's number, as the header says it.</param>
/// <param name="Bytes">Length of the file.</param>
/// <param name="StoreId">The store.</param>
/// <param name="HashAlgorithm">How chunks are named.</param>
/// <param name="FirstLsn">LSN of the first batch.</param>
/// <param name="PreviousChecksum">What the first batch links to.</param>
/// <param name="DurableLsn">What was durable when the pack was made.</param>
public sealed record PackHeaderEntry(
    uint Pack, long Bytes, Guid StoreId, string HashAlgorithm, ulong FirstLsn, string PreviousChecksum, ulong DurableLsn)
    : DumpEntry("packHeader")
{
    /// <summary>The entry of a header.</summary>
    internal static PackHeaderEntry Of(in PackHeader header, long bytes) => new(
        header.PackId, bytes, header.StoreId, NameOf(header.HashAlgorithm), header.FirstLsn, Hex(header.PreviousChecksum),
        header.DurableLsn);

    /// <inheritdoc/>
    protected override string Describe() => $"header: pack {Pack} of store {StoreId}, hash {HashAlgorithm}, first LSN {FirstLsn} after "
        + $"{PreviousChecksum}, durable LSN {DurableLsn}; the file has {Bytes} bytes";
}

/// <summary>The footer of a pack's file.</summary>
/// <param name="Pack">The pack's number, as the footer says it.</param>
/// <param name="FirstLsn">LSN of the first batch.</param>
/// <param name="LastLsn">LSN of the last batch.</param>
/// <param name="DataEnd">Where the batches end.</param>
/// <param name="BodyLength">Stored length of the body.</param>
/// <param name="PlainLength">Its plain length.</param>
/// <param name="Batches">How many batches.</param>
/// <param name="BodyChecksum">Checksum of the stored body.</param>
/// <param name="LastChecksum">What the next pack links to.</param>
public sealed record PackFooterEntry(
    uint Pack, ulong FirstLsn, ulong LastLsn, uint DataEnd, int BodyLength, int PlainLength, int Batches, string BodyChecksum,
    string LastChecksum) : DumpEntry("packFooter")
{
    /// <summary>The entry of a footer.</summary>
    internal static PackFooterEntry Of(in PackFooter footer) => new(
        footer.PackId, footer.FirstLsn, footer.LastLsn, footer.DataEnd, footer.BodyLength, footer.PlainLength, footer.BatchCount,
        Hex(footer.BodyChecksum), Hex(footer.LastChecksum));

    /// <inheritdoc/>
    protected override string Describe() => $"footer: LSN {FirstLsn} to {LastLsn}, {Batches} batches up to offset {DataEnd}, body "
        + $"{BodyLength} bytes, {PlainLength} plain, checksum {BodyChecksum}, last checksum {LastChecksum}";
}

/// <summary>A batch's header.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Where in its file.</param>
/// <param name="Lsn">Its number.</param>
/// <param name="DurableLsn">What was durable when it was written.</param>
/// <param name="Records">How many records.</param>
/// <param name="TableLength">Bytes of the record table.</param>
/// <param name="PayloadLength">Bytes of the payload.</param>
/// <param name="PreviousChecksum">What it links to.</param>
/// <param name="TableChecksum">Checksum of the record table.</param>
/// <param name="IsRepaired">Whether a repair wrote it.</param>
/// <param name="LinkChecksum">Of a repaired one: what the next batch links to.</param>
/// <param name="LostCount">Of a repaired one: LSNs after its own that it stands for.</param>
/// <param name="Source"><c>file</c>, or <c>footer</c> when the file has damage there.</param>
public sealed record BatchEntry(
    uint Pack, uint Offset, ulong Lsn, ulong DurableLsn, int Records, int TableLength, int PayloadLength, string PreviousChecksum,
    string TableChecksum, [property: JsonPropertyName("repaired")] bool IsRepaired, string? LinkChecksum, uint? LostCount, string Source)
    : DumpEntry("batch")
{
    /// <summary>Whether people see every field.</summary>
    [JsonIgnore]
    internal bool IsDetailed { get; init; }

    /// <summary>The entry of a header.</summary>
    internal static BatchEntry Of(in WalkedBatch batch)
    {
        BatchHeader header = batch.Header;
        return new BatchEntry(
            header.PackId, header.Offset, header.Lsn, header.DurableLsn, header.RecordCount, header.TableLength, header.PayloadLength,
            Hex(header.PreviousChecksum), Hex(header.TableChecksum), header.IsRepaired,
            header.IsRepaired ? Hex(header.LinkChecksum) : null, header.IsRepaired ? header.LostCount : null,
            batch.IsFromFooter ? "footer" : "file");
    }

    /// <inheritdoc/>
    protected override string Describe()
    {
        string repaired = !IsRepaired ? "" : LostCount == 0 ? ", repaired" : $", repaired, stands for LSN {Lsn} to {Lsn + LostCount}";
        string source = Source == "footer" ? ", from the footer" : "";
        string line = $"LSN {Lsn}, durable LSN {DurableLsn}, {Records} records, table {TableLength} bytes, payload {PayloadLength} bytes"
            + repaired + source;
        return !IsDetailed ? $"offset {Offset}: {line}"
            : $"batch: pack {Pack}, offset {Offset}: {line}\n"
                + $"previous checksum {PreviousChecksum}, table checksum {TableChecksum}, "
                + $"payload at offset {Offset + BatchHeader.Size + TableLength}" + (IsRepaired ? $", link checksum {LinkChecksum}" : "");
    }
}

/// <summary>Where the batches of a pack end.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Offset">Where they end.</param>
/// <param name="Batches">How many there were to show.</param>
/// <param name="IsSealed">Whether there is a footer that is whole.</param>
public sealed record PackEndEntry(
    uint Pack, long Offset, long Batches, [property: JsonPropertyName("sealed")] bool IsSealed) : DumpEntry("packEnd")
{
    /// <inheritdoc/>
    protected override string Describe() => $"end of the batches: offset {Offset}, {Batches} shown{(IsSealed ? "" : ", no footer")}";
}
