using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Voe.Admin.Commands;

namespace Voe.Admin.Protocol;

/// <summary>One client of an <see cref="AdminServer"/>: its requests, one after another, on a thread of its own.</summary>
internal sealed class AdminConnection : IDisposable
{
    private readonly AdminChannel _channel;
    private readonly AdminContext _context;
    private readonly AdminLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationToken _stop;

    /// <summary>A connection that owns the socket.</summary>
    public AdminConnection(
        Socket socket, AdminContext context, AdminLimits limits, TimeProvider time, ILogger logger, CancellationToken stop)
    {
        _channel = new AdminChannel(socket, limits.MaxRequestLine, time);
        _context = context;
        _limits = limits;
        _time = time;
        _logger = logger;
        _stop = stop;
    }

    /// <summary>Serves the client until it leaves, makes a mistake after which the stream means nothing, or the server stops.</summary>
    /// <param name="program">What the server is, for the greeting.</param>
    public void Run(string program)
    {
        try
        {
            _channel.Send(new AdminMessage { Hello = new AdminGreeting(AdminLimits.ProtocolVersion, program) });
            while (!_stop.IsCancellationRequested && _channel.Receive(_limits.IdleLimit, _limits.MessageLimit) is { } message)
            {
                if (message.Command is not { } name || message is not { Data: null, End: null, Cancel: null, Reply: null, Error: null })
                {
                    throw new AdminException(AdminErrorKind.Protocol, "a request has the members \"command\" and \"arguments\"");
                }

                if (!TryExecute(name, message.Arguments))
                {
                    return;
                }
            }
        }
        catch (AdminException failure)
        {
            TrySend(failure);
        }
    }

    /// <summary>Tells a client that there is no room for it.</summary>
    public void Refuse(int count) =>
        TrySend(new AdminException(AdminErrorKind.Failed, $"the server has {count} admin connections already: try again"));

    /// <summary>Ends the connection, and the command that runs at its next step.</summary>
    public void Abort() => _channel.Abort();

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    // False when the connection has to end: what follows may be the rest of a stream.
    private bool TryExecute(string name, JsonElement? arguments)
    {
        if (!AdminCommands.All.TryGetValue(name, out AdminCommand? command))
        {
            string known = string.Join(", ", AdminCommands.All.Keys.Order(StringComparer.Ordinal));
            return TrySend(new AdminException(
                AdminErrorKind.UnknownCommand, $"this server does not know the command \"{name}\": it knows {known}"));
        }

        var input = command.Stream == StreamDirection.In ? new Input(_channel, _limits) : null;
        long lastProgress = _time.GetTimestamp();
        var session = new AdminSession
        {
            Cancellation = _stop,
            Input = input,
            Output = command.Stream == StreamDirection.Out ? new Output(_channel) : null,
            RequireCaller = () =>
            {
                // While a stream comes in there is always something to receive, and its end is seen when it is read.
                if (input is not { IsOpen: true } && _channel.IsAbandoned)
                {
                    throw new AdminException(AdminErrorKind.Cancelled, "the caller has gone");
                }
            },
            Progress = progress =>
            {
                long now = _time.GetTimestamp();
                if (_time.GetElapsedTime(lastProgress, now) >= _limits.ProgressInterval)
                {
                    lastProgress = now;
                    _channel.Send(new AdminMessage { Progress = progress });
                }
            },
        };
        try
        {
            _channel.Send(new AdminMessage { Reply = command.Run(_context, arguments, session) });
            return input is not { IsOpen: true };
        }
        catch (AdminException failure)
        {
            if (failure.Kind == AdminErrorKind.Internal)
            {
                _logger.LogError(failure.InnerException, "admin: {Command} failed for an error that should not be", name);
            }

            return TrySend(failure) && input is not { IsOpen: true };
        }
    }

    private bool TrySend(AdminException failure)
    {
        try
        {
            _channel.Send(new AdminMessage { Error = AdminErrorMessage.From(failure) });
            return true;
        }
        catch (AdminException)
        {
            return false; // nobody is there to be told
        }
    }

    /// <summary>The stream that a client sends. What it takes between two blocks is its own affair: it may read a slow pipe.</summary>
    private sealed class Input(AdminChannel channel, AdminLimits limits) : IBlockInput
    {
        private BlockStreamEnd? _end;

        public bool IsOpen { get; private set; } = true;

        public BlockStreamEnd End => _end ?? throw new InvalidOperationException("the stream has not ended");

        public int Read(Span<byte> buffer, out long offset)
        {
            offset = 0;
            if (!IsOpen)
            {
                return 0;
            }

            AdminMessage message = channel.Receive(Timeout.InfiniteTimeSpan, limits.MessageLimit)
                ?? throw new AdminException(AdminErrorKind.Cancelled, "the caller has gone");
            switch (message)
            {
                case { Data: { } length, Offset: { } at }:
                    if (length < 1 || length > Math.Min(limits.MaxData, buffer.Length))
                    {
                        throw new AdminException(AdminErrorKind.Protocol, $"a block has 1 to {limits.MaxData} bytes, not {length}");
                    }

                    if (at < 0 || at > long.MaxValue - length)
                    {
                        throw new AdminException(AdminErrorKind.Protocol, $"a block cannot be at {at}");
                    }

                    channel.ReceiveData(buffer[..length], limits.MessageLimit);
                    offset = at;
                    return length;
                case { End: { } end }:
                    IsOpen = false;
                    _end = end;
                    return 0;
                case { Cancel: true }:
                    IsOpen = false;
                    throw new AdminException(AdminErrorKind.Cancelled, "the caller gave up");
                default:
                    throw new AdminException(
                        AdminErrorKind.Protocol,
                        "in a stream come messages with the members \"data\" and \"offset\", \"end\" or \"cancel\"");
            }
        }
    }

    /// <summary>The stream that a client gets: it waits while the client takes nothing.</summary>
    private sealed class Output(AdminChannel channel) : IBlockOutput
    {
        public void Write(long offset, ReadOnlySpan<byte> data) =>
            channel.Send(new AdminMessage { Data = data.Length, Offset = offset }, data);
    }
}
