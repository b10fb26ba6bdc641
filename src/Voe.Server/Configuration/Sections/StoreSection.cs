using Voe.Store;
using Voe.Store.Hashing;

namespace Voe.Server.Configuration.Sections;

/// <summary><c>[store]</c>: where the store is and what it may take.</summary>
internal static class StoreSection
{
    private const long MiB = 1 << 20;
    private static readonly StoreOptions Defaults = new();

    /// <summary>The section.</summary>
    public static ConfigSection<ServerOptions> Section { get; } = new("store", isRepeated: false,
    [
        new ConfigKey<ServerOptions, string>(
            "path", ValueKinds.Path with { Placeholder = "DIR" }, static (options, value) => options with { StorePath = value },
            "The store's directory. One that is empty or missing becomes a store.")
        {
            Option = "--store",
        },
        Key(
            "hash", ValueKinds.Choice("HASH", ("blake3", HashAlgorithm.Blake3), ("sha256", HashAlgorithm.Sha256)), Defaults.HashAlgorithm,
            static (store, value) => store with { HashAlgorithm = value },
            "--hash", "The hash of a store that is created. An existing store keeps its own."),
        Key(
            "chunk-cache", ValueKinds.Size(0), Defaults.ChunkCacheSize, static (store, value) => store with { ChunkCacheSize = value },
            "--chunk-cache", "Memory for decoded chunks; 0 for none."),
        Key(
            "index-memory", ValueKinds.Size(16 * MiB), Defaults.IndexMemory, static (store, value) => store with { IndexMemory = value },
            "--index-memory", "Memory for the index outside RocksDB: recent changes and cached look-ups."),
        Key(
            "rocksdb-memory", ValueKinds.Size(16 * MiB), Defaults.RocksDbMemory,
            static (store, value) => store with { RocksDbMemory = value },
            "--rocksdb-memory", "Memory for RocksDB's block cache and memtables."),
        Key(
            "pack-size", ValueKinds.Size(MiB, 1024 * MiB), Defaults.PackSize, static (store, value) => store with { PackSize = (int)value },
            "--pack-size", "Size at which a pack of the log is sealed, 1MiB to 1GiB."),
        Key(
            "checkpoint-interval", ValueKinds.Size(MiB), Defaults.CheckpointInterval,
            static (store, value) => store with { CheckpointInterval = value },
            "--checkpoint-interval", "Log that is written between two checkpoints at most; bounds the time a start takes after a crash."),
        new ConfigKey<ServerOptions, bool>(
            "verify-hash", ValueKinds.Flag, Defaults.VerifyHashOnRead,
            static (options, value) => options with { Store = options.Store with { VerifyHashOnRead = value } },
            "Whether what is read is verified by its hash; its checksum is verified in any case.")
        {
            Option = "--no-verify-hash",
            OptionDoc = "Verify what is read by its checksum alone, not by its hash too.",
        },
    ]);

    private static ConfigKey<ServerOptions, V> Key<V>(
        string name, ValueKind<V> kind, V defaultValue, Func<StoreOptions, V, StoreOptions> set, string option, string doc) =>
        new(name, kind, defaultValue, (options, value) => options with { Store = set(options.Store, value) }, doc) { Option = option };
}
