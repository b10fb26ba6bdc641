using Voe.Store.Devices;

namespace Voe.Server.Exports;

/// <summary>A device under the name by which clients find it.</summary>
/// <param name="Name">The name; at most 4,096 bytes of UTF-8, not empty.</param>
/// <param name="Device">The device; the table does not own it.</param>
/// <param name="Description">A sentence for people, may be empty.</param>
internal sealed record Export(string Name, IBlockDevice Device, string Description);
