using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using Voe.Store;
using Voe.Store.Chunks;

namespace Voe.Server.Configuration;

/// <summary>A volume that is to exist: <c>NAME=SIZE[,compression=none|lz4|zstd[:LEVEL]][,chunk-size=SIZE]</c>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its size in bytes, a multiple of 512.</param>
/// <param name="Compression">How its chunks are compressed, or null for the default of new volumes.</param>
/// <param name="ChunkSize">Its chunk size in bytes, or null for the default of new volumes.</param>
internal sealed record VolumeSpec(string Name, long Size, CompressionSetting? Compression, int? ChunkSize)
{
    /// <summary>The chunk size of a new volume that asks for none.</summary>
    public const int DefaultChunkSize = 4096;

    private const int MinChunkSize = 4 << 10;
    private const int MaxChunkSize = 64 << 10;
    private const int SectorSize = 512;
    private const string CompressionKey = "compression=";
    private const string ChunkSizeKey = "chunk-size=";

    /// <summary>Parses the text form; if that fails, <paramref name="error"/> says what would be right.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out VolumeSpec? spec, out string error)
    {
        spec = null;
        string[] parts = text.Split(',');
        int equals = parts[0].IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            error = $"\"{text}\" is no volume: write NAME=SIZE[,compression=none|lz4|zstd[:LEVEL]][,chunk-size=SIZE]";
            return false;
        }

        if (!ByteSize.TryParse(parts[0].AsSpan(equals + 1), out long size) || size <= 0 || size % SectorSize != 0)
        {
            error = $"\"{text}\": \"{parts[0][(equals + 1)..]}\" is no size of a volume: {ByteSize.Expected}, a multiple of 512, above 0";
            return false;
        }

        CompressionSetting? compression = null;
        int? chunkSize = null;
        foreach (string part in parts.AsSpan(1))
        {
            if (part.StartsWith(CompressionKey, StringComparison.Ordinal))
            {
                if (!CompressionSetting.TryParse(part[CompressionKey.Length..], out CompressionSetting setting))
                {
                    error = $"\"{text}\": \"{part}\" is no compression: write none, lz4, zstd, "
                        + $"or zstd:LEVEL with 1 to {CompressionSetting.MaxZstdLevel}";
                    return false;
                }

                compression = setting;
            }
            else if (part.StartsWith(ChunkSizeKey, StringComparison.Ordinal)
                && ByteSize.TryParse(part.AsSpan(ChunkSizeKey.Length), out long chunk)
                && chunk is >= MinChunkSize and <= MaxChunkSize && BitOperations.IsPow2(chunk))
            {
                chunkSize = (int)chunk;
            }
            else
            {
                error = part.StartsWith(ChunkSizeKey, StringComparison.Ordinal)
                    ? $"\"{text}\": \"{part}\" is no chunk size: write 4KiB, 8KiB, 16KiB, 32KiB or 64KiB"
                    : $"\"{text}\": \"{part}\" is not known: after NAME=SIZE come compression= and chunk-size=";
                return false;
            }
        }

        error = "";
        spec = new VolumeSpec(parts[0][..equals], size, compression, chunkSize);
        return true;
    }
}
