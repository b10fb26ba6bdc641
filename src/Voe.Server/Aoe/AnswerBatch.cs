using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>
/// Answers of one thread to one port, gathered in pinned memory until they leave in one send. Answers that find no room
/// send those before them first.
/// </summary>
/// <param name="size">Bytes of memory; the largest answer that is asked for must fit.</param>
/// <param name="frames">Answers that are gathered at most.</param>
internal sealed class AnswerBatch(int size, int frames)
{
    private readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(size, pinned: true);
    private readonly FrameRange[] _frames = new FrameRange[frames];
    private IAoePort? _port;
    private int _count;
    private int _used;

    /// <summary>The address that the answers are sent from.</summary>
    public MacAddress Source => _port!.Address;

    /// <summary>Says where the answers that follow go; sends those that go elsewhere.</summary>
    public void Begin(IAoePort port)
    {
        if (!ReferenceEquals(_port, port))
        {
            Send();
            _port = port;
        }
    }

    /// <summary>Room for an answer of at most that many bytes, which <see cref="Add"/> takes or the next call reuses.</summary>
    public Memory<byte> Reserve(int length)
    {
        length = Math.Max(length, AoeHeader.MinFrameSize);
        if (_count == _frames.Length || length > _memory.Length - _used)
        {
            Send();
        }

        return _memory.AsMemory(_used, length);
    }

    /// <summary>
    /// Memory for that many answers of so many bytes in all, which are then reserved and added one after another in it:
    /// nothing is sent in between.
    /// </summary>
    public Memory<byte> ReserveAll(int length, int count)
    {
        if (count > _frames.Length - _count || length > _memory.Length - _used)
        {
            Send();
        }

        return _memory.AsMemory(_used, length);
    }

    /// <summary>Takes what was written into the reserved room as an answer of that length, padded to what an Ethernet wants.</summary>
    public void Add(int length)
    {
        if (length < AoeHeader.MinFrameSize)
        {
            _memory.AsSpan(_used + length, AoeHeader.MinFrameSize - length).Clear();
            length = AoeHeader.MinFrameSize;
        }

        _frames[_count++] = new FrameRange(_used, length);
        _used += length;
    }

    /// <summary>Adds the answer to an ATA command without data.</summary>
    public void AddAta(in AtaFrame request, AoeAddress target, in AtaRegisters registers)
    {
        Span<byte> frame = Reserve(AtaArgument.DataOffset).Span;
        request.WriteAnswer(frame, _port!.Address, target, registers);
        Add(AtaArgument.DataOffset);
    }

    /// <summary>Adds the answer to an ATA command that failed.</summary>
    public void AddFailure(in AtaFrame request, AoeAddress target, AoeFailure failure)
    {
        if (failure.Error != AoeError.None)
        {
            AddError(request.Header, target, failure.Error);
        }
        else
        {
            AddAta(request, target, request.Registers.Failed(failure.Ata));
        }
    }

    /// <summary>Adds an answer with an error of AoE. What is behind the header has no meaning then, and is zero.</summary>
    public void AddError(in AoeHeader request, AoeAddress target, AoeError error)
    {
        request.WriteAnswer(Reserve(AoeHeader.Size).Span, _port!.Address, target, error);
        Add(AoeHeader.Size);
    }

    /// <summary>Sends what was gathered.</summary>
    public void Send()
    {
        if (_count > 0)
        {
            _port!.Send(_memory.AsSpan(0, _used), _frames.AsSpan(0, _count));
        }

        _count = 0;
        _used = 0;
    }
}
