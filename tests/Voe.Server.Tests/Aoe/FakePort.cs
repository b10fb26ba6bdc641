using Voe.Server.Aoe;

namespace Voe.Server.Tests.Aoe;

/// <summary>A port without a wire: keeps what is sent. Safe from many threads.</summary>
internal sealed class FakePort : IAoePort
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly object _gate = new();
    private readonly Queue<byte[]> _sent = new();

    public string Name { get; init; } = "fake0";

    public MacAddress Address { get; init; } = new(0x02_00_00_00_00_01);

    public int Mtu { get; set; } = 1500;

    /// <summary>Whether sent frames are dropped instead of kept.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>Calls of <see cref="Send"/>.</summary>
    public int SendCount { get; private set; }

    /// <summary>Frames that were sent so far.</summary>
    public int FrameCount { get; private set; }

    public void Send(ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames)
    {
        lock (_gate)
        {
            SendCount++;
            FrameCount += frames.Length;
            foreach (FrameRange range in frames)
            {
                if (range.Length < 60 || range.Length > 14 + Math.Max(Mtu, 1500))
                {
                    Assert.Fail($"a frame of {range.Length} bytes was sent");
                }

                if (!IsDeaf)
                {
                    _sent.Enqueue(memory.Slice(range.Start, range.Length).ToArray());
                }
            }

            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes the frame that was sent first; waits for it.</summary>
    public byte[] Take()
    {
        lock (_gate)
        {
            while (_sent.Count == 0)
            {
                Assert.True(Monitor.Wait(_gate, Patience), "no answer came");
            }

            return _sent.Dequeue();
        }
    }

    /// <summary>Takes so many frames; waits for them.</summary>
    public byte[][] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Take())];

    /// <summary>Takes what was sent up to now, without waiting.</summary>
    public byte[][] TakeAll()
    {
        lock (_gate)
        {
            byte[][] all = [.. _sent];
            _sent.Clear();
            return all;
        }
    }

    /// <summary>Waits until so many frames were sent in all.</summary>
    public void WaitFor(int frameCount)
    {
        lock (_gate)
        {
            while (FrameCount < frameCount)
            {
                if (!Monitor.Wait(_gate, Patience))
                {
                    Assert.Fail($"{FrameCount} of {frameCount} answers came");
                }
            }
        }
    }
}
