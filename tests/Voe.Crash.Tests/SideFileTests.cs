using System.Text;
using Voe.Store;
using Voe.Store.IO;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>What a program keeps beside the log is the old content or the new one after any crash, and nothing else is believed.</summary>
public sealed class SideFileTests
{
    private static readonly Guid Owner = new("00112233-4455-6677-8899-aabbccddeeff");

    [Fact]
    public void After_a_crash_at_any_step_the_content_is_the_old_or_the_new_one()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int seed = 0; seed < 40; seed++)
        {
            for (int step = 1; ; step++)
            {
                var disk = new SimulatedDisk();
                SideFile.Write(disk.Root, "side", Owner, Encoding.UTF8.GetBytes(new string('o', 3000)));
                disk.Inject(new FaultPlan { CrashAtMutation = step, Seed = seed });
                bool isDone = TryWrite(disk.Root, new string('n', 9000));
                byte[] found = SideFile.Read(disk.PowerLost(seed).Root, "side", Owner)!;
                seen.Add($"{(char)found[0]}{(isDone ? '!' : '?')}");
                Assert.Equal(found[0] == 'o' ? 3000 : 9000, found.Length);
                Assert.DoesNotContain(found, part => part != found[0]);
                if (isDone)
                {
                    Assert.Equal((byte)'n', found[0]); // durable on return
                    break;
                }
            }
        }

        Assert.Equal("n! n? o?", string.Join(' ', seen.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void What_a_crash_left_behind_does_not_stop_the_next_write()
    {
        var disk = new SimulatedDisk();
        disk.Inject(new FaultPlan { CrashAtMutation = 3 });
        Assert.False(TryWrite(disk.Root, "first"));
        SimulatedDisk next = disk.ProcessDied();
        Assert.Null(SideFile.Read(next.Root, "side", Owner));
        Assert.True(TryWrite(next.Root, "second"));
        Assert.Equal("second", Encoding.UTF8.GetString(SideFile.Read(next.Root, "side", Owner)!));
    }

    [Fact]
    public void Every_changed_bit_is_seen()
    {
        byte[] bytes = SideFile.Encode(Owner, "content"u8);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<StoreFormatException>(() => SideFile.Decode(changed, "side", Owner));
        }

        Assert.Throws<StoreFormatException>(() => SideFile.Decode(bytes.AsSpan(0, bytes.Length - 1), "side", Owner));
        Assert.Equal("content"u8.ToArray(), SideFile.Decode(bytes, "side", Owner));
    }

    [Fact]
    public void File_of_another_store_is_refused() => Assert.Contains(
        "belongs to the store",
        Assert.Throws<StoreFormatException>(() => SideFile.Decode(SideFile.Encode(Guid.Empty, "x"u8), "side", Owner)).Message,
        StringComparison.Ordinal);

    private static bool TryWrite(IStorageDirectory directory, string content)
    {
        try
        {
            SideFile.Write(directory, "side", Owner, Encoding.UTF8.GetBytes(content));
            return true;
        }
        catch (SimulatedCrashException)
        {
            return false;
        }
    }
}
