using Voe.Admin.Images;
using Voe.Store.Hashing;

namespace Voe.Server.Tests.Admin;

/// <summary>The digest of images, and the window that blocks go through.</summary>
public sealed class ImageTests
{
    private const int BlockSize = ImageDigest.BlockSize;

    [Fact]
    public void A_digest_does_not_depend_on_the_order_of_blocks_nor_on_zeroes()
    {
        byte[] first = Noise(1, BlockSize);
        byte[] last = Noise(2, 1000);
        string expected = Digest((0, first), (5 * BlockSize, last));
        Assert.Equal(expected, Digest((5 * BlockSize, last), (0, first)));
        Assert.Equal(expected, Digest((0, first), (BlockSize, new byte[BlockSize]), (5 * BlockSize, last)));
    }

    [Fact]
    public void Another_content_place_or_size_has_another_digest()
    {
        byte[] block = Noise(1, BlockSize);
        byte[] flipped = [.. block];
        flipped[^1] ^= 1;
        string[] all =
        [
            Digest((0, block)), Digest((0, flipped)), Digest((BlockSize, block)), Digest(), Digest((0, block), (BlockSize, block)),
            Digest((0, block), (BlockSize, flipped)), Digest((0, flipped), (BlockSize, block)), Sized(0), Sized(1),
        ];
        Assert.Equal(all.Length, all.Distinct(StringComparer.Ordinal).Count());

        static string Sized(long size) => new ImageDigest().Finish(size);
    }

    [Fact]
    public void The_digest_is_what_the_documentation_says()
    {
        // One block: the sum is its keyed hash, and the digest the hash of that and the size.
        byte[] block = Noise(3, 4096);
        byte[] key = new byte[32];
        key[2] = 0x10; // offset 1 MiB, little-endian
        byte[] message = new byte[40];
        Blake3.HashKeyed(key, block, message.AsSpan(0, 32));
        BitConverter.TryWriteBytes(message.AsSpan(32), 5L << 20);
        var digest = new ImageDigest();
        digest.Add(1 << 20, block);
        Assert.Equal(Blake3.Hash(message).ToString(), digest.Finish(5L << 20));
    }

    [Fact]
    public void Blocks_come_back_in_order_whatever_their_work_takes()
    {
        var random = new Random(1);
        int[] spins = [.. Enumerable.Range(0, 200).Select(_ => random.Next(20_000))];
        var back = new List<long>();
        var seen = new HashSet<Block>();
        using (var window = new BlockWindow(block => Thread.SpinWait(spins[block.Offset]), block => back.Add(block.Offset)))
        {
            for (int i = 0; i < spins.Length; i++)
            {
                Block block = window.Take();
                seen.Add(block);
                block.Offset = i;
                window.Post(block);
            }

            window.Finish();
        }

        Assert.Equal(Enumerable.Range(0, spins.Length).Select(i => (long)i), back);
        Assert.InRange(seen.Count, 1, 9); // which bounds the memory
    }

    [Fact]
    public void What_the_work_on_a_block_throws_reaches_the_owner()
    {
        using var window = new BlockWindow(block =>
        {
            if (block.Offset == 20)
            {
                throw new InvalidOperationException("block 20");
            }
        });
        Exception error = Assert.Throws<InvalidOperationException>(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                Block block = window.Take();
                block.Offset = i;
                window.Post(block);
            }

            window.Finish();
        });
        Assert.Equal("block 20", error.Message);
    }

    private static string Digest(params (long Offset, byte[] Block)[] blocks)
    {
        var digest = new ImageDigest();
        foreach ((long offset, byte[] block) in blocks)
        {
            digest.Add(offset, block);
        }

        return digest.Finish(6 * BlockSize);
    }

    private static byte[] Noise(int seed, int length)
    {
        byte[] noise = new byte[length];
        new Random(seed).NextBytes(noise);
        return noise;
    }
}
