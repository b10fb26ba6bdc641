using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Voe.Store.IO;

/// <summary>
/// Aligned buffers through which direct reads and writes go that are not aligned themselves: at most
/// <see cref="MaxCount"/> at a time in the whole process, who needs one more waits. Take one at a time, and give it back.
/// </summary>
internal static unsafe class DirectBuffers
{
    /// <summary>Bytes of a buffer.</summary>
    public const int Size = 1 << 20;

    private const int MaxCount = 32;
    private const int Alignment = 4096;

    private static readonly ConcurrentBag<nint> Free = [];
    private static readonly SemaphoreSlim Room = new(MaxCount);

    /// <summary>A buffer of any content.</summary>
    public static byte* Take()
    {
        Room.Wait();
        return Free.TryTake(out nint buffer) ? (byte*)buffer : (byte*)NativeMemory.AlignedAlloc(Size, Alignment);
    }

    /// <summary>Gives a buffer back.</summary>
    public static void Return(byte* buffer)
    {
        Free.Add((nint)buffer);
        Room.Release();
    }
}
