using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>Replies in chunks: proto.md, "Structured reply chunk message" and NBD_CMD_READ, "Structured replies".</summary>
public sealed class StructuredReplyTests
{
    private const int MiB = 1 << 20;
    private const int KiB = 1 << 10;
    private const uint InputOutput = 5;
    private const uint Invalid = 22;
    private const uint Overflow = 75;

    private readonly MemoryDevice _device = new(64 * MiB);

    private static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Fact]
    public void Read_is_one_chunk_with_its_offset_byte_by_byte()
    {
        _device.Bytes.Fill(0xAB);
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        client.Send(NbdClient.Request(NbdClient.Read, 0x1234, 4, 0x0102030405060708));
        Assert.Equal(
            "668E33EF" + "0001" + "0001" + "0102030405060708" + "0000000C" + "0000000000001234" + "ABABABAB",
            Convert.ToHexString(client.Receive(20 + 8 + 4)));
    }

    [Fact]
    public void Dont_fragment_is_announced_with_structured_replies_alone()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient structured = NbdClient.ConnectStructured(server.Unix, "d");
        using NbdClient simple = server.Connect("d");
        Assert.Equal(0xDED, structured.TransmissionFlags);
        Assert.Equal(0xD6D, simple.TransmissionFlags);
    }

    [Fact]
    public void Change_that_goes_well_gets_a_simple_reply()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        client.Send(NbdClient.Request(NbdClient.Write, 0, 1, 7, NbdClient.Fua, [9]));
        Assert.Equal("67446698" + "00000000" + "0000000000000007", Convert.ToHexString(client.Receive(16)));
    }

    [Theory]
    [InlineData(NbdClient.Read, 64 * MiB, 1, Invalid)]
    [InlineData(NbdClient.Read, 0, (32 * MiB) + 1, Overflow)]
    [InlineData(NbdClient.Read, 64 * MiB, (32 * MiB) + 1, Invalid)]
    [InlineData(NbdClient.Trim, 64 * MiB, 1, Invalid)]
    [InlineData(NbdClient.BlockStatus, 0, 512, Invalid)]
    [InlineData(999, 0, 512, Invalid)]
    public void Refusal_is_an_error_chunk_with_a_text_and_the_connection_lives_on(int command, long offset, long length, uint error)
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        NbdClientChunk chunk = Assert.Single(client.DoChunks((ushort)command, offset, length));
        Assert.Equal((0x668e33efu, (ushort)1, NbdClient.ChunkError, error), (chunk.Magic, chunk.Flags, chunk.Type, chunk.Error));
        Assert.NotEmpty(chunk.Message);
        Assert.Equal(6 + chunk.Message.Length, chunk.Data.Length);
        Assert.Equal(NbdClient.ChunkData, Assert.Single(client.DoChunks(NbdClient.Read, 0, 1)).Type);
    }

    [Fact]
    public void Read_of_nothing_is_a_chunk_without_payload()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        NbdClientChunk chunk = Assert.Single(client.DoChunks(NbdClient.Read, 5, 0));
        Assert.Equal((0x668e33efu, NbdClient.ChunkNone, 0), (chunk.Magic, chunk.Type, chunk.Data.Length));
    }

    [Fact]
    public void Hole_in_a_long_read_is_told_without_its_zeroes_byte_by_byte()
    {
        _device.Bytes[..(64 * KiB)].Fill(1);
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        client.Send(NbdClient.Request(NbdClient.Read, 0, 128 * KiB, 7));
        Assert.Equal(
            "668E33EF" + "0000" + "0001" + "0000000000000007" + "00010008" + "0000000000000000", Convert.ToHexString(client.Receive(28)));
        Assert.False(client.Receive(64 * KiB).AsSpan().ContainsAnyExcept((byte)1));
        Assert.Equal(
            "668E33EF" + "0001" + "0002" + "0000000000000007" + "0000000C" + "0000000000010000" + "00010000",
            Convert.ToHexString(client.Receive(32)));
    }

    [Fact]
    public void Read_of_a_hole_alone_is_one_chunk()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        NbdClientChunk chunk = Assert.Single(client.DoChunks(NbdClient.Read, 12_345, 32 * MiB));
        Assert.Equal((NbdClient.ChunkHole, 12_345L, 12), (chunk.Type, chunk.DataOffset, chunk.Data.Length));
    }

    [Fact]
    public void Dont_fragment_brings_the_zeroes_of_a_hole_in_one_chunk_of_any_size()
    {
        _device.Bytes[MiB] = 1;
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        NbdClientChunk chunk = Assert.Single(client.DoChunks(NbdClient.Read, 0, 32 * MiB, NbdClient.DontFragment));
        Assert.Equal((NbdClient.ChunkData, 8 + (32 * MiB)), (chunk.Type, chunk.Data.Length));
        Assert.True(chunk.Data.AsSpan(8).SequenceEqual(_device.Bytes[..(32 * MiB)]));
    }

    [Fact]
    public void Device_is_not_asked_for_extents_unless_a_long_read_without_dont_fragment_saw_a_block_of_zeroes()
    {
        _device.Bytes[..MiB].Fill(1);
        using var server = new TestServer(("d", _device));
        using NbdClient structured = NbdClient.ConnectStructured(server.Unix, "d");
        using NbdClient simple = server.Connect("d");
        structured.DoChunks(NbdClient.Read, 0, MiB);
        structured.DoChunks(NbdClient.Read, 2 * MiB, (64 * KiB) - 1);
        structured.DoChunks(NbdClient.Read, 2 * MiB, MiB, NbdClient.DontFragment);
        simple.DoRead(2 * MiB, MiB);
        Assert.Equal(0, _device.ExtentsCallCount);
        structured.DoChunks(NbdClient.Read, 2 * MiB, MiB);
        Assert.Equal(1, _device.ExtentsCallCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Reads_of_any_mix_of_data_and_holes_come_back_whole_in_chunks_that_do_not_overlap(int seed)
    {
        var random = new Random(seed);
        byte[] content = new byte[4 * MiB];
        for (int at = 0; at < content.Length; at += 4096)
        {
            if ((at / (64 * KiB * (1 + random.Next(2)))) % 2 == random.Next(3) % 2)
            {
                random.NextBytes(content.AsSpan(at, random.Next(4096)));
            }
        }

        content.CopyTo(_device.Bytes);
        using var server = new TestServer(("d", _device));
        foreach (bool isExtended in new[] { false, true })
        {
            using NbdClient client = isExtended
                ? NbdClient.ConnectExtended(server.Unix, "d")
                : NbdClient.ConnectStructured(server.Unix, "d");
            for (int round = 0; round < 30; round++)
            {
                (int Offset, int Length)[] reads = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => RandomRead(random))];
                client.Send([.. reads.SelectMany((read, i) => isExtended
                    ? NbdClient.ExtendedRequest(NbdClient.Read, (ulong)read.Offset, (ulong)read.Length, (ulong)i)
                    : NbdClient.Request(NbdClient.Read, (ulong)read.Offset, (uint)read.Length, (ulong)i))]);
                foreach (IGrouping<ulong, NbdClientChunk> reply in ReceiveReplies(client, reads.Length).GroupBy(chunk => chunk.Cookie))
                {
                    (int offset, int length) = reads[(int)reply.Key];
                    Assert.True(content.AsSpan(offset, length).SequenceEqual(Assemble([.. reply], offset, length)));
                }
            }
        }
    }

    [Fact]
    public void Damage_in_a_long_read_leaves_what_is_before_it_and_says_where_it_is()
    {
        _device.Bytes.Fill(3);
        _device.BeforeRead = static (offset, length) =>
        {
            if (offset < 45_056 && offset + length > 40_960)
            {
                throw new StoreDamagedException("pack 17");
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        IReadOnlyList<NbdClientChunk> chunks = client.DoChunks(NbdClient.Read, 100, 100_000);
        Assert.Equal([NbdClient.ChunkData, NbdClient.ChunkErrorOffset], chunks.Select(chunk => chunk.Type));
        Assert.Equal((100, 8 + 40_960 - 100), (chunks[0].DataOffset, chunks[0].Data.Length));
        Assert.False(chunks[0].Data.AsSpan(8).ContainsAnyExcept((byte)3));
        Assert.Equal(InputOutput, chunks[1].Error);
        Assert.Equal("000000000000A000", Convert.ToHexString(chunks[1].Data.AsSpan(6 + chunks[1].Message.Length)));

        // At the first byte there is nothing to send before the error.
        chunks = client.DoChunks(NbdClient.Read, 40_970, 4096);
        Assert.Equal([NbdClient.ChunkErrorOffset], chunks.Select(chunk => chunk.Type));
        Assert.EndsWith("000000000000A00A", Convert.ToHexString(chunks[0].Data), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_block_fails_its_own_read_and_no_other_of_the_group()
    {
        _device.Bytes.Fill(3);
        _device.BeforeRead = static (offset, _) =>
        {
            if (offset == 8192)
            {
                throw new StoreDamagedException("pack 17");
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        client.Send([.. Enumerable.Range(0, 6).SelectMany(i => NbdClient.Request(NbdClient.Read, (ulong)i * 4096, 1, (ulong)i))]);
        foreach (NbdClientChunk chunk in ReceiveReplies(client, 6))
        {
            Assert.Equal(chunk.Cookie == 2 ? NbdClient.ChunkErrorOffset : NbdClient.ChunkData, chunk.Type);
        }
    }

    [Fact]
    public void A_full_group_of_errors_is_answered_whole()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = NbdClient.ConnectStructured(server.Unix, "d");
        client.Send([.. Enumerable.Range(0, 600).SelectMany(i => NbdClient.Request(NbdClient.Read, ulong.MaxValue, 4096, (ulong)i))]);
        Assert.Equal(Enumerable.Range(0, 600).Select(i => (ulong)i), ReceiveReplies(client, 600).Select(chunk => chunk.Cookie).Order());
    }

    private static (int Offset, int Length) RandomRead(Random random)
    {
        int length = random.Next(4) switch
        {
            0 => random.Next(3),
            1 => random.Next(8192),
            2 => 64 * KiB * random.Next(8),
            _ => random.Next(2 * MiB),
        };
        int offset = random.Next((4 * MiB) - length);
        return (random.Next(2) == 0 ? offset : offset & -4096, length);
    }

    private static List<NbdClientChunk> ReceiveReplies(NbdClient client, int count)
    {
        var chunks = new List<NbdClientChunk>();
        while (count > 0)
        {
            chunks.Add(client.ReceiveChunk());
            count -= chunks[^1].IsDone ? 1 : 0;
        }

        return chunks;
    }

    private static byte[] Assemble(NbdClientChunk[] chunks, int offset, int length)
    {
        byte[] data = new byte[length];
        var isKnown = new bool[length];
        Assert.All(chunks.SkipLast(1), chunk => Assert.False(chunk.IsDone));
        foreach (NbdClientChunk chunk in chunks.Where(chunk => chunk.Type != NbdClient.ChunkNone))
        {
            bool isHole = chunk.Type == NbdClient.ChunkHole;
            Assert.True(isHole || chunk.Type == NbdClient.ChunkData);
            int start = (int)chunk.DataOffset - offset;
            int count = isHole
                ? System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(chunk.Data.AsSpan(8))
                : chunk.Data.Length - 8;
            Assert.True(count > 0 && start >= 0 && start + count <= length);
            Assert.False(isKnown.AsSpan(start, count).Contains(true));
            isKnown.AsSpan(start, count).Fill(true);
            (isHole ? new byte[count] : chunk.Data.AsSpan(8)).CopyTo(data.AsSpan(start));
        }

        Assert.False(isKnown.AsSpan().Contains(false));
        return data;
    }
}
