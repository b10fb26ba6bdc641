using Microsoft.Extensions.Hosting;

namespace Voe.Server.Hosting;

/// <summary>Says that the server is ready: started last, when all listeners are up, and stopped first.</summary>
internal sealed class ReadyService : IHostedService
{
    private readonly IEnumerable<IFrontDoor> _doors;
    private readonly ServiceManager _manager;
    private readonly TextWriter _output;

    /// <summary>Nothing is said yet.</summary>
    /// <param name="doors">All that clients arrive at.</param>
    /// <param name="manager">Who started the process, perhaps.</param>
    /// <param name="output">Standard output.</param>
    public ReadyService(IEnumerable<IFrontDoor> doors, ServiceManager manager, TextWriter output)
    {
        _doors = doors;
        _manager = manager;
        _output = output;
    }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string addresses = string.Join(", ", _doors.SelectMany(door =>
            door.Addresses.Select(address => $"{address} ({door.Summary})")));
        await _output.WriteLineAsync($"voe-server ready: {addresses}");
        await _output.FlushAsync(CancellationToken.None);
        _manager.Ready($"serving at {addresses}");
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _manager.Stopping();
        return Task.CompletedTask;
    }
}
