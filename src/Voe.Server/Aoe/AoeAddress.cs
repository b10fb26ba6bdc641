using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Voe.Server.Aoe;

/// <summary>
/// The address of a target, "shelf.slot" (AoEr11, 2.4: "major" and "minor" address). All ones in a place is the
/// broadcast there: frames have that, a target does not.
/// </summary>
/// <param name="Shelf">0 to 65534 for a target.</param>
/// <param name="Slot">0 to 254 for a target.</param>
internal readonly record struct AoeAddress(ushort Shelf, byte Slot) : IComparable<AoeAddress>
{
    /// <summary>The shelf that means every shelf.</summary>
    public const ushort AnyShelf = 0xffff;

    /// <summary>The slot that means every slot.</summary>
    public const byte AnySlot = 0xff;

    /// <summary>Whether a target may have it: no broadcast in either place.</summary>
    public bool IsTarget => Shelf != AnyShelf && Slot != AnySlot;

    /// <summary>Parses the address of a target, as "1.0": two decimal numbers, no sign, no spaces.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out AoeAddress address)
    {
        address = default;
        int dot = text?.IndexOf('.', StringComparison.Ordinal) ?? -1;
        if (dot < 0
            || !ushort.TryParse(text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out ushort shelf)
            || !byte.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out byte slot))
        {
            return false;
        }

        address = new AoeAddress(shelf, slot);
        return address.IsTarget;
    }

    /// <summary>Whether a frame to this address, which may be a broadcast, is for <paramref name="target"/>.</summary>
    public bool Covers(AoeAddress target) =>
        (Shelf == target.Shelf || Shelf == AnyShelf) && (Slot == target.Slot || Slot == AnySlot);

    /// <summary>Orders by shelf, then by slot.</summary>
    public int CompareTo(AoeAddress other) => ((Shelf << 8) | Slot).CompareTo((other.Shelf << 8) | other.Slot);

    /// <summary>As "1.0".</summary>
    public override string ToString() => $"{Shelf}.{Slot}";
}
