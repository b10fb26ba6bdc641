using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Voe.Server;
using Voe.Server.Configuration;

return new CommandLine().Invoke(args, Console.Out, Console.Error, options =>
{
    // Disposed at the end, so that the last lines are written before the process ends.
    using ILoggerFactory loggers = LoggerFactory.Create(builder => builder
        .SetMinimumLevel(options.LogLevel)
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        })
        .Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;

            // Whoever reads standard error, or does not, must not hold up requests.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        }));
    ILogger logger = loggers.CreateLogger("voe-server");
    using var stop = new StopSignal(logger);
    try
    {
        return new ServerHost(options, logger, TimeProvider.System).Run(Console.Out, stop.Token);
    }
#pragma warning disable CA1031 // The top of the program.
    catch (Exception failure)
#pragma warning restore CA1031
    {
        logger.LogCritical(failure, "voe-server ends for an error that should not be");
        return ExitStatus.Bug;
    }
});
