using System.Globalization;

namespace Voe.Store.Chunks;

/// <summary>
/// How new chunks of a volume are compressed: a codec and, for zstd, a level. Text form: <c>none</c>, <c>lz4</c>,
/// <c>zstd</c>, <c>zstd:3</c>.
/// </summary>
/// <param name="Codec">The codec; <see cref="ChunkCodec.Raw"/> for none.</param>
/// <param name="Level">1 to 19 for zstd, 0 for the others.</param>
public readonly record struct CompressionSetting(ChunkCodec Codec, int Level)
{
    /// <summary>The level of <c>zstd</c> without one.</summary>
    public const int DefaultZstdLevel = 3;

    /// <summary>The highest level of zstd that is accepted.</summary>
    public const int MaxZstdLevel = 19;

    /// <summary>No compression.</summary>
    public static CompressionSetting None => new(ChunkCodec.Raw, 0);

    /// <summary>LZ4, the default.</summary>
    public static CompressionSetting Lz4 => new(ChunkCodec.Lz4, 0);

    /// <summary>Zstandard at <paramref name="level"/>.</summary>
    public static CompressionSetting Zstd(int level = DefaultZstdLevel) => new(ChunkCodec.Zstd, level);

    /// <summary>Whether codec and level are ones that exist.</summary>
    public bool IsValid => Codec switch
    {
        ChunkCodec.Raw or ChunkCodec.Lz4 => Level == 0,
        ChunkCodec.Zstd => Level is >= 1 and <= MaxZstdLevel,
        _ => false,
    };

    /// <summary>Parses the text form.</summary>
    public static bool TryParse(string? text, out CompressionSetting setting)
    {
        setting = text switch
        {
            "none" => None,
            "lz4" => Lz4,
            "zstd" => Zstd(),
            _ => default,
        };
        if (text is "none" or "lz4" or "zstd")
        {
            return true;
        }

        if (text is not null && text.StartsWith("zstd:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int level))
        {
            setting = Zstd(level);
            return setting.IsValid;
        }

        return false;
    }

    /// <summary>The text form.</summary>
    public override string ToString() => Codec switch
    {
        ChunkCodec.Raw => "none",
        ChunkCodec.Lz4 => "lz4",
        _ => string.Create(CultureInfo.InvariantCulture, $"zstd:{Level}"),
    };
}
