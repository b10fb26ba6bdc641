using System.Globalization;

namespace Voe.Testing;

/// <summary>A block device over a sparse file, gone when disposed.</summary>
public sealed class LoopDevice : IDisposable
{
    /// <summary>Makes one; only where <see cref="WhyNot"/> is null.</summary>
    /// <param name="file">The file; created if it is missing.</param>
    /// <param name="size">Its size in bytes.</param>
    /// <param name="sectorSize">The size of a logical block in bytes.</param>
    public LoopDevice(string file, long size, int sectorSize = 512)
    {
        using (FileStream backing = File.Open(file, FileMode.OpenOrCreate))
        {
            backing.SetLength(size);
        }

        string sector = sectorSize.ToString(CultureInfo.InvariantCulture);
        Path = HostTool.Run("losetup", "--find", "--show", "--partscan", "--sector-size", sector, file).Trim();
    }

    /// <summary>Why there can be none here, or null.</summary>
    public static string? WhyNot =>
        Environment.UserName != "root" ? "making a loop device needs root"
        : !File.Exists("/dev/loop-control") ? "this kernel has no loop devices (/dev/loop-control is missing)"
        : null;

    /// <summary>The device's path.</summary>
    public string Path { get; }

    /// <summary>Makes a partition, which goes with the device; returns its path.</summary>
    /// <param name="start">Where it begins, in sectors of 512 bytes.</param>
    /// <param name="length">How long it is, in sectors of 512 bytes.</param>
    public string AddPartition(long start, long length)
    {
        HostTool.Run(
            "addpart", Path, "1", start.ToString(CultureInfo.InvariantCulture), length.ToString(CultureInfo.InvariantCulture));
        return Path + "p1";
    }

    /// <inheritdoc/>
    public void Dispose() => HostTool.Run("losetup", "--detach", Path);
}
