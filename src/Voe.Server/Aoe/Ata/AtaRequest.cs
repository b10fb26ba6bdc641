namespace Voe.Server.Aoe.Ata;

/// <summary>What is to be done for a command.</summary>
internal enum AtaAction : byte
{
    /// <summary>Nothing: it is done, or was refused; the registers say which.</summary>
    Answer,

    /// <summary>Answer with the 512 bytes of IDENTIFY DEVICE.</summary>
    Identify,

    /// <summary>Answer with the 512 bytes of SMART READ DATA.</summary>
    SmartData,

    /// <summary>Answer with the 512 bytes of SMART READ THRESHOLDS.</summary>
    SmartThresholds,

    /// <summary>Answer with the sectors.</summary>
    Read,

    /// <summary>Read the sectors, and answer whether that went well.</summary>
    Verify,

    /// <summary>Write the sectors that came with it.</summary>
    Write,

    /// <summary>Trim what the blocks that came with it list (<see cref="AtaTrimList"/>).</summary>
    Trim,

    /// <summary>Make everything durable.</summary>
    Flush,
}

/// <summary>A command that was found valid, or refused.</summary>
/// <param name="Action">What is to be done.</param>
/// <param name="Registers">
/// What to answer with: the final registers for <see cref="AtaAction.Answer"/>; otherwise those of the command, from which
/// <see cref="AtaRegisters.Done"/> and its like make the final ones.
/// </param>
/// <param name="Sector">First sector of a read, verify or write.</param>
/// <param name="SectorCount">Sectors of a read, verify or write, at least 1; blocks of data of a trim.</param>
internal readonly record struct AtaRequest(AtaAction Action, AtaRegisters Registers, long Sector = 0, int SectorCount = 0)
{
    /// <summary>Bytes of data that come with the command.</summary>
    public int DataLength => Action is AtaAction.Write or AtaAction.Trim ? SectorCount * AtaDisk.SectorSize : 0;
}
