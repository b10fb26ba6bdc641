using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Voe.Server.Aoe.Ata;
using Voe.Server.Exports;
using Voe.Store.Devices;

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
    private const int MaxBufferCount = 1024;
    private const string Model = "VoE volume";

    // Monitor, since System.Threading.Lock cannot wait for a change.
    private readonly object _gate = new();
    private readonly FailureLog _failures;
    private int _users; // guarded by _gate, as the next
    private bool _isEnding;

    /// <summary>A target that is not in a table yet.</summary>
    /// <exception cref="ArgumentException">An address that is a broadcast, or an option outside its range.</exception>
    public AoeTarget(AoeAddress address, Export export, AoeTargetOptions options, ILogger logger, TimeProvider time)
    {
        Require(address.IsTarget, $"AoE target {address}: shelf 65535 and slot 255 mean everybody; at most 65534.254");
        Require(options.BufferCount is >= 1 and <= MaxBufferCount,
            $"AoE target {address}: a buffer count of {options.BufferCount}; 1 to {MaxBufferCount} are possible");
        Require(options.ConfigString.Length <= AoeTargetOptions.MaxConfigStringLength,
            $"AoE target {address}: a config string of {options.ConfigString.Length} bytes; "
            + $"at most {AoeTargetOptions.MaxConfigStringLength} are possible");
        Serial = options.SerialNumber ?? SerialFrom(export.Name);
        Require(Serial.Length is >= 1 and <= AtaIdentity.SerialLength && !Serial.AsSpan().ContainsAnyExceptInRange(' ', '~'),
            $"AoE target {address}: \"{Serial}\" is no serial number: 1 to {AtaIdentity.SerialLength} printable ASCII characters");
        Address = address;
        Export = export;
        Options = options;
        Config = new TargetConfig(options);
        Access = new AoeAccess(options.AllowedMacs);
        Disk = new AtaDisk(hasWriteCache: options.Durability == AoeDurability.Process && !export.Device.IsReadOnly);
        _failures = new FailureLog(logger, time, $"aoe: {address}");
        Counts = new TargetCounts(export.Device.PreferredBlockSize);
        Writes = new WriteQueue(this);
        ReadAhead = new ReadAhead(export.Device);
    }

    /// <summary>Its address.</summary>
    public AoeAddress Address { get; }

    /// <summary>What it serves; the device is not owned.</summary>
    public Export Export { get; }

    /// <summary>How it is served.</summary>
    public AoeTargetOptions Options { get; }

    /// <summary>The serial number that IDENTIFY DEVICE tells.</summary>
    public string Serial { get; }

    /// <summary>The config string of this moment.</summary>
    public ReadOnlyMemory<byte> ConfigString => Config.Text;

    /// <summary>What it has done so far.</summary>
    public AoeCounters Counters => Counts.Read();

    /// <summary>The config string, to change it.</summary>
    public TargetConfig Config { get; }

    /// <summary>Who may use it.</summary>
    public AoeAccess Access { get; }

    /// <summary>The state that ATA commands see.</summary>
    public AtaDisk Disk { get; }

    /// <summary>What waits to be written.</summary>
    public WriteQueue Writes { get; }

    /// <summary>What is read next.</summary>
    public ReadAhead ReadAhead { get; }

    /// <summary>What counts.</summary>
    public TargetCounts Counts { get; }

    private IBlockDevice Device => Export.Device;

    /// <summary>Sectors at this moment.</summary>
    public long Sectors => Device.Size / AtaDisk.SectorSize;

    /// <summary>
    /// Keeps the device from going away until <see cref="Exit"/>, for a thread that handles frames; false when the target ends.
    /// </summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            _users += _isEnding ? 0 : 1;
            return !_isEnding;
        }
    }

    /// <summary>Ends what <see cref="TryEnter"/> began.</summary>
    public void Exit()
    {
        lock (_gate)
        {
            if (--_users == 0 && _isEnding)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>
    /// Ends the target: no further frame is taken, what waits is written and answered. Returns false when that was not
    /// done in time; the device may then still be in use. May be called more than once.
    /// </summary>
    public bool Stop(TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            _isEnding = true;
            while (_users > 0)
            {
                long left = deadline - Environment.TickCount64;
                if (left <= 0 || !Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left)))
                {
                    break;
                }
            }

            if (_users > 0)
            {
                return false;
            }
        }

        return Writes.Stop(TimeSpan.FromMilliseconds(Math.Max(0, deadline - Environment.TickCount64)));
    }

    /// <summary>Writes the 512 bytes of IDENTIFY DEVICE.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="sectorsPerFrame">Sectors of data that a frame takes where it was asked for.</param>
    public void WriteIdentity(Span<byte> destination, int sectorsPerFrame) => new AtaIdentity
    {
        Sectors = Sectors,
        Serial = Serial,
        Firmware = AoeServer.FirmwareName,
        Model = Model,
        IsReadOnly = Device.IsReadOnly,
        MaxTrimBlocks = sectorsPerFrame,
        Disk = Disk,
    }.Write(destination);

    /// <summary>Logs that the device failed; returns what the initiators are told.</summary>
    public AoeFailure Report(Exception failure, AtaAction action, int count = 1)
    {
        AoeFailure answer = AoeFailure.FromException(failure, action);
        if (answer.Error != AoeError.None)
        {
            _failures.Report(Export.Name, action, count, answer.Error, failure);
        }
        else
        {
            _failures.Report(Export.Name, action, count, answer.Ata, failure);
        }

        return answer;
    }

    /// <summary>Logs that the config string could not be kept.</summary>
    public void ReportConfig(Exception failure) =>
        _failures.Report(Export.Name, AoeCommand.Config, 1, AoeError.Unavailable, failure);

    /// <summary>A serial number that follows from a name: two servers with a volume of that name have the same.</summary>
    private static string SerialFrom(string name) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..AtaIdentity.SerialLength];

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ArgumentException(message);
        }
    }
}
