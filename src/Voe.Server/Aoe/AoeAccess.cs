namespace Voe.Server.Aoe;

/// <summary>
/// Who may use a target: the access list of the configuration, the mask list and the reservation of the run time
/// (AoEr11, 3.3 and 3.4). Addresses are what senders claim: these lists keep apart those who are honest.
/// </summary>
/// <remarks>
/// Safe from many threads; readers see whole lists. The lists of the run time are forgotten when the target ends, so that a
/// restart undoes a mask that shut everybody out.
/// </remarks>
internal sealed class AoeAccess(IEnumerable<MacAddress> allowed)
{
    /// <summary>Addresses in the mask list at most: what fits the answer at an MTU of 1500 with room to spare.</summary>
    public const int MaxMasks = 128;

    /// <summary>Addresses in a reservation at most, for the same reason.</summary>
    public const int MaxReservations = 240;

    private readonly Lock _editing = new();
    private readonly MacAddress[] _allowed = [.. allowed];
    private volatile MacAddress[] _masks = [];
    private volatile MacAddress[] _reservations = [];

    /// <summary>The mask list.</summary>
    public ReadOnlySpan<MacAddress> Masks => _masks;

    /// <summary>The reservation; empty when there is none.</summary>
    public ReadOnlySpan<MacAddress> Reservations => _reservations;

    /// <summary>Whom to announce the target to; empty for everybody.</summary>
    public ReadOnlySpan<MacAddress> Audience => _masks is { Length: > 0 } masks ? masks : _allowed;

    /// <summary>Whether somebody's frames are answered at all.</summary>
    public bool Admits(MacAddress source) => IsIn(_allowed, source) && IsIn(_masks, source);

    /// <summary>Whether somebody may use the disk, as far as reservations go.</summary>
    public bool MayUse(MacAddress source) => IsIn(_reservations, source);

    /// <summary>Does the directives, all or none.</summary>
    /// <returns>
    /// What failed, and the number of the directive that did. To add what is there and to delete what is not is no failure:
    /// the frame may be a repetition.
    /// </returns>
    public (MaskError Error, int Directive) Edit(ReadOnlySpan<byte> directives)
    {
        lock (_editing)
        {
            List<MacAddress> masks = [.. _masks];
            for (int i = 0; i < directives.Length / MaskArgument.DirectiveSize; i++)
            {
                ReadOnlySpan<byte> directive = directives.Slice(i * MaskArgument.DirectiveSize, MaskArgument.DirectiveSize);
                MaskError error = Apply(masks, (MaskDirective)directive[1], MacAddress.Read(directive[2..]));
                if (error != MaskError.None)
                {
                    return (error, i);
                }
            }

            _masks = [.. masks];
            return default;
        }
    }

    /// <summary>Sets the reservation; false when somebody else has it and it is not forced.</summary>
    /// <param name="source">Who asks.</param>
    /// <param name="list">The addresses, 6 bytes each, at most <see cref="MaxReservations"/>; none ends the reservation.</param>
    /// <param name="isForced">Whether it is set in any case.</param>
    public bool TryReserve(MacAddress source, ReadOnlySpan<byte> list, bool isForced)
    {
        lock (_editing)
        {
            if (!isForced && !MayUse(source))
            {
                return false;
            }

            var reservations = new MacAddress[list.Length / MacAddress.Size];
            for (int i = 0; i < reservations.Length; i++)
            {
                reservations[i] = MacAddress.Read(list[(i * MacAddress.Size)..]);
            }

            _reservations = reservations;
            return true;
        }
    }

    private static MaskError Apply(List<MacAddress> masks, MaskDirective directive, MacAddress address)
    {
        switch (directive)
        {
            case MaskDirective.None:
                return MaskError.None;
            case MaskDirective.Delete:
                masks.Remove(address);
                return MaskError.None;
            case MaskDirective.Add when !address.IsStation:
                return MaskError.Unspecified;
            case MaskDirective.Add when masks.Contains(address):
                return MaskError.None;
            case MaskDirective.Add when masks.Count == MaxMasks:
                return MaskError.Full;
            case MaskDirective.Add:
                masks.Add(address);
                return MaskError.None;
            default:
                return MaskError.BadDirective;
        }
    }

    // No list lets everybody in.
    private static bool IsIn(MacAddress[] list, MacAddress address) => list.Length == 0 || Array.IndexOf(list, address) >= 0;
}
