using System.Diagnostics.CodeAnalysis;
using Voe.Store;
using Voe.Store.Chunks;

namespace Voe.Server.Configuration.Sections;

/// <summary><c>[[volume]]</c>: a volume of the store that is to exist.</summary>
internal static class VolumeSection
{
    /// <summary>A volume's name.</summary>
    public static ValueKind<string> VolumeName { get; } = ValueKinds.Parsed<string>("NAME", ParseName, static name => name);

    private static readonly ValueKind<int> ChunkSize = ValueKinds.Choice(
        "SIZE", ("4KiB", 4 << 10), ("8KiB", 8 << 10), ("16KiB", 16 << 10), ("32KiB", 32 << 10), ("64KiB", 64 << 10));

    /// <summary>The section.</summary>
    public static ConfigSection<VolumeSpec> Section { get; } = new("volume", isRepeated: true,
    [
        new ConfigKey<VolumeSpec, string>(
            "name", VolumeName, static (volume, value) => volume with { Name = value },
            "The volume's name: letters, digits, '.', '_' and '-', a letter or digit first.")
        {
            IsRequired = true,
        },
        new ConfigKey<VolumeSpec, long>(
            "size", ValueKinds.Size(VolumeLimits.SectorSize, VolumeLimits.MaxSize, VolumeLimits.SectorSize),
            static (volume, value) => volume with { Size = value },
            "The volume's size, a multiple of 512.")
        {
            IsRequired = true,
        },
        new ConfigKey<VolumeSpec, int>(
            "chunk-size", ChunkSize with { Read = ReadChunkSize }, VolumeSpec.DefaultChunkSize,
            static (volume, value) => volume with { ChunkSize = value },
            "The size of its chunks. Small ones find the most duplicates, large ones take less index and compress better. Never changes."),
        new ConfigKey<VolumeSpec, CompressionSetting>(
            "compression", ValueKinds.Parsed<CompressionSetting>("SETTING", ParseCompression, static setting => setting.ToString()),
            CompressionSetting.Lz4, static (volume, value) => volume with { Compression = value },
            $"How new chunks are compressed: none, lz4, zstd, or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}."),
    ]);

    private static bool ParseName(string text, out string name, out string error)
    {
        name = text;
        error = "";
        try
        {
            VolumeLimits.RequireName(text);
            return true;
        }
        catch (InvalidVolumeException wrong)
        {
            error = wrong.Message;
            return false;
        }
    }

    // Any way to write the size will do: 4KiB, 4K, 4096.
    private static bool ReadChunkSize(ConfigValue value, ReportMistake report, out int chunkSize)
    {
        long size = value.Number;
        bool isSize = value.Kind == ConfigValueKind.Number || (value.IsText && ByteSize.TryParse(value.Text, out size));
        chunkSize = (int)Math.Clamp(size, 0, int.MaxValue);
        if (isSize && VolumeLimits.IsChunkSize(chunkSize))
        {
            return true;
        }

        report(value.Line, $"{value.Shown} is no chunk size: write 4KiB, 8KiB, 16KiB, 32KiB or 64KiB");
        return false;
    }

    private static bool ParseCompression(string text, out CompressionSetting setting, out string error)
    {
        error = $"\"{text}\" is no compression: write none, lz4, zstd, or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}";
        return CompressionSetting.TryParse(text, out setting);
    }
}
