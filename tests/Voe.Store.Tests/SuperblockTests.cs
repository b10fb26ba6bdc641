using Voe.Store.Hashing;
using Voe.Store.IO;
using Voe.Store.Tests.Golden;
using Voe.Testing;

namespace Voe.Store.Tests;

public sealed class SuperblockTests
{
    private const int ChecksumOffset = 508;
    private static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly Superblock Value = new(Id, HashAlgorithm.Blake3, 1000);
    private static readonly byte[] Bytes = Codecs.Layout(
        512,
        (0, "564f452d53544f52010000000100000033221100554477668899aabbccddeeffe803000000000000"),
        (ChecksumOffset, "dacaefcb"));

    [Fact]
    public void Its_bytes_are_those_of_the_format()
    {
        byte[] bytes = new byte[512];
        Array.Fill(bytes, (byte)0xee);
        Value.Write(bytes);
        Assert.Equal(Convert.ToHexStringLower(Bytes), Convert.ToHexStringLower(bytes));
        Assert.Equal(Value, Superblock.Read(Bytes, "here"));
    }

    [Fact]
    public void Each_flipped_bit_is_refused() => Codecs.RefusesEachFlippedBit(Bytes, Reads);

    [Fact]
    public void Each_truncation_is_refused() => Codecs.RefusesEachTruncation(Bytes, Reads);

    [Fact]
    public void Reserved_bytes_that_are_not_zero_are_refused() =>
        Codecs.RefusesReservedBytes(Bytes, ChecksumOffset, Reads, (13, 3), (40, 468));

    [Fact]
    public void A_newer_version_is_refused_with_advice() => Codecs.RefusesNewerVersion(Bytes, 8, ChecksumOffset, Reads);

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void A_hash_algorithm_that_is_not_known_is_refused_with_advice(byte algorithm)
    {
        byte[] bytes = Codecs.Forge(Bytes, 12, algorithm, ChecksumOffset);
        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => Superblock.Read(bytes, "here"));
        Assert.Contains($"hash algorithm {algorithm}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise() => Codecs.SurvivesRandomBytes(Bytes, ChecksumOffset, Reads);

    [Fact]
    public void The_message_names_the_file()
    {
        IStorageDirectory directory = new SimulatedDisk().Root;
        using (IStorageFile file = directory.CreateFile(Superblock.FileName))
        {
            file.Write("not a store"u8, 0);
        }

        StoreFormatException refused = Assert.Throws<StoreFormatException>(() => Superblock.ReadFrom(directory));
        Assert.Contains("/superblock", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_crash_at_any_step_of_writing_it_leaves_a_whole_one_or_none()
    {
        for (int step = 1; step <= 20; step++)
        {
            var disk = new SimulatedDisk();
            disk.Root.CreateFile("superblock.new").Dispose(); // what an earlier crash left
            disk.Inject(new FaultPlan { Seed = step, CrashAtMutation = step });
            bool isWritten = false;
            try
            {
                Value.WriteTo(disk.Root);
                isWritten = true;
            }
            catch (SimulatedCrashException)
            {
                // As planned.
            }

            SimulatedDisk after = disk.PowerLost(step);
            Assert.True(!isWritten || after.Root.FileExists(Superblock.FileName));
            if (after.Root.FileExists(Superblock.FileName))
            {
                Assert.Equal(Value, Superblock.ReadFrom(after.Root));
            }

            Value.WriteTo(after.Root);
            Assert.Equal(Value, Superblock.ReadFrom(after.Root));
        }
    }

    private static bool Reads(ReadOnlySpan<byte> bytes)
    {
        _ = Superblock.Read(bytes, "here");
        return true;
    }
}
