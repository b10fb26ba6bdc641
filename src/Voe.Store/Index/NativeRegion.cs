using System.Runtime.InteropServices;

namespace Voe.Store.Index;

/// <summary>
/// A run of zeroed memory outside the garbage collector's heap, freed by <see cref="Dispose"/>. Pages that were never
/// touched cost no memory. Not safe against use after <see cref="Dispose"/>: its owner sees to that.
/// </summary>
internal sealed unsafe class NativeRegion : IDisposable
{
    private const nuint CacheLine = 64;
    private const nuint HugePage = 2 << 20;
    private void* _allocation;

    /// <summary>Allocates <paramref name="length"/> zeroed bytes, aligned to a cache line, and large ones to a huge page.</summary>
    public NativeRegion(long length)
    {
        Length = length;
        nuint alignment = (nuint)length >= HugePage ? HugePage : CacheLine;
        _allocation = NativeMemory.AllocZeroed(checked((nuint)length + alignment));
        Start = (byte*)(((nuint)_allocation + alignment - 1) & ~(alignment - 1));
        if (alignment == HugePage)
        {
            // Tables are read at random: one TLB entry for 2 MiB in place of 512.
            MemoryAdvice.UseHugePages(Start, (nuint)length);
        }
    }

    /// <summary>First byte.</summary>
    public byte* Start { get; }

    /// <summary>Length in bytes.</summary>
    public long Length { get; }

    /// <summary>Fills the region with zeroes.</summary>
    public void Clear() => NativeMemory.Clear(Start, (nuint)Length);

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        NativeMemory.Free(_allocation);
        _allocation = null;
    }
}
