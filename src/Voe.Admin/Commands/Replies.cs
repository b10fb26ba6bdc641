using Voe.Store.Verify;

namespace Voe.Admin.Commands;

/// <summary>One volume. Counts are as of the last checkpoint.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">In bytes.</param>
/// <param name="MappedBytes">Bytes that are not holes.</param>
/// <param name="ReferencedBytes">Stored bytes of its chunks, each counted as often as the volume holds it.</param>
/// <param name="ChunkSize">In bytes.</param>
/// <param name="Compression">How new chunks are compressed.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Connections">Clients that have it attached; null when no server has the store open.</param>
public sealed record VolumeInfo(
    string Name,
    long Size,
    long MappedBytes,
    long ReferencedBytes,
    int ChunkSize,
    string Compression,
    DateTimeOffset Created,
    int? Connections);

/// <summary>All volumes, by name.</summary>
/// <param name="Volumes">They.</param>
public sealed record VolumeList(IReadOnlyList<VolumeInfo> Volumes);

/// <summary>A volume before and after it was changed.</summary>
/// <param name="Before">Before.</param>
/// <param name="After">After.</param>
public sealed record VolumeChange(VolumeInfo Before, VolumeInfo After);

/// <summary>A server, as it describes itself.</summary>
/// <param name="Program">Its name and version.</param>
/// <param name="ProcessId">Its process.</param>
/// <param name="Started">Since when it runs.</param>
/// <param name="UptimeSeconds">For how long.</param>
/// <param name="IsReadOnly">Whether it was told to change nothing.</param>
/// <param name="Listeners">Where clients find it.</param>
/// <param name="Connections">Clients, on all exports and on none.</param>
/// <param name="Exports">What it serves.</param>
public sealed record ServerStatus(
    string Program,
    int ProcessId,
    DateTimeOffset Started,
    double UptimeSeconds,
    bool IsReadOnly,
    IReadOnlyList<string> Listeners,
    int Connections,
    IReadOnlyList<ExportStatus> Exports);

/// <summary>An export of a server.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Connections">Clients that have it attached.</param>
public sealed record ExportStatus(string Name, long Size, int Connections);

/// <summary>Where the log is; batches by their numbers.</summary>
/// <param name="AppliedLsn">Written and visible up to here.</param>
/// <param name="DurableLsn">Durable up to here.</param>
/// <param name="CheckpointLsn">In the index up to here: an opening after a crash replays the rest.</param>
/// <param name="BytesSinceCheckpoint">About how many bytes of log the rest has.</param>
/// <param name="Failure">Why the log takes no writes at the moment; null when it does.</param>
public sealed record LogStatus(ulong AppliedLsn, ulong DurableLsn, ulong CheckpointLsn, long BytesSinceCheckpoint, string? Failure);

/// <summary>The file system that the store is in, in bytes.</summary>
/// <param name="FreeBytes">What is free.</param>
/// <param name="TotalBytes">What there is.</param>
public sealed record FileSystemStatus(long FreeBytes, long TotalBytes);

/// <summary>What the store's caches have and may have, in bytes.</summary>
/// <param name="ChunkCacheSize">Memory for decoded chunks.</param>
/// <param name="ChunkCacheBytes">What of it is in use.</param>
/// <param name="ChunkCacheHits">Look-ups that it answered.</param>
/// <param name="ChunkCacheMisses">Look-ups that it did not.</param>
/// <param name="IndexMemory">Memory for recent changes and cached look-ups.</param>
/// <param name="RocksDbMemory">Memory for RocksDB.</param>
public sealed record MemoryStatus(
    long ChunkCacheSize, long ChunkCacheBytes, long ChunkCacheHits, long ChunkCacheMisses, long IndexMemory, long RocksDbMemory);

/// <summary>What a store holds, in bytes, and who serves it.</summary>
/// <param name="Path">The store's directory.</param>
/// <param name="Id">Its identity.</param>
/// <param name="Hash">How it names chunks.</param>
/// <param name="Server">Who has it open; null when the tool does, since no server runs.</param>
/// <param name="Volumes">How many volumes there are.</param>
/// <param name="VolumeBytes">The size of all volumes.</param>
/// <param name="MappedBytes">What of it is no hole: what it would take without deduplication and compression.</param>
/// <param name="ReferencedBytes">
/// Stored bytes of the volumes' chunks, each counted as often as one holds it: compressed, not deduplicated.
/// </param>
/// <param name="StoredBytes">Stored bytes of all chunks, each counted once: compressed and deduplicated.</param>
/// <param name="MaxLiveBytes">What of it volumes can still refer to, at most.</param>
/// <param name="Chunks">How many chunks are stored.</param>
/// <param name="Packs">How many packs there are.</param>
/// <param name="PackBytes">Their files.</param>
/// <param name="DeduplicationRatio">Referenced to stored; 0 when nothing is stored.</param>
/// <param name="CompressionRatio">Mapped to referenced; 0 when nothing is stored.</param>
/// <param name="Log">The log.</param>
/// <param name="FileSystem">The disk; null when it does not say.</param>
/// <param name="Memory">The caches.</param>
/// <param name="LastScrub">The last scrub that came to its end; null when there was none.</param>
public sealed record StoreStatus(
    string Path,
    Guid Id,
    string Hash,
    ServerStatus? Server,
    int Volumes,
    long VolumeBytes,
    long MappedBytes,
    long ReferencedBytes,
    long StoredBytes,
    long MaxLiveBytes,
    long Chunks,
    int Packs,
    long PackBytes,
    double DeduplicationRatio,
    double CompressionRatio,
    LogStatus Log,
    FileSystemStatus? FileSystem,
    MemoryStatus Memory,
    ScrubStatus? LastScrub);

/// <summary>What an import did.</summary>
/// <param name="Volume">The volume that was made.</param>
/// <param name="ImageBytes">Length of the image.</param>
/// <param name="DataBytes">What of it was copied; the rest was skipped as zeroes.</param>
/// <param name="NewBytes">Stored bytes that the store did not have before.</param>
/// <param name="Digest">The image's digest, which what the volume reads back was verified against.</param>
/// <param name="CopySeconds">How long copying took, up to the flush.</param>
/// <param name="VerifySeconds">How long reading back took.</param>
public sealed record ImportReply(
    VolumeInfo Volume, long ImageBytes, long DataBytes, long NewBytes, string Digest, double CopySeconds, double VerifySeconds)
{
    /// <summary>How many times smaller compression makes what the volume holds; 0 when it holds nothing.</summary>
    public double CompressionRatio => Volume.ReferencedBytes > 0 ? (double)Volume.MappedBytes / Volume.ReferencedBytes : 0;

    /// <summary>How many times what the volume holds is larger than what had to be stored anew; 0 when nothing had to.</summary>
    public double DeduplicationRatio => NewBytes > 0 ? (double)Volume.ReferencedBytes / NewBytes : 0;
}

/// <summary>What an export did.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="ImageBytes">Length of the image.</param>
/// <param name="DataBytes">What of it was copied; the rest are holes.</param>
/// <param name="Digest">The image's digest.</param>
/// <param name="CopySeconds">How long it took.</param>
public sealed record ExportReply(VolumeInfo Volume, long ImageBytes, long DataBytes, string Digest, double CopySeconds);

/// <summary>All AoE targets, by address.</summary>
/// <param name="Targets">They.</param>
public sealed record TargetList(IReadOnlyList<TargetInfo> Targets);

/// <summary>An AoE target.</summary>
/// <param name="Address">Its address, <c>SHELF.SLOT</c>.</param>
/// <param name="Name">The volume's name; for a target of the server's configuration, that target's.</param>
/// <param name="Size">In bytes; null when the volume is gone.</param>
/// <param name="ReadOnly">Whether nobody may write to it.</param>
/// <param name="ConfigString">Its config string, as UTF-8.</param>
/// <param name="Macs">The Ethernet addresses that may use it; none for everybody.</param>
/// <param name="Durability"><c>power</c> or <c>process</c>.</param>
/// <param name="From">Where the server's configuration has it; null for one that the store keeps.</param>
/// <param name="Activity">What was done with it since the server started; null when none serves it.</param>
public sealed record TargetInfo(
    string Address,
    string Name,
    long? Size,
    bool ReadOnly,
    string ConfigString,
    IReadOnlyList<string> Macs,
    string Durability,
    string? From,
    TargetActivity? Activity);

/// <summary>What was done with an AoE target since it is served.</summary>
/// <param name="Frames">Frames that were for it.</param>
/// <param name="ReadBytes">Bytes that were read.</param>
/// <param name="WrittenBytes">Bytes that were written.</param>
/// <param name="Flushes">Flushes of the device: groups of writes that became durable together.</param>
/// <param name="DroppedFrames">Frames that were dropped since the queue of writes was full.</param>
public sealed record TargetActivity(long Frames, long ReadBytes, long WrittenBytes, long Flushes, long DroppedFrames);

/// <summary>A scrub that came to its end, in short.</summary>
/// <param name="Finished">When.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Bytes">Length of the packs that were read.</param>
/// <param name="Chunks">Chunks that were verified.</param>
/// <param name="Damage">How many findings are damage.</param>
/// <param name="Repairable">How many can be repaired without a loss.</param>
/// <param name="Notes">How many are notes.</param>
/// <param name="Codes">The codes that were found, each once.</param>
public sealed record ScrubStatus(
    DateTimeOffset Finished,
    double Seconds,
    long Bytes,
    long Chunks,
    int Damage,
    int Repairable,
    int Notes,
    IReadOnlyList<string> Codes);

/// <summary>What a scrub found.</summary>
/// <param name="Summary">In short.</param>
/// <param name="Packs">Packs that were read.</param>
/// <param name="Batches">Batches that were verified.</param>
/// <param name="IsSound">Whether nothing is damaged.</param>
/// <param name="IsClean">Whether there are notes at most.</param>
/// <param name="Findings">The findings, at most 1,000; <c>voe-fsck verify</c> names all.</param>
/// <param name="OmittedFindings">How many there are beside those.</param>
public sealed record ScrubReply(
    ScrubStatus Summary,
    int Packs,
    long Batches,
    bool IsSound,
    bool IsClean,
    IReadOnlyList<FindingReport> Findings,
    long OmittedFindings);
