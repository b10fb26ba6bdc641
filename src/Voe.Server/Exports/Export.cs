using Voe.Store.Devices;

namespace Voe.Server.Exports;

/// <summary>A device under the name by which clients find it.</summary>
/// <param name="Name">The name; at most 4,096 bytes of UTF-8, not empty.</param>
/// <param name="Device">The device; the table does not own it. See <see cref="ReadOnlyDevice.Behind"/> for what it may hide.</param>
/// <param name="Description">A sentence for people, may be empty.</param>
internal sealed record Export(string Name, IBlockDevice Device, string Description)
{
    /// <summary>Whether clients that ask for no name get it; true of one export at most.</summary>
    public bool IsDefault { get; init; }
}
