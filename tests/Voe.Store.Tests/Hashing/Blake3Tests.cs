using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Voe.Store.Hashing;

namespace Voe.Store.Tests.Hashing;

public sealed class Blake3Tests
{
    /// <summary>The widths that this processor has; 1 is the scalar way.</summary>
    private static readonly int[] AllLanes = [.. new[] { 1, 4, 8, 16 }.Where(lanes => lanes <= Blake3Tree.WidestLanes)];

    /// <summary>The pattern of the published vectors: its period of 251 divides no power of two, so that swapped blocks show.</summary>
    internal static byte[] Pattern(int length)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)(i % 251);
        }

        return bytes;
    }

    [Fact]
    public void Published_vectors_hold_for_every_width()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(
            Path.Combine(AppContext.BaseDirectory, "Hashing", "blake3-test-vectors.json")));
        byte[] key = Encoding.ASCII.GetBytes(document.RootElement.GetProperty("key").GetString()!);
        int cases = 0;
        foreach (JsonElement vector in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            byte[] data = Pattern(vector.GetProperty("input_len").GetInt32());
            byte[] hash = Convert.FromHexString(vector.GetProperty("hash").GetString()!);
            byte[] keyedHash = Convert.FromHexString(vector.GetProperty("keyed_hash").GetString()!);
            foreach (int lanes in AllLanes)
            {
                Assert.Equal(hash, Hash(lanes, data, hash.Length));
                byte[] keyed = new byte[keyedHash.Length];
                Blake3.HashKeyed(lanes, key, data, keyed);
                Assert.Equal(keyedHash, keyed);
            }

            Assert.Equal(hash, Blake3Reference.Hash(data, hash.Length));
            Assert.Equal(keyedHash, Blake3Reference.HashKeyed(key, data, keyedHash.Length));
            Assert.Equal(ChunkHash.Read(hash), Blake3.Hash(data));
            byte[] publicKeyed = new byte[ChunkHash.Size];
            Blake3.HashKeyed(key, data, publicKeyed);
            Assert.Equal(keyedHash[..ChunkHash.Size], publicKeyed);
            cases++;
        }

        Assert.Equal(35, cases);
    }

    [Fact]
    public void Every_width_agrees_with_the_reference_at_every_boundary()
    {
        var lengths = new SortedSet<int>();
        int[] leafBoundaries = [.. Enumerable.Range(1, 33).Select(leaves => 1024 * leaves)];
        foreach (int boundary in (int[])[64, 128, 960, .. leafBoundaries, 256 << 10, 257 << 10])
        {
            lengths.UnionWith([boundary - 1, boundary, boundary + 1]);
        }

        lengths.UnionWith([0, 1, 2, 63, (31 * 1024) + 64, (31 * 1024) + 1000, (300 * 1024) + 77, (512 * 1024) + 1]);
        byte[] data = Pattern(lengths.Max);
        foreach (int length in lengths)
        {
            byte[] expected = Blake3Reference.Hash(data.AsSpan(0, length), ChunkHash.Size);
            foreach (int lanes in AllLanes)
            {
                byte[] actual = Hash(lanes, data.AsSpan(0, length), ChunkHash.Size);
                Assert.True(expected.AsSpan().SequenceEqual(actual), $"{lanes} lanes, {length} bytes");
            }
        }
    }

    [Fact]
    public void Output_of_any_length_is_the_start_of_a_longer_one()
    {
        byte[] data = Pattern(5000);
        byte[] longest = Blake3Reference.Hash(data, 1000);
        foreach (int length in (int[])[0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000])
        {
            byte[] output = new byte[length];
            Blake3.Hash(data, output);
            Assert.Equal(longest[..length], output);
        }
    }

    [Fact]
    public void A_key_of_another_length_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Blake3.HashKeyed(new byte[31], [], new byte[32]));
        Assert.Throws<ArgumentException>(() => Blake3.HashKeyed(new byte[33], [], new byte[32]));
    }

    [Fact]
    public void Agrees_with_b3sum_on_random_lengths()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/b3sum"), "b3sum is not installed (apt-get install b3sum): not compared with it");
        var random = new Random(20260);
        for (int i = 0; i < 12; i++)
        {
            var data = new byte[random.Next(1 << random.Next(1, 23))];
            random.NextBytes(data);
            Assert.True(B3Sum(data) == Blake3.Hash(data).ToString(), $"length {data.Length}");
        }
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] data = Pattern(600 << 10), key = Pattern(32), output = new byte[100];
        Blake3.Hash(data, output);
        Blake3.HashKeyed(key, data, output);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Blake3.Hash(data, output);
        Blake3.HashKeyed(key, data, output);
        Blake3.Hash(data.AsSpan(0, 4096));
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Hash(int lanes, ReadOnlySpan<byte> data, int outputLength)
    {
        var output = new byte[outputLength];
        Blake3.Hash(lanes, data, Blake3Scalar.IV, 0, output);
        return output;
    }

    private static string B3Sum(byte[] data)
    {
        using Process process = Process.Start(new ProcessStartInfo("/usr/bin/b3sum", "--no-names")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        process.StandardInput.BaseStream.Write(data);
        process.StandardInput.Close();
        string line = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return line;
    }
}
