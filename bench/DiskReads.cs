using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Voe.Store;
using Voe.Store.IO;

namespace Voe.Benchmarks;

/// <summary>How fast the disk gives files in order, past the page cache (O_DIRECT): what no reader can be faster than.</summary>
internal static unsafe class DiskReads
{
    private const int Window = 4 << 20;
    private const int Alignment = 4096;

    /// <summary>Reads all packs of a store with threads that take a pack each.</summary>
    public static Measurement Run(string store, int threads)
    {
        string[] files = [.. Directory.GetFiles(Path.Combine(store, StoreLayout.PacksDirectory)).Order(StringComparer.Ordinal)];
        int next = -1;
        return Measurement.Run(threads, _ =>
        {
            var buffer = (byte*)NativeMemory.AlignedAlloc(Window, Alignment);
            (long bytes, long reads) = (0, 0);
            for (int i = Interlocked.Increment(ref next); i < files.Length; i = Interlocked.Increment(ref next))
            {
                (long fileBytes, long fileReads) = Read(files[i], buffer);
                (bytes, reads) = (bytes + fileBytes, reads + fileReads);
            }

            NativeMemory.AlignedFree(buffer);
            return (bytes, reads);
        });
    }

    private static (long Bytes, long Reads) Read(string path, byte* buffer)
    {
        SafeFileHandle handle = LocalDirectory.OpenHandle(
            path, Libc.OpenReadOnly | Libc.OpenCloseOnExec | Libc.OpenDirect, "opening past the page cache");
        using var file = new LocalFile(handle, path, Path.GetFileName(path));
        (long offset, long reads) = (0, 0);
        int count;
        do
        {
            count = file.ReadOnce(buffer, Window, offset);
            (offset, reads) = (offset + count, reads + 1);
        }
        while (count == Window);
        return (offset, reads);
    }
}
