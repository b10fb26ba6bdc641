using System.Collections.Immutable;
using Voe.Server.Aoe.Ata;

namespace Voe.Server.Aoe;

/// <summary>
/// Handles one receive group at a time: sorts its frames out, puts what changes a device in line, does the reads, answers
/// the rest.
/// </summary>
/// <remarks>
/// Belongs to one thread at a time; its arrays are made once and used again. What changes a device is put in line before
/// the first read, so that writing begins while the reads are done.
/// </remarks>
internal sealed class ReceivePass
{
    private const int AnswersPerSend = 512;

    private readonly AnswerBatch _answers;
    private readonly ReadPass _reads;
    private readonly List<AoeTarget> _entered = [];
    private readonly List<AoeTarget> _written = [];
    private IAoePort _port = null!;
    private int _sectorsPerFrame;

    /// <summary>A pass, to be used again and again.</summary>
    public ReceivePass()
    {
        _answers = new AnswerBatch(ReadPass.MaxBytes + (AnswersPerSend * AoeHeader.MinFrameSize), AnswersPerSend);
        _reads = new ReadPass(_answers);
    }

    /// <summary>Handles a group.</summary>
    public void Handle(IAoePort port, ReadOnlySpan<byte> memory, ReadOnlySpan<FrameRange> frames, ImmutableArray<AoeTarget> targets)
    {
        _port = port;
        _sectorsPerFrame = AtaArgument.SectorsPerFrame(port.Mtu);
        _answers.Begin(port);
        try
        {
            MacAddress address = port.Address;
            foreach (FrameRange range in frames)
            {
                ReadOnlySpan<byte> frame = memory.Slice(range.Start, range.Length);
                if (AoeHeader.TryRead(frame, address, out AoeHeader header))
                {
                    Dispatch(header, frame, targets);
                }
            }

            if (_reads.IsEmpty)
            {
                _answers.Send();
                WakeWriters(mayWrite: true);
                return;
            }

            WakeWriters(mayWrite: false);
            _reads.Do();
            _answers.Send();
            _reads.LookAhead();
        }
        finally
        {
            WakeWriters(mayWrite: false);
            foreach (AoeTarget target in _entered)
            {
                target.Exit();
            }

            _entered.Clear();
        }
    }

    private void WakeWriters(bool mayWrite)
    {
        foreach (AoeTarget target in _written)
        {
            target.Writes.Wake(mayWrite);
        }

        _written.Clear();
    }

    private void Dispatch(in AoeHeader header, ReadOnlySpan<byte> frame, ImmutableArray<AoeTarget> targets)
    {
        if (header.Address.IsTarget)
        {
            int at = AoeTargetTable.IndexOf(targets, header.Address);
            if (at >= 0)
            {
                HandleFor(targets[at], header, frame);
            }

            return;
        }

        foreach (AoeTarget target in targets)
        {
            if (header.Address.Covers(target.Address))
            {
                HandleFor(target, header, frame);
            }
        }
    }

    private void HandleFor(AoeTarget target, in AoeHeader header, ReadOnlySpan<byte> frame)
    {
        if (!Enter(target))
        {
            return;
        }

        target.Counts.Frame();
        if (!target.Access.Admits(header.Source))
        {
            target.Counts.NotAdmitted();
            return;
        }

        AoeError error = header switch
        {
            { Version: not AoeHeader.SpokenVersion } => AoeError.BadVersion,
            { Command: AoeCommand.Ata } => Ata(target, header, frame),
            { Command: AoeCommand.Config } => Config(target, header, frame),
            { Command: AoeCommand.Mask } => Mask(target, header, frame),
            { Command: AoeCommand.Reserve } => Reserve(target, header, frame),
            _ => AoeError.BadCommand,
        };
        if (error != AoeError.None)
        {
            _answers.AddError(header, target.Address, error);
        }
    }

    private bool Enter(AoeTarget target)
    {
        // A group is for few targets.
        if (_entered.Contains(target))
        {
            return true;
        }

        bool isIn = target.TryEnter();
        if (isIn)
        {
            _entered.Add(target);
        }

        return isIn;
    }

    private AoeError Ata(AoeTarget target, in AoeHeader header, ReadOnlySpan<byte> frame)
    {
        if (!AtaFrame.TryRead(header, frame, out AtaFrame ata))
        {
            return AoeError.BadArgument;
        }

        if (ata.Registers.Command != (byte)AtaCommand.IdentifyDevice && !target.Access.MayUse(header.Source))
        {
            return AoeError.Reserved;
        }

        AtaRequest request = target.Disk.Begin(ata.Registers, target.Sectors, target.Export.Device.IsReadOnly);
        switch (request.Action)
        {
            case AtaAction.Answer:
                _answers.AddAta(ata, target.Address, request.Registers);
                return AoeError.None;
            case AtaAction.Read:
                if (request.SectorCount > _sectorsPerFrame)
                {
                    return AoeError.BadArgument;
                }

                _reads.Add(target, ata, request);
                return AoeError.None;
            case AtaAction.Identify or AtaAction.SmartData or AtaAction.SmartThresholds:
                AddStructure(target, ata, request.Action);
                return AoeError.None;
            default:
                return PutInLine(target, ata, request, frame[AtaArgument.DataOffset..]);
        }
    }

    private void AddStructure(AoeTarget target, in AtaFrame ata, AtaAction action)
    {
        const int Length = AtaArgument.DataOffset + AtaDisk.SectorSize;
        Span<byte> answer = _answers.Reserve(Length).Span;
        ata.WriteAnswer(answer, _port.Address, target.Address, ata.Registers.Done());
        Span<byte> data = answer[AtaArgument.DataOffset..];
        switch (action)
        {
            case AtaAction.Identify:
                target.WriteIdentity(data, _sectorsPerFrame);
                break;
            case AtaAction.SmartData:
                AtaSmart.WriteData(data);
                break;
            default:
                AtaSmart.WriteThresholds(data);
                break;
        }

        _answers.Add(Length);
    }

    private AoeError PutInLine(AoeTarget target, in AtaFrame ata, in AtaRequest request, ReadOnlySpan<byte> data)
    {
        // One frame that writes to every disk on the wire is never meant.
        bool isChange = request.Action is AtaAction.Write or AtaAction.Trim;
        if ((isChange && !ata.Header.Address.IsTarget) || request.DataLength > data.Length)
        {
            return AoeError.BadArgument;
        }

        var entry = new WriteEntry
        {
            Frame = ata,
            Port = _port,
            Action = request.Action,
            Offset = request.Sector * AtaDisk.SectorSize,
            Length = request.SectorCount * AtaDisk.SectorSize,
        };
        Enqueued outcome = target.Writes.TryAdd(entry, data[..request.DataLength]);
        target.Counts.Enqueued(outcome, request.Action == AtaAction.Write, request.DataLength);
        if (outcome == Enqueued.Done)
        {
            _answers.AddAta(ata, target.Address, ata.Registers.Done());
        }
        else if (outcome == Enqueued.Waits && !_written.Contains(target))
        {
            _written.Add(target);
        }

        return AoeError.None;
    }

    private AoeError Config(AoeTarget target, in AoeHeader header, ReadOnlySpan<byte> frame)
    {
        if (!ConfigArgument.TryRead(frame, out ConfigCommand command, out ReadOnlySpan<byte> text))
        {
            return AoeError.BadArgument;
        }

        ReadOnlySpan<byte> current = target.ConfigString.Span;
        switch (command)
        {
            case ConfigCommand.Read:
                break;
            case ConfigCommand.Test:
                if (!current.SequenceEqual(text))
                {
                    return AoeError.None;
                }

                break;
            case ConfigCommand.TestPrefix:
                if (!current.StartsWith(text))
                {
                    return AoeError.None;
                }

                break;
            case ConfigCommand.Set or ConfigCommand.ForceSet:
                AoeError error = target.Config.Set(text, command == ConfigCommand.ForceSet, out Exception? failure);
                if (failure is not null)
                {
                    target.ReportConfig(failure);
                }

                if (error != AoeError.None)
                {
                    return error;
                }

                break;
            default:
                return AoeError.BadArgument;
        }

        AddConfig(target, header, command);
        return AoeError.None;
    }

    /// <summary>Adds the config answer to a request, or to none: an announcement to the header's source.</summary>
    private void AddConfig(AoeTarget target, in AoeHeader header, ConfigCommand command)
    {
        ReadOnlyMemory<byte> text = target.ConfigString;
        Span<byte> answer = _answers.Reserve(ConfigArgument.StringOffset + text.Length).Span;
        header.WriteAnswer(answer, _port.Address, target.Address, AoeError.None);
        _answers.Add(ConfigArgument.WriteAnswer(
            answer, target.Options.BufferCount, AoeServer.FirmwareNumber, _sectorsPerFrame, command, text.Span));
    }

    /// <summary>Announces a target to everybody, or to those that it admits.</summary>
    public void Announce(IAoePort port, AoeTarget target)
    {
        _port = port;
        _sectorsPerFrame = AtaArgument.SectorsPerFrame(port.Mtu);
        _answers.Begin(port);
        ReadOnlySpan<MacAddress> audience = target.Access.Audience;
        foreach (MacAddress address in audience.IsEmpty ? [MacAddress.Broadcast] : audience)
        {
            var header = new AoeHeader(address, AoeHeader.SpokenVersion, target.Address, AoeCommand.Config, Tag: 0);
            AddConfig(target, header, ConfigCommand.Read);
        }

        _answers.Send();
    }

    private AoeError Mask(AoeTarget target, in AoeHeader header, ReadOnlySpan<byte> frame)
    {
        if (!MaskArgument.TryRead(frame, out MaskCommand command, out ReadOnlySpan<byte> directives)
            || command is not (MaskCommand.Read or MaskCommand.Edit))
        {
            return AoeError.BadArgument;
        }

        (MaskError error, int directive) = command == MaskCommand.Edit ? target.Access.Edit(directives) : default;
        ReadOnlySpan<MacAddress> list = target.Access.Masks;
        Span<byte> answer = _answers.Reserve(MaskArgument.DirectivesOffset + (list.Length * MaskArgument.DirectiveSize)).Span;
        header.WriteAnswer(answer, _port.Address, target.Address, AoeError.None);
        _answers.Add(error == MaskError.None
            ? MaskArgument.WriteList(answer, command, list)
            : MaskArgument.WriteError(answer, command, error, directive));
        return AoeError.None;
    }

    private AoeError Reserve(AoeTarget target, in AoeHeader header, ReadOnlySpan<byte> frame)
    {
        if (!ReserveArgument.TryRead(frame, out ReserveCommand command, out ReadOnlySpan<byte> list)
            || command is not (ReserveCommand.Read or ReserveCommand.Set or ReserveCommand.ForceSet)
            || list.Length > AoeAccess.MaxReservations * MacAddress.Size)
        {
            return AoeError.BadArgument;
        }

        if (command != ReserveCommand.Read && !target.Access.TryReserve(header.Source, list, command == ReserveCommand.ForceSet))
        {
            return AoeError.Reserved;
        }

        ReadOnlySpan<MacAddress> reservations = target.Access.Reservations;
        Span<byte> answer = _answers.Reserve(ReserveArgument.ListOffset + (reservations.Length * MacAddress.Size)).Span;
        header.WriteAnswer(answer, _port.Address, target.Address, AoeError.None);
        _answers.Add(ReserveArgument.WriteList(answer, command, reservations));
        return AoeError.None;
    }
}
