using Voe.Server.Aoe.Ata;
using Voe.Store.Devices;

namespace Voe.Server.Aoe;

/// <summary>
/// The reads of a receive group: all of one target are one call of its device, and frames that adjoin are one read of it, so
/// that no chunk is decoded twice where a stream's frames do not end at chunks.
/// </summary>
/// <remarks>Belongs to one thread; its arrays are made once and used again.</remarks>
internal sealed class ReadPass(AnswerBatch answers)
{
    /// <summary>Bytes of answers that are gathered at most, each with its header.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Reads that are gathered at most.</summary>
    public const int MaxReads = 256;

    private readonly byte[] _scratch = GC.AllocateUninitializedArray<byte>(MaxBytes, pinned: true);
    private readonly Item[] _items = new Item[MaxReads];
    private readonly long[] _offsets = new long[MaxReads];
    private readonly int[] _order = new int[MaxReads];
    private readonly BlockRead[] _reads = new BlockRead[MaxReads];
    private readonly Memory<byte>[] _data = new Memory<byte>[MaxReads]; // empty where the data is read into its answer
    private readonly Run[] _done = new Run[MaxReads];
    private int _count;
    private int _bytes;
    private int _doneCount;

    /// <summary>Whether there are no reads to do.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>Adds a read; does those before it first when there is no room.</summary>
    public void Add(AoeTarget target, in AtaFrame frame, in AtaRequest request)
    {
        int length = request.SectorCount * AtaDisk.SectorSize;
        if (_count == MaxReads || _bytes + length + AtaArgument.DataOffset > MaxBytes)
        {
            Do();
        }

        _items[_count++] = new Item(target, frame, request.Sector * AtaDisk.SectorSize, length);
        _bytes += length + AtaArgument.DataOffset;
    }

    /// <summary>Does what was added, and puts the answers into the batch.</summary>
    public void Do()
    {
        int left = _count;
        while (left > 0)
        {
            // All of one target; those of others move to the front and wait their turn.
            AoeTarget target = _items[left - 1].Target;
            int others = 0;
            int chosen = 0;
            for (int i = 0; i < left; i++)
            {
                if (ReferenceEquals(_items[i].Target, target))
                {
                    _offsets[chosen] = _items[i].Offset;
                    _order[chosen++] = i;
                }
            }

            _offsets.AsSpan(0, chosen).Sort(_order.AsSpan(0, chosen));
            Read(target, _order.AsSpan(0, chosen));
            for (int i = 0; i < left; i++)
            {
                if (!ReferenceEquals(_items[i].Target, target))
                {
                    _items[others++] = _items[i];
                }
            }

            left = others;
        }

        Array.Clear(_items, 0, _count); // targets are not kept alive
        _count = 0;
        _bytes = 0;
    }

    /// <summary>Once the answers are sent: brings in what those that read in a row will ask for next.</summary>
    public void LookAhead()
    {
        foreach ((AoeTarget target, long offset, int length) in _done.AsSpan(0, _doneCount))
        {
            try
            {
                target.ReadAhead.Note(offset, length);
            }
            // Whatever a device does wrong, the thread lives on; who reads there will be told.
            catch (Exception)
            {
            }
        }

        Array.Clear(_done, 0, _doneCount);
        _doneCount = 0;
    }

    /// <summary>Reads for one target; <paramref name="order"/> lists its items by offset.</summary>
    private void Read(AoeTarget target, Span<int> order)
    {
        int bytes = 0;
        foreach (int item in order)
        {
            bytes += _items[item].Length;
        }

        int runs = Plan(order, answers.ReserveAll(bytes + (order.Length * AtaArgument.DataOffset), order.Length));
        bool isDone = false;
        try
        {
            target.Export.Device.Read(_reads.AsSpan(0, runs));
            isDone = true;
        }
        // Whatever a device does wrong, the thread lives on, and one bad sector must not fail the other frames.
        catch (Exception)
        {
        }

        for (int i = 0; i < runs && _doneCount < MaxReads; i++)
        {
            _done[_doneCount++] = new Run(target, _reads[i].Offset, _reads[i].Buffer.Length);
        }

        for (int i = 0; i < order.Length; i++)
        {
            ref readonly Item item = ref _items[order[i]];
            Memory<byte> frame = answers.Reserve(AtaArgument.DataOffset + item.Length);
            Memory<byte> data = frame.Slice(AtaArgument.DataOffset, item.Length);
            AoeFailure failure = isDone ? default : ReadAlone(target, item, data);
            if (!failure.IsNone)
            {
                answers.AddFailure(item.Frame, target.Address, failure);
                continue;
            }

            if (isDone && !_data[i].IsEmpty)
            {
                _data[i].Span.CopyTo(data.Span);
            }

            item.Frame.WriteAnswer(frame.Span, answers.Source, target.Address, item.Frame.Registers.Done());
            answers.Add(AtaArgument.DataOffset + item.Length);
        }

        target.Counts.Reads(order.Length, bytes, runs);
    }

    /// <summary>
    /// Makes one read of items that adjoin, into the scratch memory, from where the data is copied between the headers. An
    /// item that stands alone is read to where its answer will be. Returns the number of reads.
    /// </summary>
    /// <param name="order">The items, by offset.</param>
    /// <param name="frames">Where the answers will be, one behind the other in that order.</param>
    private int Plan(Span<int> order, Memory<byte> frames)
    {
        int used = 0;
        int runs = 0;
        int frame = 0;
        for (int from = 0; from < order.Length;)
        {
            int start = used;
            ref readonly Item first = ref _items[order[from]];
            int to = from;
            do
            {
                int length = _items[order[to]].Length;
                _data[to] = _scratch.AsMemory(used, length);
                used += length;
                frame += AtaArgument.DataOffset + length;
                to++;
            }
            while (to < order.Length && _items[order[to]].Offset == first.Offset + (used - start));

            Memory<byte> buffer = _scratch.AsMemory(start, used - start);
            if (to == from + 1)
            {
                _data[from] = default;
                buffer = frames.Slice(frame - first.Length, first.Length);
            }

            _reads[runs++] = new BlockRead(first.Offset, buffer);
            from = to;
        }

        return runs;
    }

    private static AoeFailure ReadAlone(AoeTarget target, in Item item, Memory<byte> data)
    {
        try
        {
            target.Export.Device.Read([new BlockRead(item.Offset, data)]);
            return default;
        }
        // As in Read.
        catch (Exception failure)
        {
            return target.Report(failure, AtaAction.Read);
        }
    }

    private readonly record struct Run(AoeTarget Target, long Offset, int Length);

    private readonly record struct Item(AoeTarget Target, AtaFrame Frame, long Offset, int Length);
}
