namespace Voe.Store.Index;

/// <summary>Maps RocksDB's errors, which are texts that begin with the kind, to the engine's.</summary>
internal static class RocksErrors
{
    private const string Remedy = "close the store and delete this directory: the index is rebuilt from the packs";

    /// <summary>The error for a message of RocksDB that came up while the index was in use.</summary>
    public static StoreException Translate(string directory, string message)
    {
        if (IsNoRoom(message))
        {
            return new StoreFullException($"index in {directory}: {message}");
        }

        return message.StartsWith("Corruption", StringComparison.Ordinal)
            ? new StoreDamagedException($"index in {directory}: {message}; {Remedy}")
            : new StoreIOException($"index in {directory}: {message}");
    }

    /// <summary>The error for a message of RocksDB when it was opened: what is not a matter of room, rights or locks is damage.</summary>
    public static StoreException TranslateOpen(string directory, string message)
    {
        if (IsNoRoom(message))
        {
            return new StoreFullException($"index in {directory}: {message}");
        }

        if (message.Contains("lock", StringComparison.OrdinalIgnoreCase) && message.StartsWith("IO error", StringComparison.Ordinal))
        {
            return new StoreLockedException($"index in {directory}: {message}");
        }

        return message.Contains("Permission denied", StringComparison.Ordinal)
            || message.Contains("Input/output error", StringComparison.Ordinal)
            ? new StoreIOException($"index in {directory}: {message}")
            : new StoreDamagedException($"index in {directory}: {message}; {Remedy}");
    }

    private static bool IsNoRoom(string message) =>
        message.Contains("No space left", StringComparison.Ordinal)
        || message.Contains("NoSpace", StringComparison.Ordinal)
        || message.Contains("Disk quota exceeded", StringComparison.Ordinal);
}
