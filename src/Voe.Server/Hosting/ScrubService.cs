using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Server.Configuration;

namespace Voe.Server.Hosting;

/// <summary>
/// Scrubs the store every so often, counted from the end of the last scrub, whoever asked for it. A store that was never scrubbed
/// has its turn when the server has run for an hour, or for that time if it is shorter.
/// </summary>
internal sealed class ScrubService : IHostedService, IDisposable
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(30);

    private readonly ServerOptions _options;
    private readonly AdminService _admin;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    /// <summary>Nothing is scrubbed yet.</summary>
    public ScrubService(ServerOptions options, AdminService admin, TimeProvider time, ILogger logger)
    {
        _options = options;
        _admin = admin;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_options.ScrubInterval > TimeSpan.Zero)
        {
            _running = RunAsync(_admin.Context);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _running;
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <summary>When the next scrub is due.</summary>
    internal static DateTimeOffset NextDue(DateTimeOffset started, DateTimeOffset? last, TimeSpan interval)
    {
        TimeSpan first = interval < FirstDelay ? interval : FirstDelay;
        DateTimeOffset earliest = started + first; // a start has other things to do
        return last + interval is { } due && due > earliest ? due : earliest;
    }

    private async Task RunAsync(AdminContext context)
    {
        DateTimeOffset started = _time.GetUtcNow();
        DateTimeOffset? last = context.Scrubs.Last?.Finished;
        try
        {
            while (true)
            {
                TimeSpan wait = NextDue(started, last, _options.ScrubInterval) - _time.GetUtcNow();
                if (wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait < LongestTimer ? wait : LongestTimer, _time, _stop.Token);
                    last = Latest(last, context.Scrubs.Last?.Finished); // somebody may have asked for one
                    continue;
                }

                await Task.Factory.StartNew(
                    () => Scrub(context), _stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                last = _time.GetUtcNow(); // also of one that failed: the next has its turn in time
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    private static DateTimeOffset? Latest(DateTimeOffset? one, DateTimeOffset? other) => one > other || other is null ? one : other;

    private void Scrub(AdminContext context)
    {
        _logger.LogInformation("scrub: the packs are verified, at most {Rate} bytes a second", context.ScrubBytesPerSecond);
        try
        {
            var session = new AdminSession { Cancellation = _stop.Token };
            ScrubReply reply = AdminCommands.Scrub.Run(context, new ScrubRequest(), session);
            _logger.Log(
                reply.IsSound ? LogLevel.Information : LogLevel.Error,
                "scrub: {Verdict}: {Packs} packs, {Chunks} chunks, {Bytes} bytes verified in {Seconds:F0} s",
                reply.IsClean ? "sound" : reply.IsSound ? "sound, but with something to repair" : "DAMAGED",
                reply.Packs, reply.Summary.Chunks, reply.Summary.Bytes, reply.Summary.Seconds);
        }
        catch (AdminException failure) when (failure.Kind != AdminErrorKind.Cancelled)
        {
            _logger.LogError("scrub: it did not come to its end: {Message}", failure.Message);
        }
        catch (AdminException failure)
        {
            throw new OperationCanceledException("the server stops", failure, _stop.Token);
        }
    }
}
