using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Voe.Server.Aoe.Link;

/// <summary>An interface to serve AoE at; as text <c>IFACE[,mtu=N]</c>.</summary>
/// <param name="Interface">Its name.</param>
/// <param name="MaxMtu">The MTU that is not exceeded though the interface has a larger one, or null for the interface's own.</param>
internal sealed record AoeLinkSpec(string Interface, int? MaxMtu)
{
    /// <summary>The least MTU: room for one sector.</summary>
    public const int MinMtu = 36 + 512;

    /// <summary>The largest MTU that an interface can have.</summary>
    public const int LargestMtu = 65535;

    /// <summary>Parses the text form; if that fails, <paramref name="error"/> says what would be right.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out AoeLinkSpec? spec, out string error)
    {
        spec = null;
        string[] parts = text.Split(',');
        int? mtu = null;
        error = $"\"{text}\" is no interface: write IFACE or IFACE,mtu=N, such as eth1,mtu=9000";
        if (!EthernetInterface.IsName(parts[0]) || parts.Length > 2)
        {
            return false;
        }

        if (parts.Length == 2)
        {
            if (!parts[1].StartsWith("mtu=", StringComparison.Ordinal))
            {
                return false;
            }

            if (!int.TryParse(parts[1].AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out int given)
                || given is < MinMtu or > LargestMtu)
            {
                error = $"\"{text}\": mtu is a number from {MinMtu} to {LargestMtu}";
                return false;
            }

            mtu = given;
        }

        error = "";
        spec = new AoeLinkSpec(parts[0], mtu);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => MaxMtu is { } mtu ? $"{Interface},mtu={mtu}" : Interface;
}
