namespace Voe.Server.Aoe.Ata;

/// <summary>
/// The registers of an ATA device, by value: what a host writes before a command, and what it reads after it.
/// </summary>
/// <param name="Feature">Features before a command, the error register after it.</param>
/// <param name="Count">The sector count; one byte, also for 48-bit commands, since AoE has no room for a second.</param>
/// <param name="Command">The command before, the status after.</param>
/// <param name="Lba">The LBA registers, 48 bits.</param>
internal readonly record struct AtaRegisters(byte Feature, byte Count, byte Command, ulong Lba)
{
    /// <summary>The registers after the command went well.</summary>
    public AtaRegisters Done() => this with { Feature = 0, Command = (byte)AtaStatus.Ready };

    /// <summary>The registers after the command was refused or failed, the LBA as it was.</summary>
    public AtaRegisters Failed(AtaFailure failure) => Failed(failure, Lba);

    /// <summary>The registers after the command failed at a sector.</summary>
    public AtaRegisters Failed(AtaFailure failure, ulong lba)
    {
        (AtaStatus status, AtaError error) = failure switch
        {
            AtaFailure.Aborted => (AtaStatus.Error, AtaError.Aborted),
            AtaFailure.NotFound => (AtaStatus.Error, AtaError.IdNotFound),
            AtaFailure.Uncorrectable => (AtaStatus.Error, AtaError.Uncorrectable),
            _ => (AtaStatus.Error | AtaStatus.DeviceFault, AtaError.Aborted),
        };
        return this with { Feature = (byte)error, Command = (byte)(AtaStatus.Ready | status), Lba = lba };
    }
}

/// <summary>How a command ends that does not go well.</summary>
internal enum AtaFailure : byte
{
    /// <summary>It did not fail.</summary>
    None,

    /// <summary>ABRT: the device does not do that, or not now.</summary>
    Aborted,

    /// <summary>IDNF: a sector beyond the end.</summary>
    NotFound,

    /// <summary>UNC: a sector that cannot be read.</summary>
    Uncorrectable,

    /// <summary>DF: the device is faulty.</summary>
    Fault,
}

/// <summary>Bits of the status register that are used here.</summary>
[Flags]
internal enum AtaStatus : byte
{
    /// <summary>ERR: the error register says what.</summary>
    Error = 0x01,

    /// <summary>DF: device fault.</summary>
    DeviceFault = 0x20,

    /// <summary>DRDY: always set.</summary>
    Ready = 0x40,
}

/// <summary>Bits of the error register that are used here.</summary>
[Flags]
internal enum AtaError : byte
{
    /// <summary>ABRT.</summary>
    Aborted = 0x04,

    /// <summary>IDNF.</summary>
    IdNotFound = 0x10,

    /// <summary>UNC.</summary>
    Uncorrectable = 0x40,
}
