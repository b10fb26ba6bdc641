using System.Globalization;

namespace Voe.Testing;

/// <summary>An ext4 of a few MiB, for full disks; gone when disposed. Only where <see cref="LoopDevice.WhyNot"/> is null.</summary>
public sealed class SmallFileSystem : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LoopDevice _loop;

    /// <summary>Makes and mounts one.</summary>
    public SmallFileSystem(long size)
    {
        _loop = new LoopDevice(System.IO.Path.Combine(_directory.Path, "image"), size);
        try
        {
            HostTool.Run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", _loop.Path);
            Path = System.IO.Path.Combine(_directory.Path, "mounted");
            Directory.CreateDirectory(Path);
            HostTool.Run("mount", _loop.Path, Path);
        }
        catch
        {
            _loop.Dispose();
            _directory.Dispose();
            throw;
        }
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Bytes that are free.</summary>
    public long Free => new DriveInfo(Path).AvailableFreeSpace;

    /// <summary>Fills what is free, but for <paramref name="left"/> bytes.</summary>
    public void Fill(long left)
    {
        long length = Free - left;
        HostTool.Run("fallocate", "-l", length.ToString(CultureInfo.InvariantCulture), Filler);
    }

    /// <summary>Frees what <see cref="Fill"/> took.</summary>
    public void Empty() => File.Delete(Filler);

    private string Filler => System.IO.Path.Combine(Path, "filler");

    /// <inheritdoc/>
    public void Dispose()
    {
        HostTool.Run("umount", Path);
        _loop.Dispose();
        _directory.Dispose();
    }
}
