using System.Globalization;
using System.Net.NetworkInformation;
using System.Text;

namespace Voe.Admin.Targets;

/// <summary>What can be said of an AoE target, as text: addresses, Ethernet addresses, promises.</summary>
public static class TargetAddress
{
    /// <summary>The most bytes of a config string.</summary>
    public const int MaxConfigStringLength = 1024;

    private const int MaxShelf = 0xfffe;
    private const int MaxSlot = 0xfe;
    private const int MacSize = 6;

    /// <summary>The promises there are.</summary>
    public static IReadOnlyList<string> Durabilities { get; } = ["power", "process"];

    /// <summary>An address as text: <c>1.0</c>.</summary>
    public static string Format(int shelf, int slot) => string.Create(CultureInfo.InvariantCulture, $"{shelf}.{slot}");

    /// <summary>Parses the address of a target, <c>SHELF.SLOT</c>.</summary>
    /// <exception cref="AdminException">It is none.</exception>
    public static (int Shelf, int Slot) Parse(string text)
    {
        string[] parts = text.Split('.');
        return parts.Length == 2 && TryParse(parts[0], MaxShelf, out int shelf) && TryParse(parts[1], MaxSlot, out int slot)
            ? (shelf, slot)
            : throw new AdminException(
                AdminErrorKind.Invalid, $"\"{text}\" is no AoE address: write SHELF.SLOT, 0 to {MaxShelf} and 0 to {MaxSlot}, such as 1.0");
    }

    /// <summary>The Ethernet address of a station, in the form 00:16:3e:01:02:03.</summary>
    /// <exception cref="AdminException">It is none.</exception>
    public static string ParseMac(string text)
    {
        byte[] bytes = PhysicalAddress.TryParse(text, out PhysicalAddress? mac) ? mac.GetAddressBytes() : [];
        bool isStation = bytes.Length == MacSize && (bytes[0] & 1) == 0 && bytes.AsSpan().ContainsAnyExcept((byte)0);
        return isStation
            ? string.Join(':', bytes.Select(part => part.ToString("x2", CultureInfo.InvariantCulture)))
            : throw new AdminException(
                AdminErrorKind.Invalid, $"\"{text}\" is no Ethernet address of a station: write it as 00:16:3e:01:02:03");
    }

    /// <summary>A config string, as it goes over the wire.</summary>
    /// <exception cref="AdminException">It is too long.</exception>
    public static byte[] ParseConfigString(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length <= MaxConfigStringLength
            ? bytes
            : throw new AdminException(
                AdminErrorKind.Invalid, $"the config string has {bytes.Length} bytes, at most {MaxConfigStringLength} are possible");
    }

    /// <summary>A promise.</summary>
    /// <exception cref="AdminException">It is none.</exception>
    public static string ParseDurability(string text) => Durabilities.Contains(text, StringComparer.Ordinal)
        ? text
        : throw new AdminException(AdminErrorKind.Invalid, $"\"{text}\" is no durability: write {string.Join(" or ", Durabilities)}");

    private static bool TryParse(string text, int max, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= max;
}
