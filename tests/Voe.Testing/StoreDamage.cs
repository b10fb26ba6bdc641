using System.Globalization;

namespace Voe.Testing;

/// <summary>What is done to a store's files.</summary>
public enum DamageKind
{
    /// <summary>One bit is flipped.</summary>
    FlipBit,

    /// <summary>A few bits are flipped, near to each other.</summary>
    FlipBits,

    /// <summary>A range is zeros.</summary>
    ZeroRange,

    /// <summary>A range is noise.</summary>
    Noise,

    /// <summary>The file is cut.</summary>
    Truncate,

    /// <summary>The file is gone.</summary>
    Delete,

    /// <summary>Two packs have each other's name.</summary>
    SwapPacks,
}

/// <summary>Damages the packs and the superblock of a store on a simulated disk, as a seed says.</summary>
public static class StoreDamage
{
    /// <summary>Does one thing, and returns what, in words, or null when it was not possible.</summary>
    public static string? Apply(SimulatedDisk disk, Random random)
    {
        (string Path, long Length)[] files =
            [.. disk.Files().Where(static file => file.Length > 0 && (file.Path.StartsWith("packs/", StringComparison.Ordinal)
                || string.Equals(file.Path, "superblock", StringComparison.Ordinal)))];
        (string path, long length) = files[random.Next(files.Length)];
        DamageKind kind = random.Next(12) switch
        {
            < 3 => DamageKind.FlipBit,
            < 5 => DamageKind.FlipBits,
            < 7 => DamageKind.ZeroRange,
            < 8 => DamageKind.Noise,
            < 10 => DamageKind.Truncate,
            < 11 => DamageKind.Delete,
            _ => DamageKind.SwapPacks,
        };
        return Apply(disk, random, kind, path, length);
    }

    /// <summary>Damages one file in one manner.</summary>
    public static string? Apply(SimulatedDisk disk, Random random, DamageKind kind, string path, long length)
    {
        long at = random.NextInt64(length);
        int count = (int)Math.Min(length - at, random.Next(3) == 0 ? random.Next(1, 100_000) : random.Next(1, 9000));
        byte[] noise = new byte[count];
        switch (kind)
        {
            case DamageKind.FlipBit:
                disk.FlipBit(path, at, random.Next(8));
                count = 1;
                break;
            case DamageKind.FlipBits:
                count = Math.Min(count, 40);
                for (int i = 0; i < 3; i++)
                {
                    disk.FlipBit(path, at + random.Next(count), random.Next(8));
                }

                break;
            case DamageKind.ZeroRange:
                disk.Overwrite(path, at, noise);
                break;
            case DamageKind.Noise:
                random.NextBytes(noise);
                disk.Overwrite(path, at, noise);
                break;
            case DamageKind.Truncate:
                disk.Truncate(path, at);
                break;
            case DamageKind.Delete:
                disk.Delete(path);
                break;
            default:
                return Swap(disk, random);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{kind} {path} of {length} bytes at {at}, {count} bytes");
    }

    private static string? Swap(SimulatedDisk disk, Random random)
    {
        string[] packs =
            [.. disk.Files().Select(static file => file.Path).Where(static path => path.StartsWith("packs/", StringComparison.Ordinal))];
        if (packs.Length < 2)
        {
            return null;
        }

        random.Shuffle(packs);
        disk.Swap(packs[0], packs[1]);
        return $"swap {packs[0]} and {packs[1]}";
    }
}
