using System.Text.Json.Serialization;

namespace Voe.Admin.Commands;

// A member that a request does not know is an error, so that a server never does half of what a newer tool asked for.

/// <summary>For <see cref="AdminCommands.Status"/>.</summary>
/// <param name="Quick">Counts as of the last checkpoint, without making one now.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record StatusRequest(bool Quick = false);

/// <summary>For <see cref="AdminCommands.VolumeList"/>.</summary>
/// <param name="Quick">Counts as of the last checkpoint, without making one now.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeListRequest(bool Quick = false);

/// <summary>A command for one volume.</summary>
/// <param name="Name">Its name.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeRequest(string Name);

/// <summary>For <see cref="AdminCommands.VolumeCreate"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">In bytes.</param>
/// <param name="ChunkSize">In bytes; the default when null.</param>
/// <param name="Compression">As text; the default when null.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeCreateRequest(string Name, long Size, long? ChunkSize = null, string? Compression = null);

/// <summary>For <see cref="AdminCommands.VolumeResize"/>.</summary>
/// <param name="Name">The volume.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Confirmed">Whether it may become smaller, and lose what lies beyond.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeResizeRequest(string Name, long Size, bool Confirmed = false);

/// <summary>For <see cref="AdminCommands.VolumeRename"/>.</summary>
/// <param name="Name">The volume.</param>
/// <param name="NewName">Its name from now on.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeRenameRequest(string Name, string NewName);

/// <summary>For <see cref="AdminCommands.VolumeSet"/>.</summary>
/// <param name="Name">The volume.</param>
/// <param name="Compression">For new chunks, as text.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeSetRequest(string Name, string Compression);

/// <summary>For <see cref="AdminCommands.VolumeDelete"/>.</summary>
/// <param name="Name">The volume.</param>
/// <param name="Confirmed">Whether its data may be lost.</param>
/// <param name="Force">Whether to do it although clients are attached, which are disconnected.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record VolumeDeleteRequest(string Name, bool Confirmed = false, bool Force = false);

/// <summary>For <see cref="AdminCommands.VolumeImport"/>; the image follows as a stream of blocks.</summary>
/// <param name="Name">The volume to make.</param>
/// <param name="Size">The volume's size in bytes; null for that of the image, rounded up to 512.</param>
/// <param name="ChunkSize">In bytes; null for the default, or that of the volume that is replaced.</param>
/// <param name="Compression">As text; null for the default, or that of the volume that is replaced.</param>
/// <param name="Replace">Whether it may take the place of a volume of that name.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ImportRequest(
    string Name, long? Size = null, long? ChunkSize = null, string? Compression = null, bool Replace = false);

/// <summary>For <see cref="AdminCommands.TargetList"/>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TargetListRequest;

/// <summary>For <see cref="AdminCommands.TargetAdd"/>.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Address">The AoE address, <c>SHELF.SLOT</c>.</param>
/// <param name="ReadOnly">Whether nobody may write to it.</param>
/// <param name="ConfigString">The config string; empty when null.</param>
/// <param name="Macs">The Ethernet addresses that may use it; everybody when null or empty.</param>
/// <param name="Durability"><c>power</c> or <c>process</c>; <c>power</c> when null.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TargetAddRequest(
    string Volume,
    string Address,
    bool ReadOnly = false,
    string? ConfigString = null,
    IReadOnlyList<string>? Macs = null,
    string? Durability = null);

/// <summary>For <see cref="AdminCommands.TargetRemove"/>.</summary>
/// <param name="Address">The AoE address, <c>SHELF.SLOT</c>.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TargetRemoveRequest(string Address);

/// <summary>For <see cref="AdminCommands.Scrub"/>.</summary>
/// <param name="MaxBytesPerSecond">How fast packs are read; 0 for no limit, the server's own when null.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ScrubRequest(long? MaxBytesPerSecond = null);
