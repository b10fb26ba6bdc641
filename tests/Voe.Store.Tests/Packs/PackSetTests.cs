using Voe.Store.IO;
using Voe.Store.Packs;
using Voe.Testing;

namespace Voe.Store.Tests.Packs;

public sealed class PackSetTests : IDisposable
{
    private const int MaxOpen = 3;
    private readonly SimulatedDisk _disk = new();
    private readonly PackSet _packs;

    public PackSetTests() => _packs = new PackSet(_disk.Root, MaxOpen);

    public void Dispose() => _packs.Dispose();

    [Fact]
    public void Packs_are_listed_by_number_and_other_files_are_let_be()
    {
        foreach (string name in new[]
        {
            "0000000010.pack", "0000000002.pack", "4294967295.pack", "4294967296.pack", "1.pack", "00000000001.pack", "-000000001.pack",
            " 000000003.pack", "0000000004.pack.tmp", "0000000005", "pack", ".pack", "000000000a.pack", "0000000006.PACK",
        })
        {
            _disk.Root.CreateFile(name).Dispose();
        }

        Assert.Equal<uint>([2, 10, uint.MaxValue], _packs.ListIds());
        Assert.Equal("0000000002.pack", PackSet.FileName(2));
        Assert.Equal("4294967295.pack", PackSet.FileName(uint.MaxValue));
    }

    [Fact]
    public void A_bounded_number_of_files_stays_open_and_those_used_last_are_kept()
    {
        Make(6);
        for (uint id = 1; id <= 6; id++)
        {
            Read(id);
            Read(1);
            Assert.InRange(_disk.OpenHandles, 1, MaxOpen);
        }

        long opened = _disk.OpenHandles;
        Read(1);
        Assert.Equal(opened, _disk.OpenHandles);
    }

    [Fact]
    public void A_file_that_is_read_or_written_is_not_closed()
    {
        Make(6);
        IStorageFile written = _packs.Create(7);
        PackSet.Lease[] leases = [.. Enumerable.Range(1, 6).Select(id => _packs.Acquire((uint)id))];
        Assert.Equal(7, _disk.OpenHandles);
        written.Write([1], 0);
        Assert.All(leases, static lease => Assert.Equal(1, lease.File.Length));
        Array.ForEach(leases, static lease => lease.Dispose());
        Read(2);
        _packs.EndWriting(7);
        Assert.Equal(MaxOpen, _disk.OpenHandles);
    }

    [Fact]
    public void A_pack_that_is_being_read_is_not_opened_for_writing_or_deleted()
    {
        Make(1);
        using (_packs.Acquire(1))
        {
            Assert.Throws<InvariantException>(() => _packs.Delete(1));
        }

        using (_packs.Acquire(1))
        {
            Assert.Throws<InvariantException>(() => _packs.OpenForWriting(1));
        }
    }

    [Fact]
    public void A_deleted_pack_is_gone_and_its_number_can_be_used_again()
    {
        _packs.Create(1).Write([1, 2, 3], 0);
        _packs.Delete(1);
        Assert.Empty(_packs.ListIds());
        Assert.Equal(0, _disk.OpenHandles);
        Assert.Equal(0, _packs.Create(1).Length);
        _packs.Delete(2); // one that is unknown is not an error
    }

    [Fact]
    public void A_pack_that_is_missing_is_an_error_that_names_the_file()
    {
        StoreIOException missing = Assert.Throws<StoreIOException>(() => _packs.Acquire(8));
        Assert.Contains("0000000008.pack", missing.Message, StringComparison.Ordinal);
        Assert.Equal(0, _disk.OpenHandles);
    }

    [Fact]
    public void Closed_it_has_closed_all_files_and_hands_out_none()
    {
        Make(3);
        Read(1);
        _packs.Create(9);
        _packs.Dispose();
        Assert.Equal(0, _disk.OpenHandles);
        Assert.Throws<ObjectDisposedException>(() => _packs.Acquire(1));
    }

    [Fact]
    public void Threads_that_read_side_by_side_get_the_packs_they_asked_for()
    {
        Make(8);
        Exception? error = null;
        Thread[] threads = [.. Enumerable.Range(1, 4).Select(seed => new Thread(() =>
        {
            try
            {
                var random = new Random(seed);
                for (int i = 0; i < 2000; i++)
                {
                    Read((uint)random.Next(1, 9));
                }
            }
            catch (Exception exception)
            {
                error = exception;
            }
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        Assert.Null(error);
        Assert.InRange(_disk.OpenHandles, 1, MaxOpen + threads.Length);
    }

    // Packs of one byte each, their number.
    private void Make(uint count)
    {
        for (uint id = 1; id <= count; id++)
        {
            using IStorageFile file = _disk.Root.CreateFile(PackSet.FileName(id));
            file.Write([(byte)id], 0);
        }
    }

    private void Read(uint id)
    {
        using PackSet.Lease lease = _packs.Acquire(id);
        Span<byte> bytes = stackalloc byte[1];
        Assert.Equal(1, lease.File.Read(bytes, 0));
        Assert.Equal(id, bytes[0]);
    }
}
