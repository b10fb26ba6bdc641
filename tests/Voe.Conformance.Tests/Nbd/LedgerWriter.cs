namespace Voe.Conformance.Tests.Nbd;

/// <summary>
/// One connection of libnbd under load until its server dies: writes of some sectors or blocks, with and without FUA, trims,
/// zeroes and flushes, many in flight, each noted in the ledger. It uses every n-th run of blocks, which no other writer touches.
/// </summary>
internal sealed class LedgerWriter
{
    private const int Depth = 16;

    // Blocks of one writer that lie together, so that an operation can have several.
    private const int RunLength = 8;

    private readonly SectorLedger _ledger;
    private readonly LibNbd _client;
    private readonly Random _random;
    private readonly int _number;
    private readonly int _writerCount;
    private readonly Dictionary<long, (int FirstSector, int Count)> _inFlight = [];
    private readonly HashSet<int> _busyRuns = [];
    private readonly byte[] _buffer = new byte[RunLength * SectorLedger.BlockSize];
    private ulong _operation;
    private int _acknowledgedCount;

    public LedgerWriter(SectorLedger ledger, LibNbd client, Random random, int number, int writerCount, ulong firstOperation)
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
            while (SendAll() && Receive())
            {
                // Until the server is killed, as planned.
            }
        }
        catch (Exception failure)
        {
            Failure = failure;
        }
    }

    private bool SendAll()
    {
        while (_inFlight.Count < Depth)
        {
            if (!Send())
            {
                return false;
            }
        }

        return true;
    }

    // False when the connection has ended; the server may have the command all the same.
    private bool Send()
    {
        if (_random.Next(20) == 0)
        {
            return Note(_client.BeginFlush(), default);
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
        uint flags = _random.Next(10) == 0 ? LibNbd.Fua : 0;
        bool isZeroing = _random.Next(10) == 0;
        ulong operation = isZeroing ? 0 : ++_operation;
        _ledger.Begin(first, count, operation);
        SectorLedger.Fill(_buffer.AsSpan(0, length), first, operation);
        long cookie = !isZeroing ? _client.BeginWrite(offset, _buffer.AsSpan(0, length), flags)
            : _random.Next(2) == 0 ? _client.BeginTrim(offset, length, flags)
            : _client.BeginZero(offset, length, flags);
        return Note(cookie, (first, count));
    }

    private bool Note(long cookie, (int FirstSector, int Count) operation)
    {
        if (cookie > 0)
        {
            _inFlight.Add(cookie, operation);
        }

        return cookie > 0;
    }

    // False when the connection has ended.
    private bool Receive()
    {
        long cookie = _client.WaitForAnswer(out int error);
        if (cookie == 0)
        {
            return false;
        }

        if (error != 0)
        {
            throw new InvalidDataException($"the server answered with error {error}");
        }

        (int first, int count) = _inFlight[cookie];
        _inFlight.Remove(cookie);
        if (count > 0)
        {
            _ledger.Acknowledge(first, count);
            _busyRuns.Remove(first / SectorLedger.SectorsPerBlock / RunLength / _writerCount);
        }

        Interlocked.Increment(ref _acknowledgedCount);
        return true;
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
