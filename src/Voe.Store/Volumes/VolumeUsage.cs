namespace Voe.Store.Volumes;

/// <summary>What a volume holds, in bytes. The first two are as of the last checkpoint.</summary>
/// <param name="MappedBytes">Bytes of the volume that are not holes.</param>
/// <param name="ReferencedBytes">Stored bytes of its chunks, each counted as often as the volume holds it.</param>
/// <param name="NewBytes">
/// Stored bytes of the chunks that writes to this volume added to the store since it was opened: what was not there already.
/// </param>
public readonly record struct VolumeUsage(long MappedBytes, long ReferencedBytes, long NewBytes);
