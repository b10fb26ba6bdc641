using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Voe.Server.Exports;
using Voe.Store.Devices;

namespace Voe.Server.Nbd;

/// <summary>
/// One client: its handshake, its transmission phase, its threads.
/// </summary>
/// <remarks>
/// <para>The threads ("workers") of a connection share its socket. One of them holds the reader role: it receives a group
/// of requests and handles it, and while that is quick, keeps the role, so that a request crosses no thread. Before
/// something that will take long, to judge by the last times, it hands the role to another worker, which is started if
/// none waits, and then does the slow work itself and sends the reply itself. When it holds the role and takes long after
/// all, the <see cref="RoleWatch"/> passes the role on. So a slow flush stalls what comes after it by a few milliseconds
/// at most, a quick one costs no second thread (handing over for each flush cost 20 to 40 % more processor time, since it
/// tears up the groups that form meanwhile), and slow flushes of several workers meet in the device.</para>
/// <para>Replies are sent under <c>_sendGate</c>, whole ones. It is held across the send, on purpose: it is what keeps
/// the replies of two workers apart, and only threads of this connection wait for it.</para>
/// <para>The connection ends when the role holder sees the end of the stream, or when a send fails; the last worker to
/// leave closes the socket, so that requests in flight are finished and replied to first.</para>
/// </remarks>
internal sealed class NbdConnection
{
    // A worker that found no role for that long leaves; its start costs about 100 us.
    private const int IdleWorkerMs = 10_000;
    private const int WorkerStackSize = 512 << 10;

    private readonly NbdSocket _socket;
    private readonly NbdResources _resources;
    private readonly Action<NbdConnection> _ended;
    private readonly Lock _sendGate = new();
    private readonly object _roleGate = new();

    // Guarded by _roleGate. The role is held at first, by the thread that does the handshake.
    private bool _isRoleFree;
    private NbdWorker? _groupHolder;
    private long _groupSince;
    private bool _isClosing;
    private int _workerCount = 1;
    private int _waitingCount;
    private bool _isStopping;
    private NbdReceiver? _receiver;

    // The socket, or TLS over it once the handshake has agreed on that; set before there is a second thread.
    private NbdTransport _transport;

    /// <summary>A connection over a socket that it owns from now on.</summary>
    /// <param name="socket">The connected socket.</param>
    /// <param name="resources">What all connections share.</param>
    /// <param name="peer">Who the client is, for messages.</param>
    /// <param name="ended">Called once, when the socket is closed and all threads but the calling one have left.</param>
    public NbdConnection(NbdSocket socket, NbdResources resources, string peer, Action<NbdConnection> ended)
    {
        _socket = socket;
        _transport = socket;
        _resources = resources;
        _ended = ended;
        Peer = peer;
        Failures = new FailureLog(resources.Logger, resources.Time, $"nbd: {peer}");
    }

    /// <summary>Who the client is, for messages.</summary>
    public string Peer { get; }

    /// <summary>What the handshake agreed on. Only after it.</summary>
    public NbdSession Session { get; private set; } = null!;

    /// <summary>The export that the client chose. Only after the handshake.</summary>
    public Export Export => Session.Export;

    /// <summary>Whether it is to end: what takes long and has no effect may be left.</summary>
    public bool IsEnding
    {
        get
        {
            lock (_roleGate)
            {
                return _isClosing || _isStopping;
            }
        }
    }

    /// <summary>The device that the client has attached; null as long as the handshake lasts. Any thread.</summary>
    public IBlockDevice? AttachedDevice
    {
        get
        {
            lock (_roleGate)
            {
                return _receiver is null ? null : Export.Device;
            }
        }
    }

    /// <summary>What the reader role receives with. Only after the handshake, only for the role's holder.</summary>
    public NbdReceiver Receiver => _receiver!;

    /// <summary>Where failed requests are reported.</summary>
    public FailureLog Failures { get; }

    /// <summary>How long reads take.</summary>
    public CostEstimate ReadCost { get; } = new();

    /// <summary>How long writes take.</summary>
    public CostEstimate WriteCost { get; } = new();

    /// <summary>How long flushes take. Up to a millisecond the requests that come meanwhile had better wait and be one group.</summary>
    public CostEstimate FlushCost { get; } = new(longMicroseconds: 1000);

    /// <summary>Since when (a timestamp) the holder of the role handles a group and could pass it on; 0 if none does.</summary>
    public long GroupSince => Volatile.Read(ref _groupSince);

    /// <summary>Starts the first worker, which does the handshake. If there is no thread for it, the connection ends at once.</summary>
    public void Start()
    {
        if (!TryStartThread(RunFirstWorker))
        {
            Leave();
        }
    }

    /// <summary>
    /// Asks the connection to end: it takes no further requests, finishes and answers those in flight, and closes.
    /// </summary>
    public void Stop()
    {
        lock (_roleGate)
        {
            _isStopping = true;
            if (_receiver is not null)
            {
                _receiver.Stop();
                return;
            }
        }

        _socket.Abort();
    }

    /// <summary>Ends the connection at once; replies that are not sent yet are lost.</summary>
    public void Abort() => _socket.Abort();

    /// <summary>Sends bytes that are whole replies; when that fails, the connection ends.</summary>
    public void Send(ReadOnlySpan<byte> replies)
    {
        bool isSent;
        lock (_sendGate)
        {
            isSent = _transport.Send(replies);
        }

        if (!isSent)
        {
            Close();
            _socket.Abort();
        }
    }

    /// <summary>Waits for the reader role; false when the worker is to leave.</summary>
    public bool TakeRole()
    {
        lock (_roleGate)
        {
            while (!_isRoleFree && !_isClosing)
            {
                _waitingCount++;
                bool isPulsed = Monitor.Wait(_roleGate, IdleWorkerMs);
                _waitingCount--;
                if (!isPulsed && !_isRoleFree)
                {
                    return false;
                }
            }

            _isRoleFree = false;
            return !_isClosing;
        }
    }

    /// <summary>The worker, which holds the role, begins to handle a group; from now on the role may be passed on.</summary>
    public void BeginGroup(NbdWorker worker)
    {
        lock (_roleGate)
        {
            _groupHolder = worker;
            Volatile.Write(ref _groupSince, Stopwatch.GetTimestamp());
        }

        _resources.RoleWatch.NoteWork();
    }

    /// <summary>The worker is done with its group; returns whether it still holds the role.</summary>
    public bool EndGroup(NbdWorker worker)
    {
        lock (_roleGate)
        {
            if (_groupHolder != worker)
            {
                return false;
            }

            EndHolding();
            return true;
        }
    }

    /// <summary>
    /// Gives the reader role to a waiting worker or a new one, if the caller still holds it. When all workers are busy, the
    /// first that is done takes it.
    /// </summary>
    public void HandOverRole(NbdWorker worker)
    {
        lock (_roleGate)
        {
            if (_groupHolder != worker || !TryFreeRole() || !TryReserveWorker())
            {
                return;
            }
        }

        StartReservedWorker();
    }

    /// <summary>The same on behalf of a holder that has handled one group since <paramref name="since"/> and is not done.</summary>
    public void PassRoleOfSlowHolder(long since)
    {
        lock (_roleGate)
        {
            if (_groupSince != since || !TryFreeRole() || !TryReserveWorker())
            {
                return;
            }
        }

        StartReservedWorker();
    }

    /// <summary>
    /// Takes the role from its holder. The receive buffer goes with the role, except while the holder still needs the
    /// write data in it: then it keeps the buffer, or the role as well if there is no other buffer.
    /// </summary>
    private bool TryFreeRole()
    {
        NbdWorker holder = _groupHolder!;
        if (holder.UsesReceiveBuffer)
        {
            byte[]? buffer = _receiver!.TryDetachBuffer();
            if (buffer is null)
            {
                return false;
            }

            holder.DetachedBuffer = buffer;
        }

        EndHolding();
        _isRoleFree = true;
        return true;
    }

    private void EndHolding()
    {
        _groupHolder = null;
        Volatile.Write(ref _groupSince, 0);
    }

    /// <summary>Finds somebody to take the role; returns whether that is to be a new thread, which is counted already.</summary>
    private bool TryReserveWorker()
    {
        if (_waitingCount > 0)
        {
            Monitor.Pulse(_roleGate);
            return false;
        }

        if (_isClosing || _workerCount >= _resources.Limits.MaxWorkersPerConnection || !_resources.TryAddExtraWorker())
        {
            return false;
        }

        _workerCount++;
        return true;
    }

    private void StartReservedWorker()
    {

        if (!TryStartThread(RunExtraWorker))
        {
            // This worker is still there and takes the role again when it is done.
            _resources.RemoveExtraWorker();
            Leave();
        }
    }

    /// <summary>No worker takes the role any more; those that wait leave.</summary>
    public void Close()
    {
        lock (_roleGate)
        {
            _isClosing = true;
            Monitor.PulseAll(_roleGate);
        }
    }

    private bool TryStartThread(ThreadStart run)
    {
        try
        {
            new Thread(run, WorkerStackSize) { IsBackground = true, Name = "nbd" }.Start();
            return true;
        }
        catch (OutOfMemoryException failure)
        {
            // What the framework throws when the kernel gives no thread (a limit of the process or of its control group).
            _resources.Logger.LogWarning("nbd: {Peer}: no thread to be had: {Message}", Peer, failure.Message);
            return false;
        }
    }

    private void RunFirstWorker()
    {
        try
        {
            NbdSession? session = Negotiate();
            if (session is not null && TryBeginTransmission(session))
            {
                _resources.Logger.LogInformation("nbd: {Peer} uses \"{Export}\"", Peer, session.Export.Name);
                new NbdWorker(this, _resources).Run(holdsRole: true);
            }
        }
        // The top of a thread: whatever is wrong with this connection, the server lives on.
        catch (Exception failure)
        {
            Fail(failure);
        }
        finally
        {
            Leave();
        }
    }

    private void RunExtraWorker()
    {
        try
        {
            new NbdWorker(this, _resources).Run(holdsRole: false);
        }
        // As above.
        catch (Exception failure)
        {
            Fail(failure);
        }
        finally
        {
            _resources.RemoveExtraWorker();
            Leave();
        }
    }

    private NbdSession? Negotiate()
    {
        var negotiation = new NbdNegotiation(_socket, _resources, Peer);
        try
        {
            return negotiation.Run();
        }
        finally
        {
            _transport = negotiation.Transport;
        }
    }

    private bool TryBeginTransmission(NbdSession session)
    {
        lock (_roleGate)
        {
            Session = session;
            _resources.RoleWatch.Add(this);
            _receiver = new NbdReceiver(_transport, _resources.ReceiveBuffers, session, ReadCost);
            return !_isStopping;
        }
    }

    private void Fail(Exception failure)
    {
        _resources.Logger.LogCritical(failure, "nbd: {Peer}: closed for an error that should not be", Peer);
        Close();
        _socket.Abort();
    }

    private void Leave()
    {
        lock (_roleGate)
        {
            if (--_workerCount > 0)
            {
                return;
            }
        }

        _resources.RoleWatch.Remove(this);
        _receiver?.ReleaseBuffer();
        _transport.Dispose();
        _ended(this);
    }
}
