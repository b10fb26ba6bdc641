using System.Runtime.InteropServices;

namespace Voe.Store.IO;

/// <summary>
/// A large block of zeroed memory outside the heap that takes pages only when they are touched, large pages where the
/// system has them.
/// </summary>
/// <remarks>
/// Large pages, since the first touch of a 4 KiB page costs 2 to 3 us, more than all else that is done with a chunk, and
/// since random accesses over hundreds of MiB miss the processor's table of pages at nearly every step.
/// Not thread-safe in disposal: the owner sees to it that nobody is inside.
/// </remarks>
internal sealed unsafe class PageMemory : IDisposable
{
    /// <summary>The size of a large page, to which the block is aligned.</summary>
    public const int LargePageSize = 2 << 20;

    private readonly byte* _mapped;
    private readonly nuint _mappedLength;
    private bool _isDisposed;

    /// <summary>Reserves <paramref name="length"/> bytes, at least 1.</summary>
    /// <exception cref="InsufficientMemoryException">The system has no such range of addresses to give.</exception>
    public PageMemory(long length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        Length = length;

        // A large page more than asked, so that the block can begin at the border of one.
        _mappedLength = (nuint)length + LargePageSize;
        nint mapped = Libc.Map(null, _mappedLength, Libc.ProtectionReadWrite, Libc.MapPrivateAnonymousNoReserve, -1, 0);
        if (mapped == -1)
        {
            throw new InsufficientMemoryException($"{length} bytes of memory cannot be reserved (errno {Marshal.GetLastPInvokeError()})");
        }

        _mapped = (byte*)mapped;
        Start = (byte*)(((nuint)mapped + LargePageSize - 1) & ~(nuint)(LargePageSize - 1));

        // Refused by kernels without large pages: then the block has small ones.
        _ = Libc.Advise(Start, (nuint)length, Libc.AdviseHugePages);
    }

    /// <summary>Frees the pages of an owner that was not disposed.</summary>
    ~PageMemory() => Dispose();

    /// <summary>The first byte; at the border of a large page.</summary>
    public byte* Start { get; }

    /// <summary>Length in bytes.</summary>
    public long Length { get; }

    /// <summary>Gives the pages back.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _ = Libc.Unmap(_mapped, _mappedLength);
            GC.SuppressFinalize(this);
        }
    }
}
