using System.Globalization;

namespace Voe.Store;

/// <summary>
/// Sizes as people write them: <c>4096</c>, <c>64KiB</c>, <c>64K</c>, <c>10GiB</c>, <c>10G</c>, <c>2TiB</c>. All units are
/// powers of 1,024; <c>GB</c> and its like are refused, since readers disagree on what they mean.
/// </summary>
public static class ByteSize
{
    /// <summary>What would be right, for messages.</summary>
    public const string Expected = "write bytes (4096) or a whole number with K, M, G, T or KiB, MiB, GiB, TiB";

    private const string Units = "KMGT";

    /// <summary>Parses a size in bytes.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out long size)
    {
        size = 0;
        int digits = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> unit = digits < 0 ? [] : text[digits..];
        if (!long.TryParse(digits < 0 ? text : text[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return false;
        }

        int shift = 0;
        if (unit.Length > 0)
        {
            int position = Units.IndexOf(unit[0], StringComparison.Ordinal);
            if (position < 0 || !(unit.Length == 1 || unit[1..].SequenceEqual("iB")))
            {
                return false;
            }

            shift = 10 * (position + 1);
        }

        size = number << shift;
        return size >> shift == number;
    }

    /// <summary>A text form for people: the largest unit, one digit behind the point.</summary>
    public static string Round(long size)
    {
        double number = size;
        int unit = 0;
        while (unit < Units.Length && number >= 1023.95)
        {
            number /= 1024;
            unit++;
        }

        return unit == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{size} bytes")
            : string.Create(CultureInfo.InvariantCulture, $"{number:F1} {Units[unit - 1]}iB");
    }

    /// <summary>The shortest exact text form.</summary>
    public static string Format(long size)
    {
        int unit = 0;
        while (unit < Units.Length && size != 0 && size % 1024 == 0)
        {
            size /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{size}{(unit == 0 ? " bytes" : " " + Units[unit - 1] + "iB")}");
    }
}
