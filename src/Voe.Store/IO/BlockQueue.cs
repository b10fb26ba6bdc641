using System.Globalization;

namespace Voe.Store.IO;

/// <summary>What Linux tells of a block device's request queue, in sysfs.</summary>
internal static class BlockQueue
{
    /// <summary>A number of the queue; 0 when it is not told.</summary>
    /// <param name="deviceNumber">MAJOR:MINOR.</param>
    /// <param name="name">The file's name: <c>write_zeroes_max_bytes</c>.</param>
    public static long Read(string deviceNumber, string name)
    {
        try
        {
            string device = Directory.ResolveLinkTarget($"/sys/dev/block/{deviceNumber}", returnFinalTarget: true)?.FullName ?? "";

            // The queue of a partition is that of its disk, one directory up.
            string queue = Path.Combine(device, "queue");
            string file = Path.Combine(Directory.Exists(queue) ? queue : Path.Combine(device, "..", "queue"), name);
            return long.Parse(File.ReadAllText(file).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (StorageErrors.IsFrom(exception) || exception is FormatException or OverflowException)
        {
            // Not there, or not for us: it is not told.
            return 0;
        }
    }
}
