using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Voe.Server.Configuration;
using Voe.Server.Exports;
using Voe.Server.Hosting;

namespace Voe.Server;

/// <summary>
/// One server from start to stop: a generic host of services that are started in order, one after another, and stopped in
/// the opposite order. Nothing is read but <see cref="ServerOptions"/>: no appsettings.json, no environment variables.
/// </summary>
internal static class ServerHost
{
    /// <summary>Serves until SIGTERM or SIGINT, and closes everything in order.</summary>
    /// <param name="options">All that the server is told.</param>
    /// <param name="output">Where the line goes that says that the server is ready.</param>
    /// <returns>The process's exit status, see <see cref="ExitStatus"/>.</returns>
    public static int Run(ServerOptions options, TextWriter output)
    {
        // Disposed at the end, so that the last lines of the log are written before the process ends.
        using IHost host = Build(options, output);
        ILogger logger = host.Services.GetRequiredService<ILogger>();
        Outcome outcome = host.Services.GetRequiredService<Outcome>();
        CancellationToken stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        Guard(logger, outcome, () =>
        {
            host.Start();
            stopping.WaitHandle.WaitOne();
        });

        // After a start that failed as well: what was started is closed in order.
        Guard(logger, outcome, () => host.StopAsync(CancellationToken.None).GetAwaiter().GetResult());
        return outcome.Status;
    }

    private static void Guard(ILogger logger, Outcome outcome, Action step)
    {
        try
        {
            step();
        }
        catch (OperationCanceledException)
        {
            // A signal came while the server started.
        }
        catch (StartException failure)
        {
            logger.LogCritical("{Message}", failure.Message);
            outcome.Fail(failure.Status);
        }
        // The top of the program.
        catch (Exception failure)
        {
            logger.LogCritical(failure, "voe-server ends for an error that should not be");
            outcome.Fail(ExitStatus.Bug);
        }
    }

    private static IHost Build(ServerOptions options, TextWriter output)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { DisableDefaults = true, ContentRootPath = AppContext.BaseDirectory });
        Logs.Add(builder.Logging, options);
        IServiceCollection services = builder.Services;
        services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan); // SignalLifetime ends it in time
        services.AddSingleton<IHostLifetime, SignalLifetime>();
        services.AddSingleton(options);
        services.AddSingleton(output);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ILogger>(provider => provider.GetRequiredService<ILoggerFactory>().CreateLogger("voe-server"));
        services.AddSingleton<Outcome>();
        services.AddSingleton<ServiceManager>();
        services.AddSingleton<ExportTable>();

        // In the order of their start. A service that other machines or programs connect to belongs after the exports.
        AddService<StoreService>(services);
        AddService<ExportService>(services);
        AddFrontDoor<NbdService>(services);
        services.AddSingleton<AoeTargets>();
        AddFrontDoor<AoeService>(services);
        AddService<AdminService>(services);
        AddService<ScrubService>(services);
        AddService<ReadyService>(services);
        return builder.Build();
    }

    private static void AddService<T>(IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddSingleton<IHostedService>(static provider => provider.GetRequiredService<T>());
    }

    private static void AddFrontDoor<T>(IServiceCollection services)
        where T : class, IHostedService, IFrontDoor
    {
        AddService<T>(services);
        services.AddSingleton<IFrontDoor>(static provider => provider.GetRequiredService<T>());
    }
}
