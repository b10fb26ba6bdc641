using Voe.Store.Devices;
using Voe.Store.IO;
using Voe.Store.Packs;
using Voe.Store.Verify;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>A store verifies its packs while it is used.</summary>
public sealed class ScrubTests : IDisposable
{
    private const int ChunkSize = 4096;
    private readonly TemporaryDirectory _directory = new();
    private readonly Random _random = new(3);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_sound_store_has_no_findings_while_clients_write_and_packs_are_sealed()
    {
        using VoeStore store = Open();
        Volume volume = store.CreateVolume("a", 64 << 20);
        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(
            () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    Write(volume, _random.Next(15000), 64);
                    volume.Flush();
                }
            },
            CancellationToken.None);
        long last = 0;
        for (int i = 0; i < 12; i++)
        {
            VerifyResult result = store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0 });
            Assert.Empty(result.Findings);
            Assert.True(result.Chunks >= last);
            last = result.Chunks;
        }

        await stop.CancelAsync();
        await writer;
        Assert.True(last > 0);
        store.Flush();
        VerifyResult whole = store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0 });
        Assert.Empty(whole.Findings);
    }

    [Fact]
    public void Damage_is_found_with_the_ranges_that_hold_it_now_and_the_next_write_heals_it()
    {
        using VoeStore store = Open();
        Volume volume = store.CreateVolume("a", 64 << 20);
        byte[] noise = Write(volume, 0, 64);
        Volume copy = store.CreateVolume("copy", 64 << 20);
        copy.Write([new BlockWrite(9000L * ChunkSize, noise.AsMemory(10 * ChunkSize, ChunkSize))]);
        store.Flush();
        (string pack, int offset) = Find(noise.AsSpan(10 * ChunkSize, ChunkSize));
        Flip(pack, offset + 5);

        VerifyResult result = store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0 });
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingCode.ChunkDamaged, (long)offset), (finding.Code, finding.Offset));
        Assert.Equal([("a", 10, 1), ("copy", 9000, 1)], VerifyLab.Ranges(finding));

        volume.Write([new BlockWrite(10 * ChunkSize, noise.AsMemory(10 * ChunkSize, ChunkSize))]);
        store.Flush();
        Finding healed = Assert.Single(store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0 }).Findings);
        Assert.Equal(FindingCode.ChunkCopyDamaged, healed.Code);
        byte[] read = new byte[ChunkSize];
        copy.Read([new BlockRead(9000L * ChunkSize, read)]);
        Assert.True(read.AsSpan().SequenceEqual(noise.AsSpan(10 * ChunkSize, ChunkSize)));
    }

    [Fact]
    public void A_scrub_ends_when_it_is_told_to_and_another_may_begin_then()
    {
        using VoeStore store = Open();
        Write(store.CreateVolume("a", 64 << 20), 0, 512);
        store.Flush();
        using var source = new CancellationTokenSource();
        Action scrub = () => store.Scrub(new ScrubOptions { Cancellation = source.Token, Progress = _ => source.Cancel() });
        Assert.Throws<OperationCanceledException>(scrub);
        Action twice = () => store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0, Progress = _ => store.Scrub(new ScrubOptions()) });
        Assert.Contains("running already", Assert.Throws<StoreException>(twice).Message, StringComparison.Ordinal);
        Assert.Empty(store.Scrub(new ScrubOptions { MaxBytesPerSecond = 0 }).Findings);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData((2 << 20) + 7)]
    [InlineData((5 << 20) - 1)]
    public void A_file_read_past_the_cache_has_the_same_bytes_at_any_place(int length)
    {
        LocalDirectory directory = LocalDirectory.Open(_directory.Path, createIfMissing: false);
        byte[] content = new byte[length];
        _random.NextBytes(content);
        using (IStorageFile file = directory.CreateFile("f"))
        {
            file.Write(content, 0);
        }

        using IStorageFile scan = directory.OpenForScan("f");
        Assert.Equal(length, scan.Length);
        for (int i = 0; i < 200; i++)
        {
            int offset = i == 0 ? 0 : _random.Next(length + 10_000);
            byte[] buffer = new byte[i == 0 ? length + 1 : _random.Next(length + 10_000)];
            int read = scan.Read(buffer, offset);
            Assert.Equal(Math.Clamp(length - offset, 0, buffer.Length), read);
            Assert.True(buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(Math.Min(offset, length), read)));
        }
    }

    [Fact]
    public void A_rate_limit_spreads_what_is_taken_over_time()
    {
        var clock = new SteppedTime();
        var limit = new RateLimit(1000, clock, CancellationToken.None);
        limit.Take(500); // goes at once, and has to be paid for by the next
        clock.Advance(TimeSpan.FromSeconds(0.5));
        limit.Take(1000);
        Assert.Empty(clock.Waits);
        limit.Take(2000);
        limit.Take(1);
        Assert.Equal([1.0, 2.0], clock.Waits);
    }

    private VoeStore Open() => VoeStore.Open(_directory.Path, new StoreOptions
    {
        PackSize = 1 << 20,
        ChunkCacheSize = 0,
        IndexMemory = 16 << 20,
        RocksDbMemory = 16 << 20,
    });

    private byte[] Write(Volume volume, int chunk, int count)
    {
        byte[] noise = new byte[count * ChunkSize];
        _random.NextBytes(noise);
        volume.Write([new BlockWrite((long)chunk * ChunkSize, noise)]);
        return noise;
    }

    private (string Pack, int Offset) Find(ReadOnlySpan<byte> bytes)
    {
        foreach (string path in Directory.GetFiles(Path.Combine(_directory.Path, StoreLayout.PacksDirectory)))
        {
            int offset = File.ReadAllBytes(path).AsSpan().IndexOf(bytes);
            if (offset >= 0)
            {
                return (path, offset);
            }
        }

        throw new InvalidOperationException("the bytes are in no pack");
    }

    private static void Flip(string path, long offset)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }

    /// <summary>Time that stands still, but for timers, which it goes on to at once.</summary>
    private sealed class SteppedTime : TimeProvider
    {
        private long _now;

        public List<double> Waits { get; } = [];

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan time) => _now += time.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits.Add(dueTime.TotalSeconds);
            Advance(dueTime);
            callback(state);
            return new Timer(static _ => { });
        }
    }
}
