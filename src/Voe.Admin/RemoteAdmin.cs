using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using Voe.Admin.Commands;
using Voe.Admin.Images;
using Voe.Admin.Protocol;

namespace Voe.Admin;

/// <summary>Commands for a store that a server has open, over its admin socket.</summary>
public sealed class RemoteAdmin : IStoreAdmin
{
    private readonly AdminChannel _channel;
    private readonly AdminLimits _limits;

    private RemoteAdmin(AdminChannel channel, AdminLimits limits)
    {
        _channel = channel;
        _limits = limits;
    }

    /// <summary>Connects to the server that has the store open.</summary>
    /// <returns>Null when there is no admin socket, or its server is dead.</returns>
    /// <exception cref="Store.StoreLockedException">The socket is another user's.</exception>
    /// <exception cref="AdminException">The server has no room, or speaks another version of the protocol.</exception>
    public static RemoteAdmin? TryConnect(string directory, AdminLimits limits, TimeProvider time)
    {
        if (AdminSocket.TryConnect(directory) is not { } socket)
        {
            return null;
        }

        var channel = new AdminChannel(socket, limits.MaxReplyLine, time);
        try
        {
            AdminMessage? first = channel.Receive(limits.MessageLimit, limits.MessageLimit);
            switch (first)
            {
                case null:
                    channel.Dispose();
                    return null; // it stops at this moment
                case { Error: { } error }:
                    throw error.ToException();
                case { Hello: { Protocol: AdminLimits.ProtocolVersion } }:
                    return new RemoteAdmin(channel, limits);
                default:
                    throw new AdminException(
                        AdminErrorKind.Protocol,
                        $"{first.Hello?.Server ?? "the server"} speaks version {first.Hello?.Protocol ?? 0} of the admin protocol, this "
                        + $"program {AdminLimits.ProtocolVersion}: use the voe that came with it");
            }
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public TReply Invoke<TRequest, TReply>(AdminCommand<TRequest, TReply> command, TRequest request, AdminSession session)
        where TRequest : class
        where TReply : class
    {
        _channel.Send(new AdminMessage
        {
            Command = command.Name,
            Arguments = JsonSerializer.SerializeToElement(request, command.RequestType),
        });
        if (session.Input is { } input)
        {
            SendStream(input, session.Cancellation);
        }

        // Whoever gives up now ends the connection, which ends the command.
        using CancellationTokenRegistration abort = session.Cancellation.Register(_channel.Abort);
        try
        {
            return JsonSerializer.Deserialize(ReceiveReply(session), command.ReplyType)
                ?? throw new AdminException(AdminErrorKind.Protocol, "the server's reply is null");
        }
        catch (JsonException e)
        {
            throw new AdminException(AdminErrorKind.Protocol, $"the server's reply is not understood: {e.Message}", e);
        }
        catch (AdminException e) when (session.Cancellation.IsCancellationRequested)
        {
            throw new AdminException(AdminErrorKind.Cancelled, "interrupted", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private void SendStream(IBlockInput input, CancellationToken cancellation)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ImageDigest.BlockSize);
        try
        {
            // The server says nothing in the meantime, unless that it is over.
            while (!_channel.HasInput)
            {
                cancellation.ThrowIfCancellationRequested();
                int length = input.Read(buffer, out long offset);
                if (length == 0)
                {
                    _channel.Send(new AdminMessage { End = input.End });
                    return;
                }

                _channel.Send(new AdminMessage { Data = length, Offset = offset }, buffer.AsSpan(0, length));
            }
        }
        catch (AdminException) when (_channel.HasInput)
        {
            // It could not be sent, since the server has ended the command: it says why.
        }
        catch (Exception failure) when (failure is not AdminException { Kind: AdminErrorKind.Cancelled, InnerException: SocketException })
        {
            // The reader failed, or the caller gave up: the server undoes what it has begun before that is told.
            _channel.Send(new AdminMessage { Cancel = true });
            ReceiveEnd();
            throw AdminException.From(failure);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void ReceiveEnd()
    {
        try
        {
            ReceiveReply(AdminSession.Plain);
        }
        catch (AdminException)
        {
            // As expected.
        }
    }

    private JsonElement ReceiveReply(AdminSession session)
    {
        byte[]? buffer = null;
        while (true)
        {
            AdminMessage message = _channel.Receive(Timeout.InfiniteTimeSpan, _limits.MessageLimit)
                ?? throw new AdminException(AdminErrorKind.Failed, "the server ended the connection: it stopped, or was killed");
            switch (message)
            {
                case { Reply: { } reply }:
                    return reply;
                case { Error: { } error }:
                    throw error.ToException();
                case { Progress: { } progress }:
                    session.Progress?.Invoke(progress);
                    break;
                case { Data: { } length, Offset: { } offset }
                    when session.Output is { } output && length > 0 && length <= _limits.MaxData && offset >= 0:
                    buffer ??= new byte[_limits.MaxData];
                    _channel.ReceiveData(buffer.AsSpan(0, length), _limits.MessageLimit);
                    output.Write(offset, buffer.AsSpan(0, length));
                    break;
                default:
                    throw new AdminException(AdminErrorKind.Protocol, "the server sent a message that does not belong here");
            }
        }
    }
}
