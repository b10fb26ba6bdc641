using System.Runtime.InteropServices;

namespace Voe.Store.Tests.Chunks;

/// <summary>
/// Memory with an inaccessible page behind it: code that reads or writes one byte too far kills the test run, at the
/// instruction that did it.
/// </summary>
internal sealed unsafe partial class GuardedBuffer : IDisposable
{
    private const int PageSize = 64 << 10; // a multiple of every page size in use
    private const int ProtNone = 0, ProtReadWrite = 3, MapPrivateAnonymous = 0x22;

    private readonly int _capacity;
    private readonly byte* _start;

    public GuardedBuffer(int capacity)
    {
        _capacity = (capacity + PageSize - 1) / PageSize * PageSize;
        _start = (byte*)MapMemory(0, (nuint)(_capacity + PageSize), ProtReadWrite, MapPrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, (nint)_start);
        Assert.Equal(0, ProtectMemory((nint)_start + _capacity, PageSize, ProtNone));
    }

    /// <summary>The last <paramref name="length"/> bytes before the guard.</summary>
    public Span<byte> Last(int length) => new(_start + _capacity - length, length);

    public void Dispose() => Assert.Equal(0, UnmapMemory((nint)_start, (nuint)(_capacity + PageSize)));

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int ProtectMemory(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int UnmapMemory(nint address, nuint length);
}
