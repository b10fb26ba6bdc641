using Voe.Store.IO;

namespace Voe.Store.Devices;

/// <summary>
/// A plain file as a device; see <see cref="HostDevice"/>. Sparse: what was never written, and what is trimmed, takes no
/// room. The file is locked (flock) against a second opener that asks: another voe-server, or another export of this one.
/// </summary>
public sealed class FileDevice : HostDevice
{
    private const long HolePage = 4096;

    private FileDevice(HostFile file, HostDeviceOptions options, bool isNew)
        : base(file, options, zeroesFast: !options.IsReadOnly && CanPunch(file)) => IsNew = isNew;

    /// <summary>Whether the file was created when it was opened.</summary>
    public bool IsNew { get; }

    /// <summary>Opens a file, or creates it.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="options">How.</param>
    /// <param name="createSize">The size in bytes at which a file that is missing is created, sparse; null for an error then.</param>
    /// <exception cref="StoreIOException">It is missing, no regular file, or cannot be opened so.</exception>
    /// <exception cref="StoreLockedException">Somebody else has it open.</exception>
    public static FileDevice Open(string path, HostDeviceOptions options, long? createSize = null)
    {
        path = System.IO.Path.GetFullPath(path);
        var mode = new HostFileMode { IsWritable = !options.IsReadOnly, IsDirect = options.IsDirect };
        bool isNew = createSize is not null && !options.IsReadOnly && !System.IO.Path.Exists(path);
        HostFile file = isNew ? HostFile.Create(path, createSize!.Value, mode) : HostFile.Open(path, mode);
        try
        {
            return file.IsRegular
                ? new FileDevice(file, options, isNew)
                : throw new StoreIOException($"{path} is no regular file; a block device needs another backend: device");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override int GetExtents(long offset, long length, Span<DeviceExtent> extents)
    {
        RequireInside(offset, length);
        int count = 0;
        for (long end = offset + length; offset < end;)
        {
            long data = File.FindData(offset);
            ExtentKind kind = data == offset ? ExtentKind.Data : ExtentKind.Hole;
            long next = kind == ExtentKind.Hole ? (data < 0 ? end : data) : File.FindHole(offset);

            // Somebody may have made a hole of it in between: then at least the page counts as data, and the loop goes on.
            next = Math.Min(end, Math.Max(next, ((offset / HolePage) + 1) * HolePage));
            if (count > 0 && extents[count - 1].Kind == kind)
            {
                extents[count - 1] = extents[count - 1] with { Length = extents[count - 1].Length + next - offset };
            }
            else if (count == extents.Length)
            {
                break;
            }
            else
            {
                extents[count++] = new DeviceExtent(offset, next - offset, kind);
            }

            offset = next;
        }

        return count;
    }

    // Behind the end there is nothing to lose.
    private static bool CanPunch(HostFile file) => file.TryPunchHole((file.Size + HolePage) / HolePage * HolePage, HolePage);
}
