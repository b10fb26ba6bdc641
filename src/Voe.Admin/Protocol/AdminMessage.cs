using System.Text.Json;
using System.Text.Json.Serialization;

namespace Voe.Admin.Protocol;

/// <summary>
/// A message of the admin protocol: one JSON object on one line, with exactly one of these members (and <see cref="Offset"/>
/// beside <see cref="Data"/>, <see cref="Arguments"/> beside <see cref="Command"/>). docs/protocols.md, "Admin socket".
/// </summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record AdminMessage
{
    /// <summary>Server, once, first: the version of the protocol that it speaks, and what it is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AdminGreeting? Hello { get; init; }

    /// <summary>Client: do this.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Command { get; init; }

    /// <summary>With what.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Arguments { get; init; }

    /// <summary>Either: so many bytes of a stream follow the line.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Data { get; init; }

    /// <summary>Where in the stream they belong.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Offset { get; init; }

    /// <summary>Client: the stream is complete.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BlockStreamEnd? End { get; init; }

    /// <summary>Client, in place of more of a stream: never mind.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Cancel { get; init; }

    /// <summary>Server: how far the command is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AdminProgress? Progress { get; init; }

    /// <summary>Server: the command was done.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Reply { get; init; }

    /// <summary>Server: it was not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AdminErrorMessage? Error { get; init; }
}

/// <summary>What a server says first.</summary>
/// <param name="Protocol">The version of the protocol.</param>
/// <param name="Server">Program and version, for people.</param>
public sealed record AdminGreeting(int Protocol, string Server);

/// <summary>Why a command was not done.</summary>
/// <param name="Kind">An <see cref="AdminErrorKind"/> in camel case; one that is not known counts as "failed".</param>
/// <param name="Message">The same for people.</param>
public sealed record AdminErrorMessage(string Kind, string Message)
{
    /// <summary>The message for an exception.</summary>
    public static AdminErrorMessage From(AdminException failure) =>
        new(JsonNamingPolicy.CamelCase.ConvertName(failure.Kind.ToString()), failure.Message);

    /// <summary>The exception for a message.</summary>
    public AdminException ToException() => new(
        Kind.All(char.IsAsciiLetter) && Enum.TryParse(Kind, ignoreCase: true, out AdminErrorKind kind) ? kind : AdminErrorKind.Failed,
        Message);
}
