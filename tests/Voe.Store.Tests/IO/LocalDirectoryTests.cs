using System.Diagnostics;
using System.Runtime.Versioning;
using Voe.Store.IO;
using Voe.Testing;

namespace Voe.Store.Tests.IO;

/// <summary>The contract over a local directory, and what only a real file system has.</summary>
[SupportedOSPlatform("linux")]
public sealed class LocalDirectoryTests : StorageContract, IDisposable
{
    private readonly TemporaryDirectory _temporary = new();
    private readonly LocalDirectory _root;

    public LocalDirectoryTests() => _root = LocalDirectory.Open(_temporary.Path, createIfMissing: false);

    protected override IStorageDirectory Root => _root;

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Directories_and_files_are_for_their_owner_alone()
    {
        string path = Path.Combine(_temporary.Path, "one", "two");
        LocalDirectory directory = LocalDirectory.Open(path, createIfMissing: true);
        directory.CreateFile("file").Dispose();
        directory.OpenDirectory("sub");
        directory.Lock("lock", "x").Dispose();

        Assert.Equal("700", ModeOf(path));
        Assert.Equal("700", ModeOf(Path.Combine(path, "sub")));
        Assert.Equal("600", ModeOf(Path.Combine(path, "file")));
        Assert.Equal("600", ModeOf(Path.Combine(path, "lock")));
    }

    [Fact]
    public void A_missing_directory_is_created_only_on_request()
    {
        string path = Path.Combine(_temporary.Path, "missing");
        StoreIOException missing = Assert.Throws<StoreIOException>(() => LocalDirectory.Open(path, createIfMissing: false));
        Assert.Contains(path, missing.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(path));

        Assert.Equal(path, LocalDirectory.Open(path, createIfMissing: true).Path);
        Assert.True(Directory.Exists(path));
    }

    [Fact]
    public void A_full_device_is_reported_as_full()
    {
        LocalDirectory devices = LocalDirectory.Open("/dev", createIfMissing: false);
        using IStorageFile full = devices.OpenFile("full", writable: true);

        StoreFullException single = Assert.Throws<StoreFullException>(() => full.Write("x"u8, 0));
        Assert.Contains("/dev/full", single.Message, StringComparison.Ordinal);
        Assert.Throws<StoreFullException>(() => full.Write([new byte[10], new byte[10]], 0));
    }

    [Fact]
    public void An_error_names_path_operation_and_cause()
    {
        Directory.CreateDirectory(Path.Combine(_temporary.Path, "directory"));
        StoreIOException error = Assert.Throws<StoreIOException>(() => _root.OpenFile("directory", writable: true));

        Assert.Contains(_temporary.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("opening", error.Message, StringComparison.Ordinal);
        Assert.Contains("directory (errno 21)", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_lock_is_not_taken_through_a_symbolic_link()
    {
        string victim = Path.Combine(_temporary.Path, "victim");
        File.WriteAllText(victim, "precious");
        File.CreateSymbolicLink(Path.Combine(_temporary.Path, "lock"), victim);

        Assert.Throws<StoreIOException>(() => _root.Lock("lock", "x"));
        Assert.Equal("precious", File.ReadAllText(victim));
    }

    [Fact]
    public void A_lock_ends_with_the_process_that_holds_it()
    {
        string path = Path.Combine(_temporary.Path, "lock");
        using var other = Process.Start(new ProcessStartInfo("flock", ["--no-fork", path, "sh", "-c", "echo held; exec cat"])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        })!;
        Assert.Equal("held", other.StandardOutput.ReadLine());
        Assert.Throws<StoreLockedException>(() => _root.Lock("lock", "x"));

        // What flock(1) runs without a fork is the process itself, with the lock, after exec.
        other.Kill();
        other.WaitForExit();
        _root.Lock("lock", "x").Dispose();
    }

    [Fact]
    public void Reads_and_writes_allocate_nothing()
    {
        using IStorageFile file = _root.CreateFile("a");
        var bytes = new byte[4096];
        ReadOnlyMemory<byte>[] buffers = [new byte[100], new byte[5000], new byte[1]];
        file.Write(bytes, 0);
        file.Write(buffers, 0);
        file.Read(bytes, 0);
        file.StartWriteback(0, 4096);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            file.Write(bytes, i);
            file.Write(buffers, i);
            file.Read(bytes, i);
            file.StartWriteback(0, 4096);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string ModeOf(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);
}
