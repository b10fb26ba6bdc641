using System.Text.Json;
using Voe.Admin.Commands;
using Voe.Store;

namespace Voe.Admin;

/// <summary>The last scrub of a store, kept with it as the side file <c>scrub</c>, in JSON. Safe from many threads.</summary>
/// <param name="store">The store.</param>
public sealed class ScrubRecord(VoeStore store)
{
    private const string FileName = "scrub";
    private readonly Lock _lock = new();

    /// <summary>The last one that came to its end; null when there was none, or nobody can read what was kept.</summary>
    public ScrubStatus? Last
    {
        get
        {
            try
            {
                byte[]? bytes = store.ReadSideFile(FileName);
                return bytes is null ? null : JsonSerializer.Deserialize(bytes, AdminJson.Default.ScrubStatus);
            }
            catch (Exception failure) when (failure is StoreException or JsonException)
            {
                return null; // it serves people, and the next one replaces it
            }
        }
    }

    /// <summary>Keeps a scrub. That it cannot be written, on a full disk, is no error of the scrub.</summary>
    public void Keep(ScrubStatus status)
    {
        try
        {
            lock (_lock)
            {
                store.WriteSideFile(FileName, JsonSerializer.SerializeToUtf8Bytes(status, AdminJson.Default.ScrubStatus));
            }
        }
        catch (StoreException)
        {
            // The findings were told.
        }
    }
}
