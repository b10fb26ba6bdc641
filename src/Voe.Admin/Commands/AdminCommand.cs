using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Voe.Admin.Commands;

/// <summary>A command, whatever it takes and gives.</summary>
public abstract class AdminCommand
{
    private protected AdminCommand(string name, StreamDirection stream)
    {
        Name = name;
        Stream = stream;
    }

    /// <summary>Its name on the wire: words with points between them.</summary>
    public string Name { get; }

    /// <summary>Whether blocks go with it, and which way.</summary>
    public StreamDirection Stream { get; }

    /// <summary>Does it for a request from the wire.</summary>
    /// <exception cref="AdminException">It was not done, or the request is none.</exception>
    internal abstract JsonElement Run(AdminContext context, JsonElement? request, AdminSession session);
}

/// <summary>Which way the blocks of a command go.</summary>
public enum StreamDirection
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>From the caller.</summary>
    In,

    /// <summary>To the caller.</summary>
    Out,
}

/// <summary>A command: its name, what it takes, what it replies, and what it does. <see cref="AdminCommands"/> has all of them.</summary>
/// <typeparam name="TRequest">What it takes.</typeparam>
/// <typeparam name="TReply">What it replies.</typeparam>
public sealed class AdminCommand<TRequest, TReply> : AdminCommand
    where TRequest : class
    where TReply : class
{
    private readonly Func<AdminContext, TRequest, AdminSession, TReply> _handler;

    internal AdminCommand(
        string name,
        JsonTypeInfo<TRequest> request,
        JsonTypeInfo<TReply> reply,
        Func<AdminContext, TRequest, AdminSession, TReply> handler,
        StreamDirection stream = StreamDirection.None)
        : base(name, stream)
    {
        RequestType = request;
        ReplyType = reply;
        _handler = handler;
    }

    /// <summary>How its request looks.</summary>
    public JsonTypeInfo<TRequest> RequestType { get; }

    /// <summary>How its reply looks.</summary>
    public JsonTypeInfo<TReply> ReplyType { get; }

    /// <summary>Does it.</summary>
    /// <exception cref="AdminException">It was not done.</exception>
    public TReply Run(AdminContext context, TRequest request, AdminSession session)
    {
        try
        {
            return _handler(context, request, session);
        }
        catch (Exception failure)
        {
            throw AdminException.From(failure);
        }
    }

    internal override JsonElement Run(AdminContext context, JsonElement? request, AdminSession session)
    {
        TRequest? parsed;
        try
        {
            parsed = request?.Deserialize(RequestType);
        }
        catch (JsonException e)
        {
            throw new AdminException(AdminErrorKind.Protocol, $"{Name}: the arguments are not those of this command: {e.Message}", e);
        }

        if (parsed is null)
        {
            throw new AdminException(AdminErrorKind.Protocol, $"{Name}: there is no member \"arguments\", or it is null");
        }

        return JsonSerializer.SerializeToElement(Run(context, parsed, session), ReplyType);
    }
}
