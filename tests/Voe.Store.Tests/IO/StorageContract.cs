using System.Text;
using Voe.Store.IO;

namespace Voe.Store.Tests.IO;

/// <summary>What every <see cref="IStorageDirectory"/> must do; one suite, run over each implementation.</summary>
public abstract class StorageContract
{
    /// <summary>An empty directory.</summary>
    protected abstract IStorageDirectory Root { get; }

    [Fact]
    public void What_was_written_is_read_at_once_through_every_handle()
    {
        using IStorageFile writer = Root.CreateFile("a");
        using IStorageFile reader = Root.OpenFile("a", writable: false);
        writer.Write("hello"u8, 3);

        var buffer = new byte[16];
        Assert.Equal(8, reader.Read(buffer, 0));
        Assert.Equal("\0\0\0hello", Encoding.UTF8.GetString(buffer, 0, 8));
        Assert.Equal(8, reader.Length);
    }

    [Fact]
    public void A_read_is_short_only_at_the_end()
    {
        using IStorageFile file = Root.CreateFile("a");
        file.Write("0123456789"u8, 0);

        var buffer = new byte[4];
        Assert.Equal(4, file.Read(buffer, 6));
        Assert.Equal(2, file.Read(buffer, 8));
        Assert.Equal(0, file.Read(buffer, 10));
        Assert.Equal(0, file.Read(buffer, 1000));
        Assert.Equal(0, file.Read([], 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    public void A_gathered_write_puts_the_buffers_one_after_another(int count)
    {
        var random = new Random(count);
        var buffers = new List<ReadOnlyMemory<byte>>();
        var expected = new List<byte>();
        for (int i = 0; i < count; i++)
        {
            var bytes = new byte[random.Next(5) == 0 ? 0 : random.Next(5000)];
            random.NextBytes(bytes);
            int start = random.Next(bytes.Length + 1);
            buffers.Add(bytes.AsMemory(start));
            expected.AddRange(bytes.AsSpan(start));
        }

        using IStorageFile file = Root.CreateFile("a");
        file.Write(buffers, 100);

        Assert.Equal(expected.Count == 0 ? 0 : 100 + expected.Count, file.Length);
        var actual = new byte[expected.Count];
        Assert.Equal(actual.Length, file.Read(actual, 100));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Setting_the_length_cuts_and_what_grows_back_is_zero()
    {
        using IStorageFile file = Root.CreateFile("a");
        file.Write("0123456789"u8, 0);
        file.SetLength(4);
        Assert.Equal(4, file.Length);
        file.SetLength(8);

        var buffer = new byte[16];
        Assert.Equal(8, file.Read(buffer, 0));
        Assert.Equal("0123\0\0\0\0", Encoding.UTF8.GetString(buffer, 0, 8));
    }

    [Fact]
    public void Reserving_keeps_content_and_never_shortens()
    {
        using IStorageFile file = Root.CreateFile("a");
        file.Write("0123456789"u8, 0);
        file.Reserve(5);
        Assert.Equal(10, file.Length);
        file.Reserve(10_000);
        Assert.True(file.Length is 10 or 10_000);

        var buffer = new byte[10_000];
        int count = file.Read(buffer, 0);
        Assert.Equal("0123456789"u8, buffer.AsSpan(0, 10));
        Assert.Equal(-1, buffer.AsSpan(10, count - 10).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Hints_and_syncs_change_nothing_that_is_seen()
    {
        using IStorageFile file = Root.CreateFile("a");
        file.Write("0123456789"u8, 0);
        file.StartWriteback(0, 10);
        file.SyncData();
        file.DropCache();
        Root.Sync();

        var buffer = new byte[10];
        Assert.Equal(10, file.Read(buffer, 0));
        Assert.Equal("0123456789"u8, buffer);
    }

    [Fact]
    public void Names_are_listed_in_ordinal_order_and_without_directories()
    {
        Root.CreateFile("b").Dispose();
        Root.CreateFile("B").Dispose();
        Root.CreateFile("a10").Dispose();
        Root.CreateFile("a9").Dispose();
        Root.CreateFile(".hidden").Dispose();
        Root.OpenDirectory("directory").CreateFile("inner").Dispose();

        Assert.Equal([".hidden", "B", "a10", "a9", "b"], Root.ListFiles());
        Assert.Equal(["inner"], Root.OpenDirectory("directory").ListFiles());
    }

    [Fact]
    public void Creating_refuses_a_name_that_is_taken_and_opening_one_that_is_not()
    {
        Root.CreateFile("a").Dispose();

        Assert.Throws<StoreIOException>(() => Root.CreateFile("a"));
        StoreIOException missing = Assert.Throws<StoreIOException>(() => Root.OpenFile("b", writable: true));
        Assert.Contains("b", missing.Message, StringComparison.Ordinal);
        Assert.False(Root.FileExists("b"));
        Assert.True(Root.FileExists("a"));
    }

    [Fact]
    public void Renaming_replaces_the_other_file()
    {
        using (IStorageFile file = Root.CreateFile("new"))
        {
            file.Write("new"u8, 0);
        }

        Root.CreateFile("old").Dispose();
        Root.RenameFile("new", "old");

        Assert.Equal(["old"], Root.ListFiles());
        using IStorageFile renamed = Root.OpenFile("old", writable: false);
        Assert.Equal(3, renamed.Length);
        Assert.Throws<StoreIOException>(() => Root.RenameFile("new", "old"));
        Assert.Equal(["old"], Root.ListFiles());
    }

    [Fact]
    public void A_deleted_file_is_gone_by_name_but_readable_through_a_handle()
    {
        using IStorageFile file = Root.CreateFile("a");
        file.Write("x"u8, 0);
        Root.DeleteFile("a");
        Root.DeleteFile("a");

        Assert.False(Root.FileExists("a"));
        Assert.Equal(1, file.Read(new byte[1], 0));
    }

    [Fact]
    public void A_handle_for_reading_refuses_writes()
    {
        Root.CreateFile("a").Dispose();
        using IStorageFile file = Root.OpenFile("a", writable: false);

        Assert.Throws<StoreIOException>(() => file.Write("x"u8, 0));
        Assert.Throws<StoreIOException>(() => file.SetLength(10));
        Assert.Equal(0, file.Length);
    }

    [Fact]
    public void A_closed_handle_refuses_everything()
    {
        IStorageFile file = Root.CreateFile("a");
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => file.Write("x"u8, 0));
        Assert.Throws<ObjectDisposedException>(() => file.Read(new byte[1], 0));
        Assert.Throws<ObjectDisposedException>(() => file.SyncData());
        Assert.Throws<ObjectDisposedException>(() => file.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("/a")]
    [InlineData("a\0b")]
    public void Only_plain_names_are_taken(string name)
    {
        Assert.Throws<ArgumentException>(() => Root.CreateFile(name));
        Assert.Throws<ArgumentException>(() => Root.OpenFile(name, writable: false));
        Assert.Throws<ArgumentException>(() => Root.OpenDirectory(name));
        Assert.Throws<ArgumentException>(() => Root.DeleteFile(name));
    }

    [Fact]
    public void A_lock_is_held_once_and_tells_who_holds_it()
    {
        using (Root.Lock("lock", "voe-server, process 1234"))
        {
            StoreLockedException locked = Assert.Throws<StoreLockedException>(() => Root.Lock("lock", "another"));
            Assert.Contains("voe-server, process 1234", locked.Message, StringComparison.Ordinal);
        }

        using (Root.Lock("lock", "the next one, with a shorter line"))
        {
            StoreLockedException locked = Assert.Throws<StoreLockedException>(() => Root.Lock("lock", "another"));
            Assert.Contains("the next one, with a shorter line", locked.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("1234", locked.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Writers_of_disjoint_ranges_do_not_disturb_each_other()
    {
        using IStorageFile file = Root.CreateFile("a");
        Parallel.For(0, 16, i =>
        {
            var bytes = new byte[5000];
            Array.Fill(bytes, (byte)(i + 1));
            file.Write(bytes, i * 5000L);
        });

        var content = new byte[16 * 5000];
        Assert.Equal(content.Length, file.Read(content, 0));
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(-1, content.AsSpan(i * 5000, 5000).IndexOfAnyExcept((byte)(i + 1)));
        }
    }
}

/// <summary>The contract over a simulated disk.</summary>
public sealed class SimulatedDirectoryTests : StorageContract
{
    private readonly Voe.Testing.SimulatedDisk _disk = new();

    protected override IStorageDirectory Root => _disk.Root;
}
