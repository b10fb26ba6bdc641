using Voe.Server.Aoe;
using Voe.Server.Exports;
using Voe.Server.Tests.Nbd;
using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Server.Tests.Aoe;

/// <summary>An engine with one target, 1.0, and a port; more of both can be added.</summary>
internal sealed class AoeRig : IDisposable
{
    public const int Sector = 512;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public AoeRig(AoeTargetOptions? options = null, IBlockDevice? device = null)
    {
        Memory = new MemoryDevice(1 << 20);
        Server = new AoeServer(Targets, Log);
        Target = Add(new AoeAddress(1, 0), device ?? Memory, options);
    }

    public MemoryDevice Memory { get; }

    public AoeTargetTable Targets { get; } = new();

    public AoeTarget Target { get; }

    public AoeServer Server { get; }

    public FakePort Port { get; } = new();

    public CollectingLogger Log { get; } = new();

    public AoeTarget Add(AoeAddress address, IBlockDevice device, AoeTargetOptions? options = null)
    {
        var export = new Export($"disk{address}", device, "");
        var target = new AoeTarget(address, export, options ?? new AoeTargetOptions(), Log, TimeProvider.System);
        Assert.True(Targets.TryAdd(target));
        return target;
    }

    /// <summary>Hands frames over as one receive group.</summary>
    public void Receive(params byte[][] frames) => Receive(Port, frames);

    /// <summary>Hands frames over as one receive group of a port.</summary>
    public void Receive(IAoePort port, params byte[][] frames)
    {
        // A ring has gaps, and memory that is used again at once.
        byte[] memory = new byte[frames.Sum(frame => frame.Length + 7)];
        var ranges = new FrameRange[frames.Length];
        int at = 3;
        for (int i = 0; i < frames.Length; i++)
        {
            frames[i].CopyTo(memory, at);
            ranges[i] = new FrameRange(at, frames[i].Length);
            at += frames[i].Length + 5;
        }

        Server.Receive(port, memory, ranges);
        Array.Fill(memory, (byte)0xee);
    }

    /// <summary>Hands over one frame, and takes the answer.</summary>
    public byte[] Ask(byte[] frame)
    {
        Receive(frame);
        return Port.Take();
    }

    /// <summary>Hands over frames that must have no answer: everything was done when the question behind them is answered.</summary>
    public void RequireSilence(params byte[][] frames)
    {
        Receive(frames);
        byte[] answer = Ask(Frames.Ata(Frames.FlushCache, tag: 0xffff_fff0));
        Assert.Equal(0xffff_fff0, Frames.Tag(answer));
    }

    public void Dispose() => Assert.True(Server.Stop(Patience));
}
