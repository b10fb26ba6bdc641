using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Voe.Server.Aoe;

/// <summary>An Ethernet address: 48 bits, the first byte on the wire in the highest place.</summary>
internal readonly record struct MacAddress
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 6;

    private const ulong Mask = 0xffff_ffff_ffff;
    private const ulong GroupBit = 1UL << 40;

    /// <summary>An address from its number; the upper 16 bits must be zero.</summary>
    public MacAddress(ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Mask);
        Value = value;
    }

    /// <summary>ff:ff:ff:ff:ff:ff, everybody.</summary>
    public static MacAddress Broadcast => new(Mask);

    /// <summary>The address as a number.</summary>
    public ulong Value { get; }

    /// <summary>Whether it stands for everybody on the wire.</summary>
    public bool IsBroadcast => Value == Mask;

    /// <summary>Whether one station can have it: neither a group's address nor all zeroes.</summary>
    public bool IsStation => Value != 0 && (Value & GroupBit) == 0;

    /// <summary>Reads the address at the start of <paramref name="source"/>, which has 6 bytes at least.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> source) => new(
        ((ulong)source[0] << 40) | ((ulong)source[1] << 32) | ((ulong)source[2] << 24)
        | ((ulong)source[3] << 16) | ((ulong)source[4] << 8) | source[5]);

    /// <summary>Parses "00:16:3e:01:02:03"; hyphens do as well, and letters of either case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out MacAddress address)
    {
        address = default;
        if (text is not { Length: (3 * Size) - 1 } || text[2] is not (':' or '-'))
        {
            return false;
        }

        ulong value = 0;
        for (int i = 0; i < Size; i++)
        {
            if ((i > 0 && text[(3 * i) - 1] != text[2])
                || !byte.TryParse(text.AsSpan(3 * i, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte part))
            {
                return false;
            }

            value = (value << 8) | part;
        }

        address = new MacAddress(value);
        return true;
    }

    /// <summary>Writes the 6 bytes to the start of <paramref name="destination"/>.</summary>
    public void Write(Span<byte> destination)
    {
        for (int i = 0; i < Size; i++)
        {
            destination[i] = (byte)(Value >> (8 * (Size - 1 - i)));
        }
    }

    /// <summary>As "00:16:3e:01:02:03".</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}";
    }
}
