using System.Net.Sockets;
using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// One connection under load until its server dies: writes of some sectors or blocks, with and without FUA, trims,
/// zeroes and flushes, many in flight, each noted in the ledger. It uses every n-th run of blocks, which no other writer touches.
/// </summary>
internal sealed class LedgerWriter
{
    private const int Depth = 16;

    // Blocks of one writer that lie together, so that an operation can have several.
    private const int RunLength = 8;

    private readonly SectorLedger _ledger;
    private readonly NbdClient _client;
    private readonly Random _random;
    private readonly int _number;
    private readonly int _writerCount;
    private readonly Dictionary<ulong, (int FirstSector, int Count)> _inFlight = [];
    private readonly HashSet<int> _busyRuns = [];
    private readonly byte[] _buffer = new byte[RunLength * SectorLedger.BlockSize];
    private ulong _operation;
    private int _acknowledgedCount;

    public LedgerWriter(SectorLedger ledger, NbdClient client, Random random, int number, int writerCount, ulong firstOperation)
    {
        _ledger = ledger;
        _client = client;
        _random = random;
        _number = number;
        _writerCount = writerCount;
        _operation = firstOperation;
    }

    /// <summary>Operations acknowledged so far. From any thread.</summary>
    public int AcknowledgedCount => Volatile.Read(ref _acknowledgedCount);

    /// <summary>What went wrong other than the server's death, if anything.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Works until the connection ends.</summary>
    public void Run()
    {
        try
        {
            while (true)
            {
                while (_inFlight.Count < Depth)
                {
                    Send();
                }

                Receive();
            }
        }
        catch (Exception ended) when (ended is SocketException or EndOfStreamException)
        {
            // The server was killed, as planned.
        }
        catch (Exception failure)
        {
            Failure = failure;
        }
    }

    private void Send()
    {
        if (_random.Next(20) == 0)
        {
            _inFlight.Add(_client.SendRequest(NbdClient.Flush, 0, 0), default);
            return;
        }

        int run = ChooseRun();
        int block = (((run * _writerCount) + _number) * RunLength) + _random.Next(RunLength);
        int blocksLeft = RunLength - (block % RunLength);
        (int first, int count) = _random.Next(3) == 0
            ? ((block * SectorLedger.SectorsPerBlock) + _random.Next(4), _random.Next(1, 5))
            : (block * SectorLedger.SectorsPerBlock, _random.Next(1, blocksLeft + 1) * SectorLedger.SectorsPerBlock);
        _busyRuns.Add(run);
        long offset = (long)first * SectorLedger.SectorSize;
        int length = count * SectorLedger.SectorSize;
        ushort flags = _random.Next(10) == 0 ? NbdClient.Fua : (ushort)0;
        bool isZeroing = _random.Next(10) == 0;
        ulong operation = isZeroing ? 0 : ++_operation;
        _ledger.Begin(first, count, operation);
        SectorLedger.Fill(_buffer.AsSpan(0, length), first, operation);

        // In the dictionary before it is on its way: when the sending fails, the server may have it all the same.
        ulong cookie = isZeroing
            ? _client.SendRequest(_random.Next(2) == 0 ? NbdClient.Trim : NbdClient.WriteZeroes, offset, length, flags)
            : _client.SendRequest(NbdClient.Write, offset, length, flags, _buffer.AsSpan(0, length));
        _inFlight.Add(cookie, (first, count));
    }

    private void Receive()
    {
        NbdClientReply reply = _client.ReceiveReply();
        if (reply.Error != 0)
        {
            throw new InvalidDataException($"the server answered with error {reply.Error}");
        }

        (int first, int count) = _inFlight[reply.Cookie];
        _inFlight.Remove(reply.Cookie);
        if (count > 0)
        {
            _ledger.Acknowledge(first, count);
            _busyRuns.Remove(first / SectorLedger.SectorsPerBlock / RunLength / _writerCount);
        }

        Interlocked.Increment(ref _acknowledgedCount);
    }

    private int ChooseRun()
    {
        int runCount = _ledger.BlockCount / RunLength / _writerCount;
        while (true)
        {
            int run = _random.Next(runCount);
            if (!_busyRuns.Contains(run))
            {
                return run;
            }
        }
    }
}
