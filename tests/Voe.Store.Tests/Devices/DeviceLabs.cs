using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Devices;

/// <summary>
/// Tests that run other programs (losetup, mount) run alone: see <see cref="HostTool.Making"/> for what they would do to others.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LoopDeviceCollection
{
    /// <summary>The collection's name.</summary>
    public const string Name = "loop devices";
}

/// <summary>The device in memory that protocols are tested with.</summary>
public sealed class MemoryDeviceContract : DeviceContract
{
    protected override IDeviceLab Create() => new Lab();

    private sealed class Lab : IDeviceLab
    {
        public IBlockDevice Device { get; } = new MemoryDevice((1 << 20) + 1234);

        public bool TellsHoles => true;

        public void Reopen()
        {
            // It is memory: there is nothing to close.
        }

        public void Dispose()
        {
            // As above.
        }
    }
}

/// <summary>A volume of a store on a disk.</summary>
public sealed class VolumeContract : DeviceContract
{
    protected override IDeviceLab Create() => new Lab();

    private sealed class Lab : IDeviceLab
    {
        private readonly TemporaryDirectory _directory = new();
        private VoeStore _store;

        public Lab()
        {
            _store = Open();
            Device = _store.CreateVolume("a", (1 << 20) + 512, 16 << 10);
        }

        public IBlockDevice Device { get; private set; }

        public bool TellsHoles => true;

        public void Reopen()
        {
            lock (HostTool.Making)
            {
                _store.Dispose();
                _store = Open();
                Device = _store.OpenVolume("a");
            }
        }

        public void Dispose()
        {
            _store.Dispose();
            _directory.Dispose();
        }

        private VoeStore Open() => VoeStore.Open(_directory.Path, new StoreOptions { ChunkCacheSize = 1 << 20 });
    }
}

/// <summary>A file, through the page cache. Its size is none that a block would have.</summary>
public sealed class FileDeviceContract : DeviceContract
{
    protected override IDeviceLab Create() => new FileLab(isDirect: false, (1 << 20) + 1234);
}

/// <summary>A file, past the page cache.</summary>
public sealed class DirectFileDeviceContract : DeviceContract
{
    protected override IDeviceLab Create() => new FileLab(isDirect: true, (1 << 20) + (3 * 4096));
}

/// <summary>A block device, through the page cache.</summary>
[Collection(LoopDeviceCollection.Name)]
public sealed class RawDeviceContract : DeviceContract
{
    public RawDeviceContract() => Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");

    protected override IDeviceLab Create() => new RawLab(isDirect: false, sectorSize: 512);
}

/// <summary>A block device, past the page cache.</summary>
[Collection(LoopDeviceCollection.Name)]
public sealed class DirectRawDeviceContract : DeviceContract
{
    public DirectRawDeviceContract() => Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");

    protected override IDeviceLab Create() => new RawLab(isDirect: true, sectorSize: 512);
}

/// <summary>A block device with blocks of 4 KiB, past the page cache.</summary>
[Collection(LoopDeviceCollection.Name)]
public sealed class DirectRawDeviceOf4KiBContract : DeviceContract
{
    public DirectRawDeviceOf4KiBContract() => Assert.SkipWhen(LoopDevice.WhyNot is not null, LoopDevice.WhyNot ?? "");

    protected override IDeviceLab Create() => new RawLab(isDirect: true, sectorSize: 4096);
}

internal sealed class FileLab : IDeviceLab
{
    private readonly TemporaryDirectory _directory = new();
    private readonly HostDeviceOptions _options;
    private readonly long _size;
    private FileDevice _device;

    public FileLab(bool isDirect, long size)
    {
        _options = new HostDeviceOptions(IsReadOnly: false, isDirect);
        _size = size;
        _device = Open();
    }

    public IBlockDevice Device => _device;

    public bool TellsHoles => true;

    public string Path => _device.Path;

    public void Reopen()
    {
        lock (HostTool.Making)
        {
            _device.Dispose();
            _device = Open();
        }
    }

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    private FileDevice Open() => FileDevice.Open(System.IO.Path.Combine(_directory.Path, "file"), _options, _size);
}

internal sealed class RawLab : IDeviceLab
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LoopDevice _loop;
    private readonly HostDeviceOptions _options;
    private RawDevice _device;

    public RawLab(bool isDirect, int sectorSize)
    {
        _loop = new LoopDevice(System.IO.Path.Combine(_directory.Path, "image"), (1 << 20) + (3 * 4096), sectorSize);
        _options = new HostDeviceOptions(IsReadOnly: false, isDirect);
        _device = RawDevice.Open(_loop.Path, _options);
    }

    public IBlockDevice Device => _device;

    public bool TellsHoles => false;

    public void Reopen()
    {
        lock (HostTool.Making)
        {
            _device.Dispose();
            _device = RawDevice.Open(_loop.Path, _options);
        }
    }

    public void Dispose()
    {
        _device.Dispose();
        _loop.Dispose();
        _directory.Dispose();
    }
}
