using Voe.Server.Aoe;
using Voe.Store.Devices;
using Voe.Testing;
using static Voe.Server.Tests.Aoe.Frames;

namespace Voe.Server.Tests.Aoe;

/// <summary>In the steady state a frame allocates nothing, neither where it is received nor where it is written.</summary>
public sealed class AllocationTests
{
    private const int Rounds = 1000;
    private const int WarmUp = 200;

    [Fact]
    public void Frames_allocate_nothing_once_the_engine_is_warm()
    {
        var device = new WatchedDevice();
        using var rig = new AoeRig(device: device);
        rig.Port.IsDeaf = true;
        byte[][] frames =
        [
            Read(0, 2, 1), Read(2, 2, 2), Read(300, 1, 3), Config(0), Ata(Identify), Ata(CheckPower), Ata(0xff), Read(1 << 30, 1, 4),
            Write(8, new byte[1024], 0), Write(10, new byte[1024], 0), Write(9, new byte[1024], 0), Write(50, new byte[512], 0),
            Any(9, []), Config(0, shelf: 9), TrimOf((1000, 8)), Ata(FlushCache), Reserve(0, ClientMac), Mask(0, ClientMac),
        ];
        byte[] memory = [.. frames.SelectMany(frame => frame)];
        var ranges = new FrameRange[frames.Length];
        for (int i = 0, at = 0; i < frames.Length; at += frames[i++].Length)
        {
            ranges[i] = new FrameRange(at, frames[i].Length);
        }

        int answers = frames.Length - 1;
        long before = 0;
        for (int round = 0; round < WarmUp + Rounds; round++)
        {
            if (round == WarmUp)
            {
                device.BeginMeasuring();
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            MarkWrites(memory, ranges, round);
            rig.Server.Receive(rig.Port, memory, ranges);
            rig.Port.WaitFor((round + 1) * answers);
        }

        // What the test itself allocates: its port asserts lengths.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Rounds);
        Assert.True(device.MeasuredCalls >= Rounds - 1);
        Assert.InRange(device.AllocatedBytes, 0, Rounds);
    }

    // New tags and contents, or the writes would be repetitions.
    private static void MarkWrites(byte[] memory, FrameRange[] ranges, int round)
    {
        foreach (FrameRange range in ranges)
        {
            Span<byte> frame = memory.AsSpan(range.Start, range.Length);
            BitConverter.TryWriteBytes(frame[20..], round * 100 + range.Start);
        }
    }

    /// <summary>Watches the thread that writes: between two flushes it did all that there is to do for a group.</summary>
    private sealed class WatchedDevice : IBlockDevice
    {
        private readonly MemoryDevice _inner = new(1 << 20);
        private volatile bool _isMeasuring;
        private long _last = -1;
        private long _allocated;
        private int _calls;

        public long Size => _inner.Size;

        public int PreferredBlockSize => 4096;

        public bool IsReadOnly => false;

        public long AllocatedBytes => Interlocked.Read(ref _allocated);

        public int MeasuredCalls => Volatile.Read(ref _calls);

        public void BeginMeasuring() => _isMeasuring = true;

        public void Read(ReadOnlySpan<BlockRead> reads) => _inner.Read(reads);

        public void Write(ReadOnlySpan<BlockWrite> writes) => _inner.Write(writes);

        public void Flush()
        {
            if (!_isMeasuring)
            {
                return;
            }

            long now = GC.GetAllocatedBytesForCurrentThread();
            if (_last >= 0)
            {
                Interlocked.Add(ref _allocated, now - _last);
                Interlocked.Increment(ref _calls);
            }

            _last = GC.GetAllocatedBytesForCurrentThread();
        }

        public void Trim(long offset, long length) => _inner.Trim(offset, length);

        public void WriteZeroes(long offset, long length, bool mayTrim) => _inner.WriteZeroes(offset, length, mayTrim);

        public int GetExtents(long offset, long length, Span<DeviceExtent> extents) => _inner.GetExtents(offset, length, extents);
    }
}
