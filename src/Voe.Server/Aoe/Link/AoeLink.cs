using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Voe.Server.Aoe.Link;

/// <summary>Takes a group of frames that a link received; the memory is the link's and only valid during the call.</summary>
internal delegate void FrameReceiver(IAoePort port, ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames);

/// <summary>
/// An Ethernet interface that AoE is served at. Its thread sleeps until frames arrive, takes all that wait, up to a
/// group, and hands them on; every second it looks at the interface and follows it: down and up, removed and made anew, another
/// MTU, another address.
/// </summary>
/// <remarks>
/// Bounded: the kernel's ring, and one group of frames. What the ring has no room for is lost, as on a wire, and asked for again by
/// its initiator. Sending is safe from many threads.
/// </remarks>
internal sealed class AoeLink : IAoePort, IDisposable
{
    private const int GroupSize = 64;

    // A spin that was in vain counts against the next ones; of those that are not tried, each 64th is, to see whether it pays again.
    private const int SpinGroup = 2;
    private const int MaxSpinScore = 16;
    private const int SpinRetryMask = 63;
    private static readonly TimeSpan SpinTime = TimeSpan.FromMicroseconds(30);

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LossNoticeInterval = TimeSpan.FromMinutes(1);

    private readonly AoeLinkSpec _spec;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly EthernetInterface.Reader _reader = new();
    private readonly FrameRange[] _frames = new FrameRange[GroupSize];
    private readonly Lock _sendLock = new(); // held while a group is sent, and while the socket changes
    private readonly int _wake;
    private readonly Thread _thread;
    private FrameReceiver _receive = static (_, _, _) => { };
    private Action<AoeLink> _cameUp = static _ => { };
    private byte[] _memory = [];
    private PcapSocket? _socket; // changed by the thread alone, under _sendLock
    private EthernetInterface _interface;
    private string _trouble = ""; // what is told once, and not every second
    private int _lastCount;
    private int _spinScore;
    private int _spinsSkipped;
    private long _lastLook;
    private long _lastLossNotice;
    private long _droppedBefore;
    private long _unsent; // guarded by _sendLock
    private string _sendError = ""; // guarded by _sendLock
    private ulong _address;
    private volatile int _mtu;
    private volatile bool _mustLook;
    private volatile bool _isStopping;

    /// <summary>A link that is not open yet.</summary>
    /// <exception cref="LinkException">No event can be had from the system.</exception>
    public AoeLink(AoeLinkSpec spec, TimeProvider time, ILogger logger)
    {
        _spec = spec;
        _time = time;
        _logger = logger;
        _wake = Interop.CreateEvent();
        if (_wake < 0)
        {
            throw new LinkException($"{spec.Interface}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        _thread = new Thread(Run) { IsBackground = true, Name = $"aoe-{spec.Interface}" };
    }

    /// <inheritdoc/>
    public string Name => _spec.Interface;

    /// <inheritdoc/>
    public MacAddress Address => new(Volatile.Read(ref _address));

    /// <inheritdoc/>
    public int Mtu => _mtu;

    /// <summary>
    /// Opens the interface, so that frames wait for <see cref="Start"/>. One that is down now is opened when it comes up.
    /// </summary>
    /// <exception cref="LinkException">It can never be served at: it is not there, is no Ethernet, or is not ours to open.</exception>
    public void Open()
    {
        EthernetInterface found = _reader.Read(Name) ?? throw LinkErrors.Missing(Name);
        if (!found.IsEthernet)
        {
            throw LinkErrors.NotEthernet(Name);
        }

        Take(found);
        if (found.IsUp)
        {
            OpenSocket(found);
        }
        else
        {
            Complain("is down: AoE waits for it");
        }

        _lastLook = _time.GetTimestamp();
    }

    /// <summary>Begins to hand on what arrives, all of it from one thread.</summary>
    /// <param name="receive">Takes it.</param>
    /// <param name="cameUp">Called from that thread, at once and when the interface came up again or has another MTU or address.</param>
    public void Start(FrameReceiver receive, Action<AoeLink> cameUp)
    {
        _receive = receive;
        _cameUp = cameUp;
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames)
    {
        lock (_sendLock)
        {
            for (int i = 0; i < frames.Length; i++)
            {
                string error = "";
                if (_socket?.TrySend(memory.Slice(frames[i].Start, frames[i].Length), out error) is not true)
                {
                    // Who waited in vain for one frame does not wait for the others: they would be late.
                    _unsent += frames.Length - i;
                    _sendError = error;
                    _mustLook = true;
                    return;
                }
            }
        }
    }

    /// <summary>Receives no more; waits for the group in hand. Sending goes on until it is disposed.</summary>
    public void Stop()
    {
        _isStopping = true;
        Interop.Signal(_wake);
        if (_thread.IsAlive)
        {
            _thread.Join();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        CloseSocket();
        _reader.Dispose();
        _ = Interop.Close(_wake);
    }

    private void Run()
    {
        if (_socket is not null)
        {
            _cameUp(this);
        }

        while (!_isStopping)
        {
            try
            {
                Turn();
            }
            catch (Exception failure)
            {
                // The top of the thread: whatever it was, the next group may do better.
                _logger.LogError(failure, "{Interface}: an error that should not be", Name);
                Wait(LookInterval);
            }
        }
    }

    private void Turn()
    {
        if (_mustLook || _time.GetElapsedTime(_lastLook) >= LookInterval)
        {
            Look();
        }

        int count = _socket is null ? 0 : GatherSpinning(_socket);
        if (count > 0)
        {
            _receive(this, _memory, _frames.AsSpan(0, count));
        }
        else if (count < 0)
        {
            Complain($"fails: {_socket!.LastError}");
            CloseSocket();
        }
        else
        {
            Wait(LookInterval);
        }
    }

    /// <summary>
    /// Takes what waits, or what comes within some microseconds while frames come densely and one by one: to be woken takes
    /// longer than that, and an initiator that has one frame under way waits for it each time.
    /// </summary>
    private int GatherSpinning(PcapSocket socket)
    {
        int count = Gather(socket);
        bool isShallow = _lastCount <= SpinGroup;
        _lastCount = count;
        if (count != 0 || !isShallow || Environment.ProcessorCount < 2 || (_spinScore <= 0 && (++_spinsSkipped & SpinRetryMask) != 0))
        {
            return count;
        }

        long start = _time.GetTimestamp();
        do
        {
            count = Gather(socket);
        }
        while (count == 0 && _time.GetElapsedTime(start) < SpinTime);
        _lastCount = count;
        _spinScore = count > 0 ? Math.Min(MaxSpinScore, _spinScore + 2) : Math.Max(0, _spinScore - 1);
        return count;
    }

    /// <summary>Takes what waits; the number of frames, or -1 when the interface fails and nothing was taken before.</summary>
    private int Gather(PcapSocket socket)
    {
        int used = 0;
        for (int i = 0; i < GroupSize; i++)
        {
            int result = socket.TryReceive(_memory.AsSpan(used), out int length);
            if (result != 1)
            {
                return i > 0 ? i : Math.Max(result, -1);
            }

            _frames[i] = new FrameRange(used, length);
            used += length;
        }

        return GroupSize;
    }

    private unsafe void Wait(TimeSpan limit)
    {
        Interop.PollDescriptor* descriptors = stackalloc Interop.PollDescriptor[2];
        descriptors[0] = new Interop.PollDescriptor { Descriptor = _wake, Events = Interop.PollIn };
        descriptors[1] = new Interop.PollDescriptor { Descriptor = _socket?.Descriptor ?? -1, Events = Interop.PollIn };
        _ = Interop.Poll(descriptors, 2, (int)limit.TotalMilliseconds);
        if (descriptors[0].Occurred != 0)
        {
            Interop.Reset(_wake);
        }
    }

    private void Look()
    {
        _mustLook = false;
        _lastLook = _time.GetTimestamp();
        TellLosses();
        EthernetInterface? found = _reader.Read(Name);
        if (found is not { IsUp: true, IsEthernet: true } now)
        {
            CloseSocket();
            Complain(found is null ? "is gone: AoE waits for it" : "is down: AoE waits for it");
            return;
        }

        EthernetInterface before = _interface;
        if (_socket is not null && now == before)
        {
            return;
        }

        Take(now);
        if (_socket is null || now.Index != before.Index || now.Mtu != before.Mtu)
        {
            try
            {
                OpenSocket(now);
            }
            catch (LinkException failure)
            {
                Complain($"cannot be served at: {failure.Message}");
                return;
            }
        }
        else
        {
            _logger.LogInformation("{Interface}: its address is {Address} now", Name, Address);
        }

        _cameUp(this);
    }

    private void Take(EthernetInterface now)
    {
        _interface = now;
        Volatile.Write(ref _address, now.Address.Value);
        _mtu = Math.Min(now.Mtu, _spec.MaxMtu ?? int.MaxValue);
    }

    private void OpenSocket(EthernetInterface now)
    {
        CloseSocket();
        var socket = PcapSocket.Open(Name, now.Mtu);
        _memory = GC.AllocateUninitializedArray<byte>(GroupSize * socket.MaxFrameSize, pinned: true);
        _droppedBefore = 0;
        _trouble = "";
        lock (_sendLock)
        {
            _socket = socket;
        }

        int sectors = Math.Max(0, (Mtu - (AoeLinkSpec.MinMtu - 512)) / 512);
        _logger.LogInformation("{Interface}: AoE at {Address}, MTU {Mtu}, {Sectors} sectors a frame", Name, Address, Mtu, sectors);
        if (_spec.MaxMtu > now.Mtu)
        {
            _logger.LogWarning("{Interface}: its MTU is {Mtu}, not {Asked} as asked for", Name, now.Mtu, _spec.MaxMtu);
        }

        if (sectors == 0)
        {
            _logger.LogWarning("{Interface}: no sector fits its MTU of {Mtu}: {Least} at least", Name, Mtu, AoeLinkSpec.MinMtu);
        }
    }

    private void CloseSocket()
    {
        PcapSocket? socket;
        lock (_sendLock)
        {
            (socket, _socket) = (_socket, null);
        }

        socket?.Dispose();
    }

    private void Complain(string trouble)
    {
        if (!string.Equals(_trouble, trouble, StringComparison.Ordinal))
        {
            _trouble = trouble;
            _logger.LogWarning("{Interface} {Trouble}", Name, trouble);
        }
    }

    private void TellLosses()
    {
        if (_socket is null || _time.GetElapsedTime(_lastLossNotice, _lastLook) < LossNoticeInterval)
        {
            return;
        }

        long dropped = _socket.Dropped;
        long unsent;
        string error;
        lock (_sendLock)
        {
            (unsent, error, _unsent) = (_unsent, _sendError, 0);
        }

        if (dropped > _droppedBefore || unsent > 0)
        {
            _lastLossNotice = _lastLook;
            _logger.LogWarning(
                "{Interface}: {Dropped} frames came while the ring was full, and {Unsent} could not be sent ({Error}); "
                + "their initiators ask again", Name, dropped - _droppedBefore, unsent, error.Length > 0 ? error : "no error");
            _droppedBefore = dropped;
        }
    }
}
