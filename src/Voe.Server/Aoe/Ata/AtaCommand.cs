namespace Voe.Server.Aoe.Ata;

/// <summary>Command codes (ACS-2, table "command codes", and ATA/ATAPI-6) that the disk knows; it aborts all others.</summary>
internal enum AtaCommand : byte
{
    /// <summary>DATA SET MANAGEMENT.</summary>
    DataSetManagement = 0x06,

    /// <summary>READ SECTOR(S).</summary>
    ReadSectors = 0x20,

    /// <summary>READ SECTOR(S) EXT.</summary>
    ReadSectorsExt = 0x24,

    /// <summary>READ DMA EXT.</summary>
    ReadDmaExt = 0x25,

    /// <summary>WRITE SECTOR(S).</summary>
    WriteSectors = 0x30,

    /// <summary>WRITE SECTOR(S) EXT.</summary>
    WriteSectorsExt = 0x34,

    /// <summary>WRITE DMA EXT.</summary>
    WriteDmaExt = 0x35,

    /// <summary>READ VERIFY SECTOR(S).</summary>
    ReadVerify = 0x40,

    /// <summary>READ VERIFY SECTOR(S) EXT.</summary>
    ReadVerifyExt = 0x42,

    /// <summary>SMART; the feature register says which.</summary>
    Smart = 0xb0,

    /// <summary>READ DMA.</summary>
    ReadDma = 0xc8,

    /// <summary>WRITE DMA.</summary>
    WriteDma = 0xca,

    /// <summary>STANDBY IMMEDIATE.</summary>
    StandbyImmediate = 0xe0,

    /// <summary>IDLE IMMEDIATE.</summary>
    IdleImmediate = 0xe1,

    /// <summary>STANDBY.</summary>
    Standby = 0xe2,

    /// <summary>IDLE.</summary>
    Idle = 0xe3,

    /// <summary>CHECK POWER MODE.</summary>
    CheckPowerMode = 0xe5,

    /// <summary>SLEEP.</summary>
    Sleep = 0xe6,

    /// <summary>FLUSH CACHE.</summary>
    FlushCache = 0xe7,

    /// <summary>FLUSH CACHE EXT.</summary>
    FlushCacheExt = 0xea,

    /// <summary>IDENTIFY DEVICE.</summary>
    IdentifyDevice = 0xec,

    /// <summary>SET FEATURES; the feature register says which.</summary>
    SetFeatures = 0xef,
}
