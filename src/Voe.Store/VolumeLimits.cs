using System.Numerics;

namespace Voe.Store;

/// <summary>What sizes and names volumes can have.</summary>
public static class VolumeLimits
{
    /// <summary>The smallest chunk, in bytes; the default.</summary>
    public const int MinChunkSize = 4 << 10;

    /// <summary>The largest chunk, in bytes.</summary>
    public const int MaxChunkSize = 64 << 10;

    /// <summary>Sizes are multiples of this, in bytes.</summary>
    public const int SectorSize = 512;

    /// <summary>The largest volume: 2^52 bytes (4 PiB).</summary>
    public const long MaxSize = 1L << 52;

    /// <summary>The longest name.</summary>
    public const int MaxNameLength = 255;

    /// <summary>Whether a volume can have chunks of that many bytes.</summary>
    public static bool IsChunkSize(int length) => length is >= MinChunkSize and <= MaxChunkSize && BitOperations.IsPow2(length);

    /// <summary>Throws unless a volume can have that size.</summary>
    /// <exception cref="InvalidVolumeException">It cannot; the message says why.</exception>
    public static void RequireSize(long size)
    {
        if (size is <= 0 or > MaxSize || size % SectorSize != 0)
        {
            throw new InvalidVolumeException(
                $"a volume of {size} bytes is not possible: the size must be a multiple of {SectorSize}, more than 0 and "
                + $"at most {MaxSize}");
        }
    }

    /// <summary>Throws unless a volume can have chunks of that many bytes.</summary>
    /// <exception cref="InvalidVolumeException">It cannot; the message says why.</exception>
    public static void RequireChunkSize(int chunkSize)
    {
        if (!IsChunkSize(chunkSize))
        {
            throw new InvalidVolumeException(
                $"a chunk size of {chunkSize} bytes is not possible: it must be a power of two from {MinChunkSize} to {MaxChunkSize}");
        }
    }

    /// <summary>Throws unless a volume can have that name.</summary>
    /// <exception cref="InvalidVolumeException">It cannot; the message says why.</exception>
    public static void RequireName(string name)
    {
        bool isValid = name is { Length: > 0 and <= MaxNameLength } && char.IsAsciiLetterOrDigit(name[0]);
        for (int i = 1; isValid && i < name!.Length; i++)
        {
            isValid = char.IsAsciiLetterOrDigit(name[i]) || name[i] is '.' or '_' or '-';
        }

        if (!isValid)
        {
            throw new InvalidVolumeException(
                $"\"{name}\" cannot be a volume's name: 1 to {MaxNameLength} letters, digits, '.', '_' and '-' are "
                + "possible, a letter or digit first");
        }
    }
}
