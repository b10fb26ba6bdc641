using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Voe.Store.Chunks;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Verify;

namespace Voe.Store.Dump;

/// <summary>
/// One thing that a dump shows: a line or two for people, an object in JSON. Fields are added, never changed or removed; those that
/// say nothing are null and left out. Lengths and offsets are bytes, checksums eight hexadecimal digits, hashes 64.
/// </summary>
/// <param name="Kind">What kind of thing it is, for programs.</param>
public abstract record DumpEntry([property: JsonPropertyOrder(-1)] string Kind)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>For people; lines are parted by a newline, none at the end.</summary>
    public sealed override string ToString() => Describe();

    /// <summary>For programs: one JSON object, in one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, GetType(), Json);

    /// <summary>The text of <see cref="ToString"/>.</summary>
    protected abstract string Describe();

    /// <summary>A name in quotes, in which nothing can be mistaken for the end of the line or a command to a terminal.</summary>
    internal static string Quote(string name) => $"\"{JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>A checksum as text.</summary>
    internal static string Hex(uint checksum) => checksum.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>A codec as text.</summary>
    internal static string NameOf(ChunkCodec codec) => codec switch
    {
        ChunkCodec.Raw => "raw",
        ChunkCodec.Lz4 => "lz4",
        ChunkCodec.Zstd => "zstd",
        _ => "lost",
    };

    /// <summary>A hash algorithm as text.</summary>
    internal static string NameOf(HashAlgorithm algorithm) => algorithm == HashAlgorithm.Blake3 ? "blake3" : "sha256";

    /// <summary>A time as text: UTC, as ISO 8601 has it; the number when no calendar has it.</summary>
    internal static string TimeOf(long unixMs)
    {
        // The range of DateTimeOffset: a number from the disk may be anything.
        const long Min = -62135596800000;
        const long Max = 253402300799999;
        return unixMs is >= Min and <= Max
            ? DateTimeOffset.FromUnixTimeMilliseconds(unixMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)
            : $"{unixMs} ms";
    }
}

/// <summary>Something that is not as it should be, where it was met.</summary>
/// <param name="Pack">The pack, if it is in one.</param>
/// <param name="Offset">Byte offset in its file.</param>
/// <param name="Code">The code, if a verification would find the same; docs/fsck.md.</param>
/// <param name="Message">What, expected, found.</param>
public sealed record ProblemEntry(uint? Pack, long? Offset, string? Code, string Message) : DumpEntry("problem")
{
    /// <summary>A problem in a pack.</summary>
    internal static ProblemEntry In(uint pack, long offset, string message) => new(pack, offset, null, message);

    /// <summary>What a verification found.</summary>
    internal static ProblemEntry Of(Finding finding) => new(
        finding.PackId == 0 ? null : finding.PackId, finding.PackId == 0 ? null : finding.Offset, finding.Kind.Id, finding.Message);

    /// <inheritdoc/>
    protected override string Describe() =>
        $"! {(Code is null ? "" : Code + " ")}{(Pack is null ? "" : $"pack {Pack}, offset {Offset}: ")}{Message}";
}

/// <summary>What the superblock says.</summary>
/// <param name="StoreId">The store's number.</param>
/// <param name="HashAlgorithm">How chunks are named.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
public sealed record StoreEntry(Guid StoreId, string HashAlgorithm, long CreatedUnixMs) : DumpEntry("store")
{
    /// <inheritdoc/>
    protected override string Describe() => $"store {StoreId}: hash {HashAlgorithm}, made {TimeOf(CreatedUnixMs)}";
}

/// <summary>A pack, as a line of the table of packs.</summary>
/// <param name="Pack">Its number.</param>
/// <param name="Bytes">Length of its file.</param>
/// <param name="FirstLsn">Of its first batch that could be read; null when there is none.</param>
/// <param name="LastLsn">The last that its last batch stands for.</param>
/// <param name="IsSealed">Whether it has a footer that is whole.</param>
/// <param name="Batches">Batches that could be read.</param>
/// <param name="Chunks">Chunks stored in them, lost ones not counted.</param>
public sealed record PackEntry(
    uint Pack, long Bytes, ulong? FirstLsn, ulong? LastLsn, [property: JsonPropertyName("sealed")] bool IsSealed, int Batches, long Chunks)
    : DumpEntry("pack")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        $"pack {Pack}: {Bytes} bytes, {(FirstLsn is null ? "no LSN" : $"LSN {FirstLsn} to {LastLsn}")}, "
        + $"{(IsSealed ? "sealed" : "not sealed")}, {Batches} batches, {Chunks} chunks";
}

/// <summary>A volume as it is at the end of the log, or as a record has it.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="ChunkSize">Bytes of a chunk.</param>
/// <param name="Compression">How new chunks are compressed: <c>none</c>, <c>lz4</c>, <c>zstd:3</c>.</param>
/// <param name="CreatedUnixMs">When it was made.</param>
/// <param name="Origin">The root hash that a clone started at, or null.</param>
/// <param name="MappedChunks">How many of its chunks are no holes; null when they were not counted.</param>
public sealed record VolumeEntry(
    uint Id, string Name, long Size, int ChunkSize, string Compression, long CreatedUnixMs, string? Origin, long? MappedChunks)
    : DumpEntry("volume")
{
    /// <summary>The entry of a record.</summary>
    internal static VolumeEntry Of(VolumeRecord record, long? mappedChunks) => new(
        record.Id, record.Name, record.Size, record.ChunkSize, record.Compression.ToString(), record.CreatedUnixMs,
        record.Origin.IsZero ? null : record.Origin.ToString(), mappedChunks);

    /// <inheritdoc/>
    protected override string Describe() =>
        $"volume {Id}, {Quote(Name)}: {Size} bytes, chunks of {ChunkSize}, compression {Compression}, made {TimeOf(CreatedUnixMs)}"
        + (Origin is null ? "" : $", origin {Origin}") + (MappedChunks is null ? "" : $", {MappedChunks} chunks mapped");
}

/// <summary>Where the log ends.</summary>
/// <param name="Lsn">The last batch.</param>
/// <param name="Pack">The pack that it is in; 0 when there is none.</param>
/// <param name="Offset">Where it ends.</param>
public sealed record EndEntry(ulong Lsn, uint Pack, long Offset) : DumpEntry("end")
{
    /// <inheritdoc/>
    protected override string Describe() =>
        Lsn == 0 ? "end of the log: no batch" : $"end of the log: LSN {Lsn}, pack {Pack}, offset {Offset}";
}
