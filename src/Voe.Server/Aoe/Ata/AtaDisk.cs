namespace Voe.Server.Aoe.Ata;

/// <summary>
/// The state of a disk that ATA commands see beside its sectors, and what each command means (ACS-2). It moves no data: it
/// says what is to be done.
/// </summary>
/// <remarks>
/// Safe from many threads; the state is a few independent flags, so commands that change one at the same time have some order.
/// No sector or flag is lost by SLEEP: on this wire nothing could wake a disk that sleeps, so it is a standby.
/// </remarks>
/// <param name="hasWriteCache">
/// Whether a write that went well is still to be flushed. Hosts may then turn that off and on (SET FEATURES); where writes
/// are durable at once, there is no cache that could be turned on.
/// </param>
internal sealed class AtaDisk(bool hasWriteCache)
{
    /// <summary>Bytes of a sector, the unit of LBAs.</summary>
    public const int SectorSize = 512;

    private const byte TrimFeature = 0x01;
    private const ulong SmartKey = 0xc2_4f00;
    private const ulong SmartKeyMask = 0xff_ff00;
    private const ulong Mask28 = 0x0fff_ffff;

    private volatile bool _isWriteCacheOff;
    private volatile bool _isSmartOff;
    private volatile PowerMode _power = PowerMode.Active;

    // What CHECK POWER MODE answers.
    private enum PowerMode : byte
    {
        Standby = 0x00,
        Idle = 0x80,
        Active = 0xff,
    }

    /// <summary>Whether a write that went well is still to be flushed.</summary>
    public bool IsWriteCacheOn => hasWriteCache && !_isWriteCacheOff;

    /// <summary>Whether it has a write cache that can be turned on.</summary>
    public bool HasWriteCache => hasWriteCache;

    /// <summary>Whether SMART is enabled.</summary>
    public bool IsSmartOn => !_isSmartOff;

    /// <summary>Says what a command means; changes the state if it is one that does.</summary>
    /// <param name="registers">The command; bits of the LBA that a 28-bit command does not have are ignored.</param>
    /// <param name="sectors">Sectors of the disk at this moment.</param>
    /// <param name="isReadOnly">Whether what changes sectors is refused.</param>
    public AtaRequest Begin(in AtaRegisters registers, long sectors, bool isReadOnly)
    {
        switch ((AtaCommand)registers.Command)
        {
            case AtaCommand.ReadSectors or AtaCommand.ReadDma:
                return Transfer(AtaAction.Read, registers, sectors, isExtended: false);
            case AtaCommand.ReadSectorsExt or AtaCommand.ReadDmaExt:
                return Transfer(AtaAction.Read, registers, sectors, isExtended: true);
            case AtaCommand.ReadVerify:
                return Transfer(AtaAction.Verify, registers, sectors, isExtended: false);
            case AtaCommand.ReadVerifyExt:
                return Transfer(AtaAction.Verify, registers, sectors, isExtended: true);
            case AtaCommand.WriteSectors or AtaCommand.WriteDma or AtaCommand.WriteSectorsExt or AtaCommand.WriteDmaExt
                or AtaCommand.DataSetManagement when isReadOnly:
                return Refused(registers);
            case AtaCommand.WriteSectors or AtaCommand.WriteDma:
                return Transfer(AtaAction.Write, registers, sectors, isExtended: false);
            case AtaCommand.WriteSectorsExt or AtaCommand.WriteDmaExt:
                return Transfer(AtaAction.Write, registers, sectors, isExtended: true);
            case AtaCommand.DataSetManagement:
                return registers is { Feature: TrimFeature, Count: > 0 }
                    ? new AtaRequest(AtaAction.Trim, registers, SectorCount: registers.Count)
                    : Refused(registers);
            case AtaCommand.FlushCache or AtaCommand.FlushCacheExt:
                return new AtaRequest(AtaAction.Flush, registers);
            case AtaCommand.IdentifyDevice:
                return new AtaRequest(AtaAction.Identify, registers);
            case AtaCommand.Smart:
                return Smart(registers);
            case AtaCommand.SetFeatures:
                return SetFeatures(registers);
            default:
                return Power(registers);
        }
    }

    private static AtaRequest Refused(in AtaRegisters registers) => new(AtaAction.Answer, registers.Failed(AtaFailure.Aborted));

    private static AtaRequest Accepted(in AtaRegisters registers) => new(AtaAction.Answer, registers.Done());

    private AtaRequest Transfer(AtaAction action, in AtaRegisters registers, long sectors, bool isExtended)
    {
        _power = PowerMode.Active;
        ulong first = isExtended ? registers.Lba : registers.Lba & Mask28;
        int count = registers.Count != 0 ? registers.Count : isExtended ? 1 << 16 : 1 << 8;
        if (first + (ulong)count > (ulong)sectors)
        {
            // The first sector that is not there.
            ulong missing = Math.Max(first, (ulong)sectors);
            return new AtaRequest(AtaAction.Answer, registers.Failed(AtaFailure.NotFound, missing), (long)first, count);
        }

        return new AtaRequest(action, registers, (long)first, count);
    }

    private AtaRequest Power(in AtaRegisters registers)
    {
        switch ((AtaCommand)registers.Command)
        {
            case AtaCommand.CheckPowerMode:
                return Accepted(registers with { Count = (byte)_power });
            case AtaCommand.Idle or AtaCommand.IdleImmediate:
                _power = PowerMode.Idle;
                return Accepted(registers);
            case AtaCommand.Standby or AtaCommand.StandbyImmediate or AtaCommand.Sleep:
                // A disk writes its cache out before it stops spinning.
                _power = PowerMode.Standby;
                return new AtaRequest(AtaAction.Flush, registers);
            default:
                return Refused(registers);
        }
    }

    private AtaRequest Smart(in AtaRegisters registers)
    {
        const byte ReadData = 0xd0, ReadThresholds = 0xd1, AutoSave = 0xd2, Enable = 0xd8, Disable = 0xd9, ReturnStatus = 0xda;
        if ((registers.Lba & SmartKeyMask) != SmartKey || (_isSmartOff && registers.Feature != Enable))
        {
            return Refused(registers);
        }

        switch (registers.Feature)
        {
            case ReadData:
                return new AtaRequest(AtaAction.SmartData, registers);
            case ReadThresholds:
                return new AtaRequest(AtaAction.SmartThresholds, registers);
            case Enable or Disable:
                _isSmartOff = registers.Feature == Disable;
                return Accepted(registers);
            case AutoSave or ReturnStatus:
                // The key left in the LBA registers means that all is well. Damage is met, and said, sector by sector.
                return Accepted(registers);
            default:
                return Refused(registers);
        }
    }

    private AtaRequest SetFeatures(in AtaRegisters registers)
    {
        const byte CacheOn = 0x02, TransferMode = 0x03, LookAheadOff = 0x55, KeepSettings = 0x66;
        const byte CacheOff = 0x82, LookAheadOn = 0xaa, DefaultSettings = 0xcc;
        switch (registers.Feature)
        {
            case CacheOn when hasWriteCache:
                _isWriteCacheOff = false;
                return Accepted(registers);
            case CacheOff when hasWriteCache:
                _isWriteCacheOff = true;
                return new AtaRequest(AtaAction.Flush, registers);
            case CacheOff or TransferMode or LookAheadOff or LookAheadOn or KeepSettings or DefaultSettings:
                // True already, or without meaning where there are neither cables nor heads.
                return Accepted(registers);
            default:
                return Refused(registers);
        }
    }
}
