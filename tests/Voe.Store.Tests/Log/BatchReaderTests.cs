using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Tests.Golden;
using Voe.Testing;

namespace Voe.Store.Tests.Log;

public sealed class BatchReaderTests : IDisposable
{
    private const string PackName = "0000000001.pack";
    private readonly LogRig _rig = new();
    private readonly byte[] _pack; // three batches, the second with a payload of 500 bytes
    private readonly long[] _starts = new long[4];

    public BatchReaderTests()
    {
        _rig.Open();
        _rig.Append(100, 1);
        _rig.Append(500, 2);
        _rig.Append(100, 3);
        _rig.Close();
        _pack = _rig.Disk.Content(PackName);
        (BatchReader reader, _) = Over(_pack);
        uint checksum = 0;
        for (int i = 0; i < 3; i++)
        {
            _starts[i] = reader.Offset;
            Assert.True(reader.TryRead((ulong)i + 1, checksum), reader.StopReason);
            Assert.True(reader.IsPayloadSound());
            checksum = reader.Link;
        }

        _starts[3] = reader.Offset;
        Assert.Equal(_pack.Length, reader.Offset);
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Payload_is_handed_out_as_it_was_written()
    {
        (BatchReader reader, uint checksum) = AtSecond(_pack);
        Assert.True(reader.TryRead(2, checksum));
        Assert.True(reader.IsPayloadSound());
        byte[] expected = new byte[500];
        new Random(2).NextBytes(expected);
        Assert.Equal(expected, reader.Payload.ToArray());
    }

    [Fact]
    public void Cut_off_at_any_byte_it_stops_before_the_batch_that_is_cut()
    {
        for (int length = (int)_starts[1]; length <= _starts[2]; length++)
        {
            (BatchReader reader, uint checksum) = AtSecond(_pack[..length]);
            bool isWhole = reader.TryRead(2, checksum) && reader.IsPayloadSound();

            // Padding carries nothing: a batch that lacks a part of it is whole.
            int withoutPadding = (int)_starts[1] + BatchHeader.Size + 32 + 500;
            Assert.Equal(length >= withoutPadding, isWhole);
            if (!isWhole)
            {
                Assert.NotEmpty(reader.StopReason);
            }
        }
    }

    [Fact]
    public void Zeros_from_any_byte_on_stop_it_before_that_batch()
    {
        for (int at = (int)_starts[1]; at < _starts[2] - 8; at++)
        {
            byte[] torn = (byte[])_pack.Clone();
            torn.AsSpan(at).Clear();
            (BatchReader reader, uint checksum) = AtSecond(torn);
            bool isSame = torn.AsSpan(0, (int)_starts[2]).SequenceEqual(_pack.AsSpan(0, (int)_starts[2]));
            Assert.Equal(isSame, reader.TryRead(2, checksum) && reader.IsPayloadSound());
        }
    }

    [Fact]
    public void Any_flipped_bit_of_a_batch_stops_it_there()
    {
        int end = (int)_starts[1] + BatchHeader.Size + 32 + 500; // without padding
        for (int at = (int)_starts[1]; at < end; at++)
        {
            byte[] flipped = (byte[])_pack.Clone();
            flipped[at] ^= (byte)(1 << (at % 8));
            (BatchReader reader, uint checksum) = AtSecond(flipped);
            Assert.False(reader.TryRead(2, checksum) && reader.IsPayloadSound(), $"byte {at - _starts[1]} of the batch");
        }
    }

    [Fact]
    public void A_batch_that_is_not_the_next_stops_it()
    {
        (_, uint checksum) = AtSecond(_pack);
        Stops(_pack, 3, checksum, "LSN 3 after");
        Stops(_pack, 1, checksum, "LSN 1 after");
        Stops(_pack, 2, checksum ^ 1, "LSN 2 after");
    }

    [Fact]
    public void A_batch_of_another_pack_or_another_place_stops_it()
    {
        (_, uint checksum) = AtSecond(_pack);
        Stops(_pack, 2, checksum, "pack 1 at offset", packId: 2);
        byte[] moved = [.. _pack.AsSpan(0, (int)_starts[1]), .. new byte[8], .. _pack.AsSpan((int)_starts[1])];
        Stops(moved, 2, checksum, "at offset", start: _starts[1] + 8);
    }

    [Fact]
    public void A_footer_stands_in_for_headers_and_tables()
    {
        byte[] body = [.. Enumerable.Range(0, 3).SelectMany(i => _pack.AsSpan((int)_starts[i], BatchHeader.Size + 32).ToArray())];
        BatchReader reader = BatchReader.OverFooter(body, 1, PackHeader.Size);
        uint checksum = 0;
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(_starts[i], reader.Offset);
            Assert.True(reader.TryRead((ulong)i + 1, checksum), reader.StopReason);
            Assert.Equal(32, reader.Table.Length);
            checksum = reader.Link;
        }

        Assert.Equal(_starts[3], reader.Offset);
        Assert.False(reader.TryRead(4, checksum));
        for (int length = 0; length < body.Length; length++)
        {
            BatchReader cut = BatchReader.OverFooter(body.AsMemory(0, length), 1, PackHeader.Size);
            int whole = 0;
            while (cut.TryRead((ulong)whole + 1, whole == 0 ? 0 : cut.Link))
            {
                whole++;
            }

            Assert.Equal(length / (BatchHeader.Size + 32), whole);
        }
    }

    [Fact]
    public void Tables_longer_than_what_is_read_at_first_are_read_whole()
    {
        using var rig = new LogRig { Options = new LogRig().Options with { PackSize = 1 << 20 } };
        rig.Open();
        using (var batch = new TestBatch(rig, 10, 1))
        {
            for (int i = 0; i < 3000; i++)
            {
                batch.Table.AddZero(1, (ulong)i, 1);
            }

            rig.Log.Append(batch);
        }

        rig.Append(10, 2);
        rig.Close();
        (BatchReader reader, _) = Over(rig.Disk.Content(PackName));
        Assert.True(reader.TryRead(1, 0), reader.StopReason);
        Assert.Equal(32 * 3001, reader.Table.Length);
        Assert.True(reader.IsPayloadSound());
        Assert.True(reader.TryRead(2, reader.Link), reader.StopReason);
        Assert.True(reader.IsPayloadSound());
    }

    [Fact]
    public void Lengths_out_of_range_cost_no_memory()
    {
        byte[] forged = (byte[])_pack.Clone();
        Span<byte> header = forged.AsSpan((int)_starts[1], BatchHeader.Size);
        header[43] = 0x7f; // a table of almost 2 GiB
        Codecs.Reseal(header.ToArray(), 60).CopyTo(header);
        (BatchReader reader, uint checksum) = AtSecond(forged);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(reader.TryRead(2, checksum));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.Contains("out of range", reader.StopReason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_newer_version_is_refused_with_advice()
    {
        byte[] newer = (byte[])_pack.Clone();
        Span<byte> header = newer.AsSpan((int)_starts[1], BatchHeader.Size);
        header[4] = 2;
        Codecs.Reseal(header.ToArray(), 60).CopyTo(header);
        (BatchReader reader, uint checksum) = AtSecond(newer);
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => reader.TryRead(2, checksum));
        Assert.Contains("a newer one", refused.Message, StringComparison.Ordinal);
    }

    private static (BatchReader Reader, IStorageFile File) Over(byte[] bytes, uint packId = 1, long start = PackHeader.Size)
    {
        IStorageFile file = new SimulatedDisk().Root.CreateFile("pack");
        file.Write(bytes, 0);
        return (BatchReader.OverFile(file, packId, start), file);
    }

    private static (BatchReader Reader, uint Checksum) AtSecond(byte[] bytes)
    {
        (BatchReader reader, _) = Over(bytes);
        Assert.True(reader.TryRead(1, 0), reader.StopReason);
        return (reader, reader.Link);
    }

    private void Stops(byte[] bytes, ulong lsn, uint checksum, string reason, uint packId = 1, long? start = null)
    {
        (BatchReader reader, _) = Over(bytes, packId, start ?? _starts[1]);
        Assert.False(reader.TryRead(lsn, checksum));
        Assert.Contains(reason, reader.StopReason, StringComparison.Ordinal);
    }
}
